/** What is told of a row of measurements. */
export interface Summary {
  readonly median: number;
  /** The quartiles: half of all values lie between them. */
  readonly q1: number;
  readonly q3: number;
  /** The least disturbed where the machine does other things as well. */
  readonly least: number;
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

/** Median, quartiles and the least of at least one value. */
export const summarise = (values: readonly number[]): Summary => ({
  median: quantile(values, 0.5),
  q1: quantile(values, 0.25),
  q3: quantile(values, 0.75),
  least: quantile(values, 0),
  count: values.length,
});

/** Median and quartiles of the rate, per second, of what takes milliseconds. */
export const ratesOf = ({ median, q1, q3 }: Pick<Summary, 'median' | 'q1' | 'q3'>) => ({
  median: 1000 / median,
  q1: 1000 / q3,
  q3: 1000 / q1,
});
