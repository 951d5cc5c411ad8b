/** One step down from full size with the best model: the painter works on less, or with less. */
export interface Rung {
  /** Times of both sides of the work size. */
  readonly scale: number;
  /** Which model: 0 is the one that is wanted, 1 a lighter one. */
  readonly tier: number;
  /** How long it takes, in times of the first rung. */
  readonly cost: number;
}

/** From the full work size down to where strokes are still strokes: below half of it they turn into blocks. */
const SCALES = [1, 0.75, 0.625, 0.5];

/** First smaller pictures, then lighter models. @param tiers how long each model takes, in times of the first. */
export function rungsOf(tiers: readonly number[] = [1]): Rung[] {
  const rungs = tiers.flatMap((times, tier) =>
    SCALES.map((scale) => ({ scale, tier, cost: times * scale ** 2 })),
  );
  // A lighter model is of use where it saves time: its larger sizes take longer than what was tried before.
  return rungs.filter(({ cost }, i) => rungs.slice(0, i).every((earlier) => cost < earlier.cost));
}

/** Frames a second that are enough: a source that brings more may lose some before the painter steps down. */
const ENOUGH_FPS = 24;
/** How much of a frame's time painting may take before stepping down, and on a lower rung when it is reached. */
const [TOO_MUCH, FITS] = [0.97, 0.85];
/** How much it may take, by estimate, to step up. */
const ROOM = 0.7;
/** How long a rung has to be wrong, in milliseconds, before it is left. */
const [PATIENCE_DOWN, PATIENCE_UP] = [1500, 5000];
/** The longest wait before another try to step up, after tries that failed. */
const MOST_PATIENCE_UP = 60_000;
/** A step up that is taken back within this time has failed. */
const REGRET = 15_000;

/** What one frame took. */
export interface Pace {
  /** Milliseconds that painting took, with all that belongs to it. */
  readonly paintMs: number;
  /** How many of them took what is the same on every rung, such as bringing the painting back to full size. */
  readonly sameMs?: number;
  /** Milliseconds between frames of the source. */
  readonly intervalMs: number;
  /** Milliseconds on a clock that never goes back. */
  readonly now: number;
}

/**
 * Decides on which rung to paint, so that frames come often enough: down soon, at once as far as it takes; up late,
 * and later each time that it did not last.
 */
export class Ladder {
  #rung = 0;
  #paintMs: number | undefined;
  #sameMs = 0;
  #wrongSince: number | undefined;
  #roomSince: number | undefined;
  #patienceUp = PATIENCE_UP;
  #steppedUp = Number.NEGATIVE_INFINITY;

  constructor(readonly rungs: readonly Rung[] = rungsOf()) {}

  /** Index of the rung in use: 0 is the full size. */
  get rung(): number {
    return this.#rung;
  }

  /** What to paint at. */
  get at(): Rung {
    return this.rungs[this.#rung]!;
  }

  /** Learns from one painted frame. @returns whether the rung changed. */
  observe({ paintMs, sameMs = 0, intervalMs, now }: Pace): boolean {
    const share = this.#paintMs === undefined ? 1 : 1 / 8;
    this.#sameMs += (sameMs - this.#sameMs) * share;
    this.#paintMs = (this.#paintMs ?? 0) + (paintMs - (this.#paintMs ?? 0)) * share;
    const budget = Math.max(intervalMs, 1000 / ENOUGH_FPS);
    if (this.#paintMs > TOO_MUCH * budget) return this.#wrong(budget, now);
    this.#wrongSince = undefined;
    return this.#room(budget, now);
  }

  #estimate(rung: number): number {
    return this.#sameMs + ((this.#paintMs! - this.#sameMs) * this.rungs[rung]!.cost) / this.at.cost;
  }

  #wrong(budget: number, now: number): boolean {
    this.#roomSince = undefined;
    this.#wrongSince ??= now;
    if (now - this.#wrongSince < PATIENCE_DOWN || this.#rung === this.rungs.length - 1) return false;
    const regretted = now - this.#steppedUp < REGRET;
    this.#patienceUp = regretted ? Math.min(MOST_PATIENCE_UP, 2 * this.#patienceUp) : PATIENCE_UP;
    let next = this.#rung + 1;
    while (next < this.rungs.length - 1 && this.#estimate(next) > FITS * budget) next++;
    return this.#step(next);
  }

  #room(budget: number, now: number): boolean {
    if (this.#rung === 0 || this.#estimate(this.#rung - 1) > ROOM * budget) {
      this.#roomSince = undefined;
      return false;
    }
    this.#roomSince ??= now;
    if (now - this.#roomSince < this.#patienceUp) return false;
    this.#steppedUp = now;
    return this.#step(this.#rung - 1);
  }

  #step(rung: number): boolean {
    this.#rung = rung;
    this.#paintMs = undefined;
    this.#wrongSince = undefined;
    this.#roomSince = undefined;
    return true;
  }
}
