import { setTimeout as sleep } from 'node:timers/promises';
import type { AVPictureType } from 'node-av/constants';
import type { Packet, Stream } from 'node-av/lib';
import { BadInput, CannotWrite, Interrupted, NotFound, Unsupported } from '../../errors.js';
import type { Size } from '../../models/pixels.js';
import { type Av, AvFailure, loadAv } from '../codec/av.js';
import { FromPixels } from '../codec/color.js';
import { PictureEncoder } from '../codec/encode.js';
import type { Hardware } from '../codec/hardware/hardware.js';
import { LiveSoundTrack } from '../codec/live-sound-track.js';
import { Scaler } from '../codec/scale.js';
import { microsToTicks } from '../codec/ticks.js';
import type { Frame } from '../frame.js';
import { letterbox } from '../letterbox.js';
import type { LiveSink, SoundPacket } from '../live.js';
import { type LiveTarget, type OpenTarget, openTarget } from './live-target.js';

export type { LiveTarget } from './live-target.js';

/** How a live output is written. */
export interface LiveOutputOptions extends Size {
  /** Bits a second of the picture; left out: what suits the size. */
  readonly bitrate?: number;
  /** Frames a second that come, about; left out: 30. */
  readonly fps?: number;
  /** Seconds between key pictures; left out: 1 for HLS, 2 else. */
  readonly keySeconds?: number;
  readonly overwrite?: boolean;
  /** How long a server may take to answer, and to take a frame, in milliseconds: 10,000 and 5000. */
  readonly openTimeoutMs?: number;
  readonly stallTimeoutMs?: number;
  /** Encodes H.264 where it can. */
  readonly hardware?: Hardware | undefined;
  readonly signal?: AbortSignal;
}

/** A live output that counts. */
export interface LiveOutput extends LiveSink {
  /** Bytes of picture and sound so far. */
  readonly bytes: number;
  /** Packets of sound that were dropped since they came faster than they were written. */
  readonly soundDropped: number;
  /** Has a recording that cannot be finished stay as far as it came, if it shows anything, once it is disposed. */
  keep(): void;
}

const OPEN_MS = 10_000;
const STALL_MS = 5000;
/** How long after its own time limit a native call is still waited for. */
const GRACE_MS = 1000;

/**
 * Opens a live output. Frames of another size than `options` says are fitted into it; sound that is missing is
 * silence, and there is always a track of sound. Times count from the first frame.
 * @throws CannotWrite (file, folder), NotFound (no server answers), Unsupported (scheme, container), Interrupted.
 */
export async function openLiveOutput(target: LiveTarget, options: LiveOutputOptions): Promise<LiveOutput> {
  const { signal, openTimeoutMs = OPEN_MS, stallTimeoutMs = STALL_MS } = options;
  if (signal?.aborted) throw new Interrupted();
  const av = await loadAv();
  const opened = await openTarget(av, target, { ...options, openTimeoutMs, stallTimeoutMs });
  const held: (AsyncDisposable | Disposable)[] = [{ [Symbol.asyncDispose]: () => opened.leave() }];
  const opening = openParts(av, opened, options, held);
  const late = new NotFound(`${opened.name} did not answer within ${openTimeoutMs / 1000} seconds.`);
  try {
    const parts = await (opened.remote ? within(opening, openTimeoutMs, late, signal) : opening);
    return new AvLiveOutput(opened, parts, { ...options, stallTimeoutMs });
  } catch (error) {
    // What is stuck in a native call is freed when that returns.
    const freed = opening.catch(() => undefined).then(() => closeAll(held));
    if (!opened.remote) await freed;
    throw error instanceof AvFailure ? opened.failed(error, true) : error;
  }
}

/** What `work` yields. @throws `late` when it takes longer than `ms`; Interrupted */
async function within<T>(work: Promise<T>, ms: number, late: Error, signal?: AbortSignal): Promise<T> {
  const over = new AbortController();
  const either = AbortSignal.any([over.signal, ...(signal ? [signal] : [])]);
  const timeout = sleep(ms, undefined, { signal: either }).then(
    () => Promise.reject(late),
    () => Promise.reject(new Interrupted()),
  );
  timeout.catch(() => undefined);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    over.abort();
  }
}

/** Bits for each pixel of each frame: paintings are full of texture. */
const BITS = 0.12;

/** Bits a second that suit a size. */
const suited = ({ width, height, fps = 30 }: LiveOutputOptions): number =>
  Math.round(Math.min(12e6, Math.max(400e3, BITS * width * height * Math.min(fps, 60))));

interface Parts {
  readonly encoder: PictureEncoder;
  readonly stream: Stream;
  readonly track: LiveSoundTrack;
  readonly fromPixels: FromPixels;
  readonly scaler: Scaler;
  readonly size: Size;
  /** What an encoder makes a key picture of. */
  readonly keyPicture: AVPictureType;
}

