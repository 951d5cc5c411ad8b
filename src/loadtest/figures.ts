/** Least value that is told apart, in milliseconds, and by how much a bucket is wider than the one before. */
const LEAST = 0.1;
const GROWTH = 1.01;

/** Percentiles of milliseconds; undefined where nothing was measured. */
export interface Timing {
  readonly count: number;
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
  readonly worst?: number;
}

/** The least, the middle and the greatest of some figures. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** The values from least to greatest, in short; undefined where there are none. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const last = sorted.length - 1;
  if (last < 0) return undefined;
  const median = (sorted[Math.floor(last / 2)]! + sorted[Math.ceil(last / 2)]!) / 2;
  return { min: round(sorted[0]!), median: round(median), max: round(sorted[last]!) };
}

/** Milliseconds in buckets of 1 %: percentiles of any number of values in little memory. */
export class Durations {
  count = 0;
  worst = 0;
  readonly #buckets = new Map<number, number>();

  /** Values that are no number from 0 on are left out. */
  add(ms: number): void {
    if (!(ms >= 0 && Number.isFinite(ms))) return;
    this.count++;
    this.worst = Math.max(this.worst, ms);
    const bucket = Math.ceil(Math.log(Math.max(ms, LEAST) / LEAST) / Math.log(GROWTH));
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  /** Adds all that another has. */
  merge(other: Durations): void {
    this.count += other.count;
    this.worst = Math.max(this.worst, other.worst);
    for (const [bucket, count] of other.#buckets)
      this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + count);
  }

  clear(): void {
    this.count = 0;
    this.worst = 0;
    this.#buckets.clear();
  }

  /** The value that a share of all do not exceed, to 1 %. */
  quantile(share: number): number | undefined {
    let left = Math.max(1, Math.ceil(share * this.count));
    for (const [bucket, count] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.min(this.worst, LEAST * GROWTH ** bucket);
    }
    return undefined;
  }

  timing(): Timing {
    if (this.count === 0) return { count: 0 };
    const at = (share: number) => round(this.quantile(share)!);
    return { count: this.count, p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: round(this.worst) };
  }
}

/** Percentiles of all durations together. */
export function merged(all: readonly Durations[]): Timing {
  const sum = new Durations();
  for (const one of all) sum.merge(one);
  return sum.timing();
}

/** Percentiles of milliseconds; what is no number is left out. */
export function timingOf(values: readonly number[]): Timing {
  const durations = new Durations();
  for (const value of values) durations.add(value);
  return durations.timing();
}
