import { Late } from '../errors.js';
import { log } from '../log.js';
import { paddedSize, type Size } from '../models/pixels.js';
import type { Batcher } from '../pipeline/batcher.js';
import { Fanout, type Tap } from '../pipeline/fanout.js';
import type { Frame } from '../pipeline/frame.js';
import { Ladder, rungsOf } from '../pipeline/ladder.js';
import { liveNow } from '../pipeline/live.js';
import type { Look, Mood } from '../pipeline/look.js';
import { Meter } from '../pipeline/meter.js';
import { run } from '../pipeline/run.js';
import type { FrameSink } from '../pipeline/sink.js';
import type { Stage } from '../pipeline/stage.js';
import type { Resample } from '../pipeline/stages/resize.js';
import { Stylize } from '../pipeline/stages/stylize.js';
import { Window } from '../pipeline/window.js';
import { type EncoderParts, Encoders } from './encoders.js';
import type { Palette } from './palette.js';
import { Tally } from './tally.js';

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
export interface BranchParts extends EncoderParts {
  /** The model that is wanted, then lighter ones for when the machine cannot keep up. */
  readonly tiers: readonly [Tier, ...Tier[]];
  readonly resample: Resample;
  /** Pixels of a picture to paint at, at most. */
  readonly workPixels: number;
  /** Whether to step down under load. */
  readonly adapt: boolean;
}

/** How a branch is painted, as it stands at each frame. */
export interface BranchOptions {
  /** Called once for each frame that is painted, in order. */
  readonly moodOf: (frame: Frame) => Mood;
  /** How old a frame may be when its turn to be painted comes, in milliseconds. */
  readonly maxAge: () => number;
  /** To whose share of the engine it counts: all looks of a stream to the stream's. */
  readonly owner: object;
  /** Told when the work size changed under load. */
  readonly onLoad?: () => void;
}

/** Frames of a source that comes at less than this are told apart from pauses, in milliseconds. */
const LONGEST_INTERVAL = 200;
/** Rounds to what nets like: multiples of 8 keep most strides without padding. */
const side = (length: number) => Math.max(32, Math.round(length / 8) * 8);

/** One look of one stream: paints every frame it can, and shares the paintings. */
export class Branch implements AsyncDisposable {
  readonly painted = new Fanout();
  /** Its paintings as packets, for viewers. */
  readonly encoders: Encoders;
  readonly paintMs = new Window();
  readonly tally: Tally;
  readonly #parts: BranchParts;
  readonly #tap: Tap;
  readonly #options: BranchOptions;
  readonly #stop = new AbortController();
  readonly #ladder: Ladder;
  readonly #stylizes = new Map<Tier, Stylize>();
  readonly #done: Promise<void>;
  /** What the painter took of the time of each frame, in milliseconds. */
  readonly #painterMs = new WeakMap<Frame, number>();
  #work: Size = { width: 0, height: 0 };
  #scale = 1;
  #tier: Tier;
  /** How the frame at hand shall look. */
  #look: Look | undefined;
  #warm: AsyncDisposable | undefined;

  constructor(parts: BranchParts, tap: Tap, options: BranchOptions) {
    this.#parts = parts;
    this.#tap = tap;
    this.#options = options;
    this.tally = new Tally({
      ...{ maxAge: options.maxAge, came: () => tap.taken, newer: () => tap.newest.waiting },
    });
    this.#tier = parts.tiers[0];
    this.encoders = new Encoders(this.painted, parts);
    this.#ladder = new Ladder(rungsOf(parts.tiers.map(({ cost }) => cost)));
    this.#done = this.#run();
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
      open: (size) => tier.batcher.lease(size, this.#options.owner),
      due: (frame) => this.tally.due(frame),
      took: (frame, ms) => this.#painterMs.set(frame, ms),
      stride: tier.stride,
      look: () => this.#look!,
      work: { sizeFor, resample: this.#parts.resample },
    });
    this.#stylizes.set(tier, made);
    return made;
  }

  /** Paints as the next mood says, with the tier of the rung, or the first where that lacks a style. */
  #paint(): Stage {
    const width = () => this.#stylize(this.#tier).width;
    return {
      name: 'paint',
      get width() {
        return width();
      },
      run: async (frame) => {
        const mood = this.#options.moodOf(frame);
        const tier = this.#tier.palette.has(mood) ? this.#tier : this.#parts.tiers[0];
        this.#look = tier.palette.look(mood);
        return this.#stylize(tier).run(frame);
      },
    };
  }

  async #run(): Promise<void> {
    const meter = new Meter((step, ms) => {
      if (step !== 'paint') return;
      this.paintMs.add(ms);
      this.#parts.onStep?.('paint', ms);
    });
    const sink: FrameSink = {
      write: async (frame) => {
        this.tally.handOn(frame);
        await this.painted.write(frame);
      },
      finish: () => this.painted.finish(),
      [Symbol.asyncDispose]: () => this.painted.finish(),
    };
    const stages = [this.#tolerant(this.#paint())];
    try {
      await run({ source: this.#tap, stages, sink, signal: this.#stop.signal, meter });
    } catch (error) {
      if (!this.#stop.signal.aborted) log.error({ err: error }, 'a stream cannot be painted');
    } finally {
      await this.painted.finish();
      for (const stylize of this.#stylizes.values()) await stylize[Symbol.asyncDispose]();
    }
  }

  /**
   * Painting that drops a frame whose turn came too late, and lets one through as it came when the engine fails on it:
   * a stream never stops for that.
   */
  #tolerant(stage: Stage): Stage {
    return {
      name: stage.name,
      get width() {
        return stage.width;
      },
      run: async (frame) => {
        const began = performance.now();
        let failed = false;
        try {
          return await stage.run(frame);
        } catch (error) {
          if (error instanceof Late) {
            this.tally.dropLate();
            return undefined;
          }
          failed = true;
          this.tally.counts.failed++;
          log.warn({ err: error }, 'a frame could not be painted');
          return frame.clone();
        } finally {
          if (!failed) this.#pace(frame, performance.now() - began);
        }
      },
    };
  }

  #pace(frame: Frame, paintMs: number): void {
    const intervalMs = Math.min(this.#tap.interval ?? LONGEST_INTERVAL, LONGEST_INTERVAL);
    if (!this.#parts.adapt) return;
    const sameMs = paintMs - (this.#painterMs.get(frame) ?? paintMs);
    if (this.#ladder.observe({ paintMs, sameMs, intervalMs, now: liveNow() / 1000 })) void this.#climb(frame);
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
      this.#options.onLoad?.();
    } catch (error) {
      log.warn({ err: error }, 'the work size cannot be changed');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.encoders[Symbol.asyncDispose]();
    await this.#warm?.[Symbol.asyncDispose]();
    this.#warm = undefined;
    await this.#tap[Symbol.asyncDispose]();
  }
}
