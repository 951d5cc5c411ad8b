import { blank, type Pixels, type Size } from '../../models/pixels.js';

/** A drawn picture with smooth parts, edges and grain, the same for the same size and seed. */
export function drawing(size: Size, seed = 1): Pixels {
  const pixels = blank(size);
  const { width, height } = size;
  let grain = seed >>> 0;
  for (let channel = 0, i = 0; channel < 3; channel++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        grain = (Math.imul(grain, 1664525) + 1013904223) >>> 0;
        const wave = Math.sin((x * (seed + 2)) / 37 + channel) * Math.cos(y / 23 + seed);
        const edge = ((x >> 5) + (y >> 5) + channel + seed) % 3 === 0 ? 40 : -20;
        pixels.data[i] = Math.max(0, Math.min(255, 128 + 70 * wave + edge + (grain >>> 28)));
      }
  return pixels;
}

/** How far two pictures are apart, in steps of 255. */
export interface Difference {
  readonly max: number;
  readonly mean: number;
}

/** Largest and mean difference of the bytes of two pictures of one size. */
export function differenceOf(one: Uint8Array, other: Uint8Array): Difference {
  if (one.length !== other.length) return { max: 255, mean: 255 };
  let [max, sum] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    const apart = Math.abs(one[i]! - other[i]!);
    sum += apart;
    if (apart > max) max = apart;
  }
  return { max, mean: sum / Math.max(1, one.length) };
}

/** Pictures whose mean difference is below one step of 255 show the same; what is further apart is another net. */
export const showsTheSame = ({ mean }: Difference): boolean => mean < 1;
