/** What is told of a row of measurements. */
export interface Summary {
  readonly median: number;
  /** The quartiles: half of all values lie between them. */
  readonly q1: number;
  readonly q3: number;
  readonly count: number;
}

/** The value below which a share of all values lies, between two of them by their distance. There is at least one. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (above - below) * (at - Math.floor(at));
}

/** Median and quartiles of at least one value. */
export const summarise = (values: readonly number[]): Summary => ({
  median: quantile(values, 0.5),
  q1: quantile(values, 0.25),
  q3: quantile(values, 0.75),
  count: values.length,
});

/** The summary of a decreasing function of the values: a rate of times. The quartiles change places. */
export const inverted = ({ median, q1, q3, count }: Summary, of: (value: number) => number): Summary => ({
  ...{ median: of(median), q1: of(q3), q3: of(q1) },
  count,
});
