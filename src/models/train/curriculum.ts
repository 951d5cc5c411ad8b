import { Random } from './random.js';

/** How styles come to the photos over a training. */
export interface StyleSchedule {
  /** Photos in a batch. */
  readonly batch: number;
  readonly seed: number;
  /** So many batches in a row share one style; 0 gives every photo a style of its own. */
  readonly styleEvery: number;
  /** So many styles are met one at a time, before batches mix several; 0 goes on with one at a time for ever. */
  readonly curriculum: number;
  /** Fewest and most styles of a batch that mixes. */
  readonly mixedStyles: readonly [number, number];
}

/** The styles of one batch. */
export interface Deal {
  /** How many there are. */
  readonly styles: number;
  /** For each photo which of them it is painted in. */
  readonly of: readonly number[];
  /** The next batch gets others. */
  readonly last: boolean;
}

/**
 * How the styles of a batch are dealt, by the number of its step (from 0) and the seed alone. Shen et al. 2018 keep one
 * style for 20 batches; seed 000 does so until 30 styles have been seen, then shuffles 4 to 8 into each batch; the
 * house gives every photo its own from the start.
 */
export function dealAt(step: number, schedule: StyleSchedule): Deal {
  const { batch, seed, styleEvery, curriculum, mixedStyles } = schedule;
  const photos = Array.from({ length: batch }, (_, i) => i);
  if (styleEvery === 0) return { styles: batch, of: photos, last: true };
  if (curriculum === 0 || step < curriculum * styleEvery)
    return { styles: 1, of: photos.map(() => 0), last: (step + 1) % styleEvery === 0 };
  const [fewest, most] = mixedStyles;
  const random = Random.from(seed, 'mixed styles', step);
  const styles = Math.min(batch, fewest + random.below(most - fewest + 1));
  // Every style at least once; then shuffled.
  const hands = photos.map((i) => (i < styles ? i : random.below(styles)));
  return { styles, of: [...random.permutation(batch)].map((i) => hands[i]!), last: true };
}
