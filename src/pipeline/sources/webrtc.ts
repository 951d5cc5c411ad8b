import { LiveDecoder, type LiveUnit } from '../codec/live-decode.js';
import { opusMicros } from '../codec/opus.js';
import type { Frame } from '../frame.js';
import { Latest } from '../latest.js';
import type { LiveCodec, LiveInfo, LiveSource, SoundPacket } from '../live.js';
import { liveNow } from '../live.js';
import { RateMeter } from '../rate-meter.js';
import {
  type Depacketizer,
  depacketizer,
  LipSync,
  MediaClock,
  type PictureColors,
  Reorder,
} from '../rtp/index.js';
import { Window } from '../window.js';

/** An RTP packet as the transport hands it over, decrypted. */
export interface RtpIn {
  /** 16 bits. */
  readonly sequence: number;
  /** 32 bits. */
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Uint8Array;
  /** What its header extension says about the picture's colours. */
  readonly colors?: PictureColors | undefined;
}

/** What a WebRTC source is made of. */
export interface WebrtcSourceOptions {
  readonly codec: LiveCodec;
  /** Whether sound was negotiated. */
  readonly sound: boolean;
  /** Sends a PLI to the publisher. */
  readonly askKey: () => void;
}

/** Requests for key pictures go out no closer than this. */
const ASK_MS = 250;
/** How long missing sound is waited for: less than a picture, since late sound is of no use. */
const SOUND_WAIT_MS = 60;

/**
 * A publisher's stream out of its RTP packets: pictures decoded onto the live clock, sound passed on untouched in step
 * with them. Every picture is decoded; while the reader is behind, only the newest is handed over.
 */
export class WebrtcSource implements LiveSource {
  readonly live = true;
  readonly #options: WebrtcSourceOptions;
  readonly #parts: Depacketizer;
  readonly #order: Reorder<RtpIn>;
  readonly #soundOrder: Reorder<RtpIn>;
  readonly #clock = new MediaClock(90_000);
  readonly #soundClock = new MediaClock(48_000);
  readonly #sync = new LipSync(this.#clock, this.#soundClock);
  readonly #newest = new Latest<Frame>();
  readonly #listeners = new Set<(packet: SoundPacket) => void>();
  /** Pictures that came in, by their bytes. */
  readonly #received = new RateMeter();
  /** Milliseconds to decode a picture that did not have to wait. */
  readonly #times = new Window();
  #decoder: Promise<LiveDecoder> | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #colors: PictureColors | undefined;
  #size = { width: 0, height: 0 };
  #keyAt: number | undefined;
  #keyIntervalMs: number | undefined;
  #stereo: boolean | undefined;
  #ended = false;
  /** Units that are decoded at the moment. */
  #busy = 0;
  /** Pictures that were decoded while a newer one waited already. */
  #skipped = 0;