async function openParts(
  av: Av,
  { codec, sound, timeBase, globalHeader, muxer, muxerOptions }: OpenTarget,
  options: LiveOutputOptions,
  held: (AsyncDisposable | Disposable)[],
): Promise<Parts> {
  const size = { width: Math.max(2, options.width & ~1), height: Math.max(2, options.height & ~1) };
  const fps = Math.min(240, Math.max(1, Math.round(options.fps ?? 30)));
  const wanted = {
    ...size,
    codec,
    hardware: codec === 'h264' ? await options.hardware?.live() : undefined,
    timeBase,
    frameRate: { num: fps, den: 1 },
    pixelAspect: { num: 1, den: 1 },
    globalHeader,
    reorder: false,
    bitrate: options.bitrate ?? suited(options),
  };
  const encoder = await PictureEncoder.openAny(av, wanted, options.hardware?.note);
  if (!encoder) throw new Unsupported(`${codec} cannot be encoded here.`);
  held.push(encoder);
  const stream = muxer.addStream();
  stream.codecpar.fromContext(encoder.context);
  stream.codecpar.codecTag = 0;
  stream.timeBase = encoder.context.timeBase;
  stream.avgFrameRate = new av.Rational(fps, 1);
  const track = await LiveSoundTrack.open(av, muxer, { codec: sound, globalHeader });
  const fromPixels = new FromPixels(av, size, encoder.pixels);
  const scaler = new Scaler(av);
  held.push(track, fromPixels, scaler);
  await muxer.start(muxerOptions);
  return { encoder, stream, track, fromPixels, scaler, size, keyPicture: av.C.AV_PICTURE_TYPE_I };
}

type Written = LiveOutputOptions & { readonly stallTimeoutMs: number };

class AvLiveOutput implements LiveOutput {
  readonly #target: OpenTarget;
  readonly #parts: Parts;
  readonly #options: Written;
  #bytes = 0;
  #state: 'open' | 'closed' = 'open';
  /** The native work in flight: nothing may be freed before it is over. */
  #busy: Promise<unknown> = Promise.resolve();
  /** Live time that is 0 in the output, in microseconds. */
  #origin: number | undefined;
  #last = Number.NEGATIVE_INFINITY;
  #lastTicks = -1n;
  #lastKey = Number.NEGATIVE_INFINITY;

  constructor(target: OpenTarget, parts: Parts, options: Written) {
    this.#target = target;
    this.#parts = parts;
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get soundDropped(): number {
    return this.#parts.track.dropped;
  }

  keep(): void {
    this.#target.keep?.();
  }

  sound(packet: SoundPacket): void {
    if (this.#state === 'open') this.#parts.track.put(packet);
  }

  async write(frame: Frame): Promise<void> {
    using held = frame.clone();
    frame[Symbol.dispose]();
    await this.#turn(() => this.#write(held));
  }

  async finish(): Promise<void> {
    await this.#turn(() => this.#finish());
  }

  /** One native job after the other, each within the time that a server has; fails with a sentence. */
  async #turn(job: () => Promise<void>): Promise<void> {
    const { signal, stallTimeoutMs } = this.#options;
    const running = this.#busy.then(async () => {
      if (signal?.aborted) throw new Interrupted();
      if (this.#state === 'closed') throw new CannotWrite(`${this.#target.name} is closed.`);
      await job();
    });
    this.#busy = running.catch(() => undefined);
    const late = new CannotWrite(
      `${this.#target.name} has taken nothing for ${stallTimeoutMs / 1000} seconds.`,
    );
    try {
      await (this.#target.remote ? within(running, stallTimeoutMs + GRACE_MS, late, signal) : running);
    } catch (error) {
      throw error instanceof AvFailure ? this.#target.failed(error, false) : error;
    }
  }

  async #write(frame: Frame): Promise<void> {
    const { encoder, fromPixels, scaler, size, track } = this.#parts;
    // The live clock never goes back; a frame that does would break the file.
    if (frame.timestamp <= this.#last) return;
    this.#origin ??= frame.timestamp;
    this.#last = frame.timestamp;
    const picture = await fromPixels.convert(await letterbox(frame, size, scaler.resample));
    try {
      const ticks = microsToTicks(frame.timestamp - this.#origin, this.#target.timeBase);
      picture.pts = ticks > this.#lastTicks ? ticks : this.#lastTicks + 1n;
      this.#lastTicks = picture.pts;
      if (this.#keyIsDue(frame.timestamp)) picture.pictType = this.#parts.keyPicture;
      await encoder.encode(picture, (packet) => this.#put(packet));
    } finally {
      picture.free();
    }
    await track.writeUpTo(frame.timestamp, this.#origin, this.#count);
  }

  #keyIsDue(timestamp: number): boolean {
    const seconds = this.#options.keySeconds ?? this.#target.keySeconds;
    if (timestamp - this.#lastKey < seconds * 1e6) return false;
    this.#lastKey = timestamp;
    return true;
  }

  async #put(packet: Packet): Promise<void> {
    this.#count(packet.size);
    await this.#target.muxer.write(packet, this.#parts.stream, this.#parts.encoder.context.timeBase);
  }

  readonly #count = (bytes: number): void => {
    this.#bytes += bytes;
  };

  async #finish(): Promise<void> {
    const { encoder, track } = this.#parts;
    if (this.#origin === undefined)
      throw new BadInput(`There is nothing to write to ${this.#target.name}: no frame came.`);
    await encoder.encode(null, (packet) => this.#put(packet));
    await track.finish(this.#last, this.#origin, this.#count);
    await this.#target.muxer.finish();
    await this.#target.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const { encoder, track, fromPixels, scaler } = this.#parts;
    const leave = { [Symbol.asyncDispose]: () => this.#target.leave() };
    const freed = this.#busy.then(() => closeAll([leave, encoder, track, fromPixels, scaler]));
    // What is stuck in a native call is freed when that returns.
    await (this.#target.remote ? Promise.race([freed, sleep(GRACE_MS, undefined, { ref: false })]) : freed);
  }
}

/** Closes in reverse order of opening. */
async function closeAll(things: readonly (AsyncDisposable | Disposable)[]): Promise<void> {
  for (const thing of things.toReversed()) {
    if (Symbol.asyncDispose in thing) await thing[Symbol.asyncDispose]();
    else thing[Symbol.dispose]();
  }
}
