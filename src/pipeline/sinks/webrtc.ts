import type { Hardware } from '../codec/hardware/hardware.js';
import { LiveEncoder } from '../codec/live-encode.js';
import type { Frame } from '../frame.js';
import type { LiveCodec, LiveSink, PicturePacket, SoundPacket } from '../live.js';
import { RateMeter } from '../rate-meter.js';
import { type Packetizer, packetizer } from '../rtp/index.js';
import { Window } from '../window.js';
import { type BitrateRange, nextBitrate } from './webrtc-bitrate.js';
import { type PackedPicture, Seat, type Viewer } from './webrtc-seat.js';

export type { BitrateRange } from './webrtc-bitrate.js';
export type { PackedPicture, Viewer } from './webrtc-seat.js';

/** What the sink needs of an encoder: `LiveEncoder` is one. */
export interface PictureEncoder extends AsyncDisposable {
  bitrate: number;
  encode(frame: Frame, options: { readonly key?: boolean }): Promise<PicturePacket | undefined>;
}

/** What a shared encoder is made of. */
export interface WebrtcSinkOptions {
  readonly codec: LiveCodec;
  readonly bitrate: BitrateRange;
  /** Encodes H.264 where it can. */
  readonly hardware?: Hardware | undefined;
  /** Opens the encoder at the first frame that someone watches; tests bring their own. */
  readonly open?: (codec: LiveCodec, bitrate: number) => Promise<PictureEncoder>;
}

/** What a shared encoder has done so far. */
export interface WebrtcSinkStats {
  readonly frames: number;
  readonly keyFrames: number;
  readonly bytes: number;
  readonly fps: number;
  /** Bits a second that it sends to each viewer, and that it aims at. */
  readonly bitrate: number;
  readonly target: number;
  readonly viewers: number;
  /** Pictures that single viewers were not sent, because their line or they themselves were too slow. */
  readonly skipped: number;
  /** Milliseconds to encode and packetize a frame: median and 95th percentile. */
  readonly encodeMs: { readonly p50: number; readonly p95: number };
}

/** Key pictures come no closer than this, whoever asks. */
const KEY_MS = 300;
/** How often the bitrate is looked at. */
const RATE_MS = 1000;

/** One encoder for all viewers of a look: each frame is encoded and cut into payloads once, and sent to everyone. */
export class WebrtcSink implements LiveSink {
  readonly codec: LiveCodec;
  readonly #range: BitrateRange;
  readonly #open: NonNullable<WebrtcSinkOptions['open']>;
  readonly #seats = new Map<Viewer, Seat>();
  readonly #packetizer: Packetizer;
  readonly #sent = new RateMeter();
  readonly #times = new Window();
  #encoder: Promise<PictureEncoder> | undefined;
  #target: number;
  #asked = false;
  #keyAt = Number.NEGATIVE_INFINITY;
  #ratedAt = Number.NEGATIVE_INFINITY;
  #frames = 0;
  #keyFrames = 0;
  #bytes = 0;
  #skipped = 0;
  #closed = false;

  constructor({ codec, bitrate, hardware, open }: WebrtcSinkOptions) {
    this.codec = codec;
    this.#range = bitrate;
    this.#target = bitrate.start;
    this.#packetizer = packetizer(codec);
    this.#open = open ?? ((name, start) => LiveEncoder.open(name, { bitrate: start, hardware }));
  }

  get viewers(): number {
    return this.#seats.size;
  }

  get stats(): WebrtcSinkStats {
    return {
      frames: this.#frames,
      keyFrames: this.#keyFrames,
      bytes: this.#bytes,
      fps: Number(this.#sent.rate.toFixed(1)),
      bitrate: Math.round(this.#sent.sum * 8),
      target: this.#target,
      viewers: this.#seats.size,
      skipped: [...this.#seats.values()].reduce((sum, { skipped }) => sum + skipped, this.#skipped),
      encodeMs: this.#times.timing(),
    };
  }

  /** Shows `viewer` the stream from the next key picture on, which comes at once, until disposed. */
  join(viewer: Viewer): Disposable {
    const seat = new Seat(viewer, this.#range.min, performance.now());
    this.#seats.set(viewer, seat);
    const asking = viewer.onKeyRequest(() => this.requestKey());
    return {
      [Symbol.dispose]: () => {
        if (this.#seats.get(viewer) !== seat) return;
        this.#seats.delete(viewer);
        this.#skipped += seat.skipped;
        asking[Symbol.dispose]();
      },
    };
  }

  /** Makes the next frame a key picture, or the first one that may be. */
  requestKey(): void {
    this.#asked = true;
  }

  /**
   * Encodes a frame for all viewers; without any it costs nothing.
   * @throws Unsupported where there is no encoder, AvFailure when it refuses.
   */
  async write(frame: Frame): Promise<void> {
    try {
      if (this.#closed || this.#seats.size === 0) return;
      const began = performance.now();
      this.#encoder ??= this.#open(this.codec, this.#target);
      const encoder = await this.#encoder;
      this.#steer(encoder, began);
      const packet = await encoder.encode(frame, { key: this.#keyNow(began) });
      if (packet && !this.#closed) this.#send(packet);
      this.#times.add(performance.now() - began);
    } finally {
      frame[Symbol.dispose]();
    }
  }

  /** Whether this frame shall be a key picture: someone asks, or waits for one, and the last is long enough ago. */
  #keyNow(now: number): boolean {
    if (now - this.#keyAt < KEY_MS) return false;
    const waiting = [...this.#seats.values()].filter((seat) => seat.wantsKey(now)).length > 0;
    return this.#asked || waiting;
  }

  #steer(encoder: PictureEncoder, now: number): void {
    if (now - this.#ratedAt < RATE_MS) return;
    this.#ratedAt = now;
    const estimates = [...this.#seats.values()].map((seat) => seat.estimate(now));
    const sending = { aim: this.#target, sent: this.#sent.sum * 8 };
    this.#target = nextBitrate(sending, estimates, this.#range);
    encoder.bitrate = this.#target;
  }

  #send({ data, timestamp, key }: PicturePacket): void {
    const now = performance.now();
    if (key) {
      this.#asked = false;
      this.#keyAt = now;
      this.#keyFrames++;
    }
    this.#frames++;
    this.#bytes += data.byteLength;
    this.#sent.add(data.byteLength);
    const payloads = this.#packetizer.packetize(data);
    const picture: PackedPicture = { payloads, bytes: data.byteLength, timestamp, key };
    for (const seat of this.#seats.values()) seat.offer(picture, now);
  }

  sound(packet: SoundPacket): void {
    for (const viewer of this.#seats.keys()) viewer.sound(packet);
  }

  async finish(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const encoder = await this.#encoder?.catch(() => undefined);
    this.#encoder = undefined;
    await encoder?.[Symbol.asyncDispose]();
  }
}