  constructor(options: WebrtcSourceOptions) {
    this.#options = options;
    this.#parts = depacketizer(options.codec);
    this.#order = new Reorder({ onPacket: (packet) => this.#take(packet), onLoss: () => this.#lost() });
    this.#soundOrder = new Reorder({
      onPacket: (packet) => this.#hear(packet),
      onLoss: () => {},
      waitMs: SOUND_WAIT_MS,
    });
  }

  get info(): LiveInfo {
    return {
      kind: 'whip',
      codec: this.#options.codec,
      ...this.#size,
      fps: Number(this.#received.rate.toFixed(1)),
      bitrate: Math.round(this.#received.sum * 8),
      keyIntervalMs: this.#keyIntervalMs,
      decodeMs: this.#times.size > 0 ? this.#times.timing().p50 : undefined,
      replaced: this.dropped,
      sound: this.#options.sound
        ? `opus 48 kHz${this.#stereo === undefined ? '' : this.#stereo ? ' stereo' : ' mono'}`
        : undefined,
    };
  }

  /** Packets that never came, of the picture. */
  get lostPackets(): number {
    return this.#order.lost;
  }

  /** Pictures that were decoded but not read, since a newer one came. */
  get dropped(): number {
    return this.#newest.dropped + this.#skipped;
  }

  /** Takes a packet of the picture, in any order. Never throws. */
  picture(packet: RtpIn): void {
    if (this.#ended) return;
    this.#order.push(packet);
    if (this.#parts.needsKey) this.requestKey();
  }

  /** Takes a packet of the sound, in any order. Never throws. */
  sound(packet: RtpIn): void {
    if (!this.#ended) this.#soundOrder.push(packet);
  }

  /** Takes a sender report: `ntp` in 32.32 bits and the RTP timestamp of the same moment. */
  report(kind: 'video' | 'audio', report: { readonly ntp: bigint; readonly rtp: number }): void {
    this.#sync.report(kind, report);
  }

  /** Asks the publisher for a key picture, unless it was asked a moment ago. */
  requestKey(): void {
    const now = performance.now();
    if (this.#ended || now - this.#askedAt < ASK_MS) return;
    this.#askedAt = now;
    this.#options.askKey();
  }

  #lost(): void {
    this.#parts.lost();
    this.requestKey();
  }

  #take(packet: RtpIn): void {
    if (packet.colors) this.#colors = packet.colors;
    for (const { data, timestamp, key } of this.#parts.push(packet)) {
      if (key) this.#countKey();
      const time = this.#clock.at(timestamp, liveNow());
      this.#decode({ data, timestamp: time, key, colors: key ? this.#colors : undefined });
    }
  }

  #countKey(): void {
    const now = performance.now();
    if (this.#keyAt !== undefined) this.#keyIntervalMs = Math.round(now - this.#keyAt);
    this.#keyAt = now;
  }

  #decode(unit: LiveUnit): void {
    this.#received.add(unit.data.byteLength);
    this.#decoder ??= LiveDecoder.open(this.#options.codec);
    this.#busy++;
    this.#decoder
      .then(async (decoder) => {
        const alone = this.#busy === 1;
        const began = performance.now();
        const frame = await decoder.decode(unit, () => this.#wants(decoder));
        if (alone && frame) this.#times.add(performance.now() - began);
        if (frame) this.#show(frame);
        if (decoder.needsKey) this.requestKey();
      })
      .catch((error: unknown) => this.end(error))
      .finally(() => {
        this.#busy--;
        if (this.#ended && this.#busy === 0) this.#newest.end();
      });
  }

  /** While more wait behind a picture it is not made one to look at, which costs as much as decoding it. */
  #wants(decoder: LiveDecoder): boolean {
    if (decoder.waiting === 0) return true;
    this.#skipped++;
    return false;
  }

  #show(frame: Frame): void {
    this.#size = { width: frame.width, height: frame.height };
    this.#newest.put(frame);
  }

  #hear({ payload, timestamp }: RtpIn): void {
    const duration = opusMicros(payload);
    if (duration === 0) return;
    this.#stereo = (payload[0]! & 4) !== 0;
    const packet = { data: payload, timestamp: this.#soundClock.at(timestamp, liveNow()), duration };
    for (const take of this.#listeners) take(packet);
  }

  onSound(take: (packet: SoundPacket) => void): Disposable {
    // A function of its own, so that the same one may listen twice.
    const listener = (packet: SoundPacket) => take(packet);
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** The publisher left, or broke off with `error`: what was received is still shown. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#order[Symbol.dispose]();
    this.#soundOrder[Symbol.dispose]();
    if (error !== undefined || this.#busy === 0) this.#newest.end(error);
  }

  /** Can be read once. @throws Unsupported where the codec cannot be decoded. */
  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    const stop = () => this.#newest.end();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield* this.#newest;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    this.#listeners.clear();
    const decoder = await this.#decoder?.catch(() => undefined);
    await decoder?.[Symbol.asyncDispose]();
    this.#newest[Symbol.dispose]();
  }
}
