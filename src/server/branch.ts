import { log } from '../log.js';
import { paddedSize, type Size } from '../models/pixels.js';
import type { Batcher } from '../pipeline/batcher.js';
import { Fanout, type Tap } from '../pipeline/fanout.js';
import type { Frame } from '../pipeline/frame.js';
import { Ladder, rungsOf } from '../pipeline/ladder.js';
import { type LiveCodec, type LiveSink, liveNow, type SoundPacket } from '../pipeline/live.js';
import type { Look, Mood } from '../pipeline/look.js';
import { Meter } from '../pipeline/meter.js';
import { RateMeter } from '../pipeline/rate-meter.js';
import { run } from '../pipeline/run.js';
import type { FrameSink } from '../pipeline/sink.js';
import type { Stage } from '../pipeline/stage.js';
import type { Resample } from '../pipeline/stages/resize.js';
import { Stylize } from '../pipeline/stages/stylize.js';
import { Window } from '../pipeline/window.js';
import type { Palette } from './palette.js';

/** A model at work: its painters, and the weights that it paints styles with. */
export interface Tier {
  readonly model: string;
  readonly batcher: Batcher;
  readonly stride: number;
  readonly palette: Palette;
  /** How long a picture takes, in times of the first tier's. */
  readonly cost: number;
}

/** What every branch of every stream paints with. */
export interface BranchParts {
  /** The model that is wanted, then lighter ones for when the machine cannot keep up. */
  readonly tiers: readonly [Tier, ...Tier[]];
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
  readonly #ladder: Ladder;
  readonly #stylizes = new Map<Tier, Stylize>();
  readonly #encodings = new Map<string, Encoding>();
  readonly #done: Promise<void>;
  #work: Size = { width: 0, height: 0 };
  #scale = 1;
  #tier: Tier;
  /** How the frame at hand shall look. */
  #look: Look | undefined;
  #warm: AsyncDisposable | undefined;

  /**
   * @param moodOf called once for each frame that is painted, in order.
   * @param onLoad told when the work size changed under load.
   */
  constructor(
    parts: BranchParts,
    tap: Tap,
    moodOf: (frame: Frame) => Mood,
    readonly onLoad: () => void = () => {},
  ) {
    this.#parts = parts;
    this.#tap = tap;
    this.#tier = parts.tiers[0];
    this.#ladder = new Ladder(rungsOf(parts.tiers.map(({ cost }) => cost)));
    this.#done = this.#run(moodOf);
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

  /** The model that is painted with. */
  get model(): string {
    return this.#tier.model;
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

  /** What paints with a tier, made when it is first needed. */
  #stylize(tier: Tier): Stylize {
    const known = this.#stylizes.get(tier);
    if (known) return known;
    const sizeFor = (frame: Size) => {
      this.#work = this.#sizeAt(frame, this.#scale);
      return this.#work;
    };
    const made = new Stylize({
      open: (size) => tier.batcher.lease(size),
      stride: tier.stride,
      look: () => this.#look!,
      work: { sizeFor, resample: this.#parts.resample },
    });
    this.#stylizes.set(tier, made);
    return made;
  }

  /** Paints as the next mood says, with the tier of the rung, or the first where that lacks a style. */
  #paint(moodOf: (frame: Frame) => Mood): Stage {
    return {
      name: 'paint',
      run: async (frame) => {
        const mood = moodOf(frame);
        const tier = this.#tier.palette.has(mood) ? this.#tier : this.#parts.tiers[0];
        this.#look = tier.palette.look(mood);
        return this.#stylize(tier).run(frame);
      },
    };
  }

  async #run(moodOf: (frame: Frame) => Mood): Promise<void> {
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
    const stages = [this.#tolerant(this.#paint(moodOf))];
    try {
      await run({ source: this.#tap, stages, sink, signal: this.#stop.signal, meter });
    } catch (error) {
      if (!this.#stop.signal.aborted) log.error({ err: error }, 'a stream cannot be painted');
    } finally {
      await this.painted.finish();
      for (const stylize of this.#stylizes.values()) await stylize[Symbol.asyncDispose]();
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
    const { scale, tier: index } = this.#ladder.at;
    const tier = this.#parts.tiers[index]!;
    try {
      const warm = await tier.batcher.lease(paddedSize(this.#sizeAt(frame, scale), tier.stride, 32));
      await this.#warm?.[Symbol.asyncDispose]();
      this.#warm = warm;
      if (this.#stop.signal.aborted) await warm[Symbol.asyncDispose]();
      this.#scale = scale;
      this.#tier = tier;
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
