/** TensorFlow's HistogramProto (tensorflow/core/framework/histogram.proto). */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  /** Upper ends of the buckets, rising; a bucket begins where the one before it ends. */
  readonly bucketLimit: readonly number[];
  /** How many values lie in each bucket. */
  readonly bucket: readonly number[];
}

/**
 * Upper ends of TensorFlow's default buckets (tensorflow/core/lib/histogram/histogram.cc): zero and ±1e-12 · 1.1^k up to
 * 1e20, which keeps the relative error within 10 % over every size that a weight may have.
 */
const LIMITS = (() => {
  const positive: number[] = [];
  for (let value = 1e-12; value < 1e20; value *= 1.1) positive.push(value);
  positive.push(Number.MAX_VALUE);
  return Float64Array.from([...positive.map((value) => -value).reverse(), 0, ...positive]);
})();

/** The first bucket whose end lies above a value. */
function bucketOf(value: number): number {
  let [low, high] = [0, LIMITS.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (LIMITS[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Drops empty buckets: a run of them becomes one, whose end is where the next value's bucket begins. */
function pack(counts: Uint32Array): Pick<Histogram, 'bucketLimit' | 'bucket'> {
  const bucketLimit: number[] = [];
  const bucket: number[] = [];
  const last = counts.findLastIndex((count) => count > 0);
  for (let i = counts.findIndex((count) => count > 0) - 1; i <= last; i++) {
    if (i < 0) continue;
    if (counts[i] === 0 && i < last && counts[i + 1] === 0) continue;
    bucketLimit.push(LIMITS[i]!);
    bucket.push(counts[i]!);
  }
  return { bucketLimit, bucket };
}

/** The distribution of the finite ones among some values; undefined where there is none. */
export function histogramOf(values: ArrayLike<number>): Histogram | undefined {
  const counts = new Uint32Array(LIMITS.length);
  let [min, max, num, sum, sumSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    counts[bucketOf(value)]!++;
    min = Math.min(min, value);
    max = Math.max(max, value);
    num++;
    sum += value;
    sumSquares += value * value;
  }
  return num === 0 ? undefined : { min, max, num, sum, sumSquares, ...pack(counts) };
}
