import { log } from '../log.js';
import { paddedSize, type Size } from '../models/pixels.js';
import type { Batcher } from '../pipeline/batcher.js';
import { Fanout, type Tap } from '../pipeline/fanout.js';
import type { Frame } from '../pipeline/frame.js';
import { Ladder } from '../pipeline/ladder.js';
import { type LiveCodec, type LiveSink, liveNow, type SoundPacket } from '../pipeline/live.js';
import type { Look } from '../pipeline/look.js';
import { Meter } from '../pipeline/meter.js';
import { RateMeter } from '../pipeline/rate-meter.js';
import { run } from '../pipeline/run.js';
import type { FrameSink } from '../pipeline/sink.js';
import type { Stage } from '../pipeline/stage.js';
import type { Resample } from '../pipeline/stages/resize.js';
import { Stylize } from '../pipeline/stages/stylize.js';
import { Window } from '../pipeline/window.js';

/** What every branch of every stream paints with. */
export interface BranchParts {
  readonly batcher: Batcher;
  readonly stride: number;
  readonly resample: Resample;
  /** Pixels of a picture to paint at, at most. */
  readonly workPixels: number;
  /** Whether to step down under load. */
  readonly adapt: boolean;
  /** Told of each step's time, for the metrics. */
  readonly onStep?: (step: string, ms: number) => void;
  /** Told how long each frame was in here, from its arrival to its packets' leaving. */
  readonly onLatency?: (ms: number) => void;
}

/** An encoder that viewers of one look share. */
interface Encoding {
  readonly sink: LiveSink & { readonly stats?: { readonly target: number } };
  readonly stop: AbortController;
  readonly done: Promise<void>;
  viewers: number;
}

/** Frames of a source that comes at less than this are told apart from pauses, in milliseconds. */
const LONGEST_INTERVAL = 200;
/** How long an encoder, or a branch, outlives its last viewer, who may just reload the page. */
export const LINGER_MS = 3000;

/** Rounds to what nets like: multiples of 8 keep most strides without padding. */
const side = (length: number) => Math.max(32, Math.round(length / 8) * 8);

/** One look of one stream: paints every frame it can, and shares the paintings. */
export class Branch implements AsyncDisposable {
  readonly painted = new Fanout();
  readonly paintMs = new Window();
  readonly encodeMs = new Window();
  /** From a frame's arrival here to its packets' leaving, in milliseconds. */
  readonly latencyMs = new Window();
  readonly rate = new RateMeter();
  /** Frames that were painted, that came while a newer one waited, and that an engine failed on. */
  readonly counts = { painted: 0, failed: 0 };
  readonly #parts: BranchParts;
  readonly #tap: Tap;
  readonly #stop = new AbortController();
  readonly #ladder = new Ladder();
  readonly #encodings = new Map<string, Encoding>();
  readonly #done: Promise<void>;
  #work: Size = { width: 0, height: 0 };
  #scale = 1;
  #warm: AsyncDisposable | undefined;

  /**
   * @param lookOf called once for each frame that is painted, in order.
   * @param onLoad told when the work size changed under load.
   */
  constructor(
    parts: BranchParts,
    tap: Tap,
    lookOf: (frame: Frame) => Look,
    readonly onLoad: () => void = () => {},
  ) {
    this.#parts = parts;
    this.#tap = tap;
    this.#done = this.#run(lookOf);
  }

  /** Frames that were replaced by a newer one before they could be painted. */
  get dropped(): number {
    return this.#tap.newest.dropped;
  }

  /** Frames that were offered. */
  get offered(): number {
    return this.#tap.taken;
  }

  get level(): number {
    return this.#ladder.rung;
  }

  /** Size that is painted at. */
  get work(): Size {
    return this.#work;
  }

