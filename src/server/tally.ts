import type { Due } from '../pipeline/batcher.js';
import type { Frame } from '../pipeline/frame.js';
import { HitRate } from '../pipeline/hit-rate.js';
import { liveNow } from '../pipeline/live.js';
import { RateMeter } from '../pipeline/rate-meter.js';

/** Nothing of a stream was handed on for so long, in microseconds: its next frame is painted however old it is. */
const STILL = 1_000_000;

/** What a tally needs to know of its look. */
export interface TallyOptions {
  /** How old a frame may be when its turn to be painted comes, in milliseconds, as it is set now. */
  readonly maxAge: () => number;
  /** Frames that were offered to be painted so far. */
  readonly came: () => number;
  /** Whether one has come since that waits to be painted. */
  readonly newer: () => boolean;
  /** Microseconds of the live clock. */
  readonly now?: () => number;
}

/** When the frames of one look are wanted, and what becomes of them. */
export class Tally {
  /** Frames handed on. */
  readonly rate: RateMeter;
  /**
   * Frames so far: those handed on (`painted`), among them those that were no older than they may be (`onTime`) and
   * those that an engine failed on, which went unpainted (`failed`); and those dropped as too old (`late`).
   */
  readonly counts = { painted: 0, onTime: 0, failed: 0, late: 0 };
  readonly #options: TallyOptions;
  readonly #now: () => number;
  readonly #hits: HitRate;
  #handedOn = Number.NEGATIVE_INFINITY;

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#now = options.now ?? liveNow;
    this.rate = new RateMeter(this.#now);
    this.#hits = new HitRate(this.#now);
  }

  /**
   * By when a frame is wanted. It lapses then, where there is a newer one to take its place; in a stream that stood
   * still for a second it does not, so that nothing, such as a source that lags, makes it stand still for longer.
   */
  due(frame: Frame): Due {
    const lapses = () => this.#options.newer() && this.#now() - this.#handedOn < STILL;
    return { deadline: this.#deadline(frame), lapses };
  }

  handOn(frame: Frame): void {
    const now = this.#now();
    this.#handedOn = now;
    this.rate.add();
    this.counts.painted++;
    if (now <= this.#deadline(frame)) this.counts.onTime++;
    this.#note();
  }

  /** A frame was dropped, since it was too old. */
  dropLate(): void {
    this.counts.late++;
    this.#note();
  }

  /** Of the frames that came over the last seconds, the share that was handed on in time; undefined: none came. */
  get hitRate(): number | undefined {
    return this.#hits.share(this.#options.came(), this.counts.onTime);
  }

  #deadline({ timestamp }: Frame): number {
    return timestamp + this.#options.maxAge() * 1000;
  }

  #note(): void {
    this.#hits.note(this.#options.came(), this.counts.onTime);
  }
}
