import type { Pixels, Size } from '../pixels.js';

/** How far two paintings of one picture are apart, in steps of 255. */
export interface Gap {
  readonly mean: number;
  readonly largest: number;
}

/** A picture for engines to prove themselves on: every brightness, and no two rows alike. */
export const provingPicture = ({ width, height }: Size): Pixels => ({
  width,
  height,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => 128 + 120 * Math.sin(i / 7)),
});

/** How far apart two paintings of the same size are. */
export function gapOf(one: Pixels, other: Pixels): Gap {
  let sum = 0;
  let largest = 0;
  for (const [i, value] of one.data.entries()) {
    const gap = Math.abs(value - other.data[i]!);
    sum += gap;
    largest = Math.max(largest, gap);
  }
  return { mean: sum / one.data.length, largest };
}
