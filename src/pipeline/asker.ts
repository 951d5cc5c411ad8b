import type { Bound, Painter } from '../models/engine.js';
import type { Pixels } from '../models/pixels.js';
import { BatchCost } from './batch-cost.js';

/** When a picture is wanted. */
export interface Due {
  /** By when it shall be painted, in microseconds of the live clock. */
  readonly deadline: number;
  /** Asked once the deadline is over and it is still in line: whether to refuse it as `Late`. Left out: never. */
  readonly lapses?: () => boolean;
}

/** A picture to paint. */
export interface Job extends Due {
  readonly asker: Asker;
  readonly pixels: Pixels;
  readonly style: Bound;
  resolve(painted: Pixels): void;
  reject(error: unknown): void;
}

/** One painter of an engine, with all who use it. */
export class SharedPainter {
  readonly askers = new Set<Asker>();
  readonly cost: BatchCost;

  /** @param most pictures in a call at most; left out: as many as it gains by. */
  constructor(
    readonly painter: Painter,
    most?: number,
  ) {
    this.cost = new BatchCost(most);
  }
}

/** Someone who asks a painter for pictures: one look of one stream. */
export class Asker {
  /** Pictures that wait or are being painted. */
  open = 0;
  /** The earliest deadline that was missed since a picture of this one was last begun, in microseconds. */
  owed: number | undefined;
  #asked: number | undefined;
  #interval: number | undefined;

  /** @param owner to whose share of the engine it counts. */
  constructor(
    readonly shared: SharedPainter,
    readonly owner: object,
  ) {}

  /** It asks, at a time in microseconds. */
  ask(now: number): void {
    const gap = this.#asked === undefined ? undefined : now - this.#asked;
    if (gap !== undefined)
      this.#interval = this.#interval === undefined ? gap : (3 * this.#interval + gap) / 4;
    this.#asked = now;
  }

  /** Whether it has nothing open and, by the pace it keeps, will ask before a time. Who stopped is not waited for. */
  comesBefore(end: number, now: number): boolean {
    if (this.open > 0 || this.#asked === undefined || this.#interval === undefined) return false;
    const next = this.#asked + this.#interval;
    return next <= end && next > now - this.#interval;
  }
}

/** By when a picture is wanted, at the latest by when its asker was last let down. */
const rankOf = ({ deadline, asker: { owed } }: Job): number => Math.min(deadline, owed ?? deadline);

/**
 * The most urgent of some jobs, which are in the order they were asked for: of those with fewest taken, and of those
 * whose owner is not ahead of its share, the one with the earliest deadline.
 */
export function soonest(
  jobs: Iterable<Job>,
  ahead: ReadonlySet<object>,
  taken: ReadonlyMap<object, number>,
): Job | undefined {
  let best: Job | undefined;
  const before = (a: Job, b: Job): boolean => {
    const [x, y] = [a.asker.owner, b.asker.owner];
    const fewer = (taken.get(x) ?? 0) - (taken.get(y) ?? 0);
    const fairer = Number(ahead.has(x)) - Number(ahead.has(y));
    return (fewer || fairer || rankOf(a) - rankOf(b)) < 0;
  };
  for (const job of jobs) if (!best || before(job, best)) best = job;
  return best;
}
