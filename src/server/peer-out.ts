import { randomInt } from 'node:crypto';
import type { SoundPacket } from '../pipeline/live.js';
import type { PackedPicture, Viewer } from '../pipeline/sinks/webrtc.js';
import { guarded } from './guarded.js';
import { Peer, type PeerOptions } from './peer.js';
import type { Werift } from './peer-werift.js';

type Sender = Werift.RTCRtpSender;

/** A packet that waits to leave. */
interface Outgoing {
  readonly sender: Sender;
  readonly payload: Uint8Array;
  readonly marker: boolean;
  readonly sequence: number;
  readonly rtp: number;
  /** Microseconds of the live clock that `rtp` stands for. */
  readonly timestamp: number;
}

/** So many packets leave at once, the next ones after a pause: a key picture must not flood the line. */
const BURST = 48;
const PAUSE_MS = 4;
/** Packets that the transport may hold, where it tells when they are gone (TCP). */
const IN_FLIGHT = 256;
/** By how much sound may be off its place before its timestamps jump, in ticks of 48 kHz. */
const SOUND_SLACK = 960;

/** Seconds between the epochs of NTP (1900) and Unix (1970). */
const NTP_EPOCH = 2_208_988_800;

/** Live time as NTP time in 32.32 bits. */
function ntpOf(timestamp: number): bigint {
  const seconds = (performance.timeOrigin + timestamp / 1000) / 1000 + NTP_EPOCH;
  const whole = Math.floor(seconds);
  return (BigInt(whole) << 32n) | BigInt(Math.floor((seconds - whole) * 2 ** 32));
}

/** A viewer's connection: puts headers of its own before the shared payloads. */
export class ViewingPeer implements Viewer {
  readonly peer: Peer;
  readonly #werift: typeof Werift;
  readonly #asks = new Set<() => void>();
  readonly #queue: Outgoing[] = [];
  #video: Sender | undefined;
  #audio: Sender | undefined;
  #inFlight = 0;
  #timer: NodeJS.Timeout | undefined;
  #sequence = randomInt(0x8000);
  #soundSequence = randomInt(0x8000);
  readonly #pictureStart = randomInt(2 ** 31);
  readonly #soundStart = randomInt(2 ** 31);
  /** RTP timestamp, not wrapped, at which the next sound is expected. */
  #soundNext: number | undefined;

  constructor(options: PeerOptions) {
    this.#werift = options.werift;
    this.peer = new Peer(options);
    void this.peer.closed.then(() => {
      clearTimeout(this.#timer);
      this.#queue.length = 0;
      this.#asks.clear();
    });
  }

  /** @throws BadInput where the offer cannot be answered. */
  async answer(): Promise<string> {
    const answer = await this.peer.answer();
    for (const { kind, sender } of this.peer.pc.getTransceivers()) {
      if (kind === 'video') this.#video = sender;
      else this.#audio = sender;
    }
    this.#video?.onPictureLossIndication.subscribe(
      guarded(() => {
        for (const ask of this.#asks) ask();
      }),
    );
    return answer;
  }

  /** Nothing can be sent before it is connected: then the first picture is a key picture. */
  get backlog(): number {
    return this.peer.state === 'connected' ? this.#queue.length + this.#inFlight : Number.POSITIVE_INFINITY;
  }

  get estimate(): number {
    return Number(this.#video?.receiverEstimatedMaxBitrate ?? 0n);
  }

  onKeyRequest(ask: () => void): Disposable {
    const own = () => ask();
    this.#asks.add(own);
    return { [Symbol.dispose]: () => this.#asks.delete(own) };
  }

  picture({ payloads, timestamp }: PackedPicture): void {
    const sender = this.#video;
    if (!sender || this.peer.state !== 'connected') return;
    const rtp = this.#pictureStart + Math.round(timestamp * 0.09);
    for (const { payload, marker } of payloads) {
      this.#sequence = (this.#sequence + 1) & 0xffff;
      this.#queue.push({ sender, payload, marker, sequence: this.#sequence, rtp, timestamp });
    }
    this.#pump();
  }

  sound({ data, timestamp, duration }: SoundPacket): void {
    const sender = this.#audio;
    if (!sender || this.peer.state !== 'connected') return;
    const due = this.#soundStart + Math.round(timestamp * 0.048);
    const expected = this.#soundNext ?? due;
    // Steps as even as the publisher's, so that players need not stretch; the sender reports say the exact time.
    const rtp = Math.abs(due - expected) > SOUND_SLACK ? due : expected;
    this.#soundNext = rtp + Math.round(duration * 0.048);
    this.#soundSequence = (this.#soundSequence + 1) & 0xffff;
    const marker = rtp !== expected;
    this.#send({ sender, payload: data, marker, sequence: this.#soundSequence, rtp, timestamp });
  }

  #pump(): void {
    for (let sent = 0; this.#queue.length > 0 && this.#inFlight < IN_FLIGHT; sent++) {
      if (sent === BURST || this.#timer) {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.#pump();
        }, PAUSE_MS);
        return;
      }
      this.#send(this.#queue.shift()!);
    }
  }

  #send({ sender, payload, marker, sequence, rtp, timestamp }: Outgoing): void {
    const { RtpHeader, RtpPacket } = this.#werift;
    // A header of its own: werift writes into it. The payload is shared, and stays as it is.
    const header = new RtpHeader({ version: 2, sequenceNumber: sequence, timestamp: rtp % 2 ** 32, marker });
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    this.#inFlight++;
    sender
      .sendRtp(new RtpPacket(header, bytes))
      .catch(() => {})
      .finally(() => {
        this.#inFlight--;
        if (this.#queue.length > 0 && !this.#timer) this.#pump();
      });
    // Werift pairs the RTP timestamp with the time of sending; picture and sound are delayed differently in here.
    (sender as unknown as { ntpTimestamp: bigint }).ntpTimestamp = ntpOf(timestamp);
  }
}