  /** Those who share encoders. */
  get viewers(): number {
    return [...this.#encodings.values()].reduce((sum, { viewers }) => sum + viewers, 0);
  }

  /** Bits a second that its encoders aim at, together. */
  get bitrate(): number {
    return [...this.#encodings.values()].reduce((sum, { sink }) => sum + (sink.stats?.target ?? 0), 0);
  }

  /** The encoder of a codec, opened by the first who asks. Each call is one viewer, until disposed. */
  share<Sink extends LiveSink>(codec: LiveCodec, open: () => Sink): { readonly sink: Sink } & Disposable {
    const encoding = this.#encodings.get(codec) ?? this.#encode(codec, open());
    encoding.viewers++;
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      encoding.viewers--;
      setTimeout(() => {
        if (encoding.viewers === 0) this.#close(codec, encoding);
      }, LINGER_MS).unref();
    };
    return { sink: encoding.sink as Sink, [Symbol.dispose]: leave };
  }

  sound(packet: SoundPacket): void {
    for (const { sink } of this.#encodings.values()) sink.sound(packet);
  }

  #encode(codec: LiveCodec, sink: Encoding['sink']): Encoding {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
    const meter = new Meter((step, ms) => {
      if (step !== 'encode') return;
      this.encodeMs.add(ms);
      this.#parts.onStep?.('encode', ms);
    });
    const timed: FrameSink = {
      write: async (frame) => {
        const { timestamp } = frame;
        await sink.write(frame);
        const ms = (liveNow() - timestamp) / 1000;
        this.latencyMs.add(ms);
        this.#parts.onLatency?.(ms);
      },
      finish: () => sink.finish(),
      [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
    };
    const source = this.painted.tap({ primed: true });
    const done = run({ source, stages: [], sink: timed, signal, meter })
      .catch((error: unknown) => {
        if (!signal.aborted) log.error({ err: error }, 'an encoder broke');
      })
      .finally(async () => {
        if (this.#encodings.get(codec)?.sink === sink) this.#encodings.delete(codec);
        await sink[Symbol.asyncDispose]();
      });
    const encoding = { sink, stop, done, viewers: 0 };
    this.#encodings.set(codec, encoding);
    return encoding;
  }

  #close(codec: string, encoding: Encoding): void {
    if (this.#encodings.get(codec) === encoding) this.#encodings.delete(codec);
    encoding.stop.abort();
  }

  /** The size to paint a frame at: no larger than wished, less under load. */
  #sizeAt({ width, height }: Size, scale: number): Size {
    const shrink = Math.min(1, Math.sqrt(this.#parts.workPixels / (width * height))) * scale;
    return shrink === 1 ? { width, height } : { width: side(width * shrink), height: side(height * shrink) };
  }

  async #run(lookOf: (frame: Frame) => Look): Promise<void> {
    const { batcher, stride, resample } = this.#parts;
    await using stylize = new Stylize({
      open: (size) => batcher.lease(size),
      stride,
      look: lookOf,
      work: {
        sizeFor: (frame) => {
          this.#work = this.#sizeAt(frame, this.#scale);
          return this.#work;
        },
        resample,
      },
    });
    const meter = new Meter((step, ms) => {
      if (step !== 'paint') return;
      this.paintMs.add(ms);
      this.#parts.onStep?.('paint', ms);
    });
    const sink: FrameSink = {
      write: async (frame) => {
        this.counts.painted++;
        this.rate.add();
        await this.painted.write(frame);
      },
      finish: () => this.painted.finish(),
      [Symbol.asyncDispose]: () => this.painted.finish(),
    };
    const stages = [this.#tolerant(stylize)];
    try {
      await run({ source: this.#tap, stages, sink, signal: this.#stop.signal, meter });
    } catch (error) {
      if (!this.#stop.signal.aborted) log.error({ err: error }, 'a stream cannot be painted');
    } finally {
      await this.painted.finish();
    }
  }

  /** Painting that lets a frame through as it came when the engine fails on it: a stream never stops for that. */
  #tolerant(stage: Stage): Stage {
    return {
      name: stage.name,
      run: async (frame) => {
        const began = performance.now();
        try {
          const painted = await stage.run(frame);
          this.#pace(frame, performance.now() - began);
          return painted;
        } catch (error) {
          this.counts.failed++;
          log.warn({ err: error }, 'a frame could not be painted');
          return frame.clone();
        }
      },
    };
  }

  #pace(frame: Size, paintMs: number): void {
    const intervalMs = Math.min(this.#tap.interval ?? LONGEST_INTERVAL, LONGEST_INTERVAL);
    if (!this.#parts.adapt) return;
    if (this.#ladder.observe({ paintMs, intervalMs, now: liveNow() / 1000 })) void this.#climb(frame);
  }

  /** Readies the painter of the new rung beside the one at work, then changes over between two frames. */
  async #climb(frame: Size): Promise<void> {
    const { scale } = this.#ladder;
    const { batcher, stride } = this.#parts;
    try {
      const warm = await batcher.lease(paddedSize(this.#sizeAt(frame, scale), stride, 32));
      await this.#warm?.[Symbol.asyncDispose]();
      this.#warm = warm;
      if (this.#stop.signal.aborted) await warm[Symbol.asyncDispose]();
      this.#scale = scale;
      this.#work = this.#sizeAt(frame, scale);
      this.onLoad();
    } catch (error) {
      log.warn({ err: error }, 'the work size cannot be changed');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await Promise.all([...this.#encodings.values()].map(({ done }) => done));
    await this.#warm?.[Symbol.asyncDispose]();
    this.#warm = undefined;
    await this.#tap[Symbol.asyncDispose]();
  }
}
