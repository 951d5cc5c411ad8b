/** How the learning rate goes over a training. */
export interface Schedule {
  /** Learning rate at its highest. */
  readonly rate: number;
  /** Steps over which it rises from 0. */
  readonly warmup: number;
  /** Steps of the whole training. */
  readonly steps: number;
  /** Share of `rate` that is left at the end. */
  readonly floor: number;
}

/** Learning rate of a step (counted from 0): a linear rise, then half a cosine down to `floor`. */
export function learningRate(step: number, { rate, warmup, steps, floor }: Schedule): number {
  if (step < warmup) return (rate * (step + 1)) / warmup;
  const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return rate * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * done)));
}
