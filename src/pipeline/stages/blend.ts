import type { Pixels } from '../../models/pixels.js';
import { borrow } from '../recycle.js';

/** How much of a painting to take, both from 0 to 1. */
export interface BlendOptions {
  /** 0 is the source, 1 the painting. */
  readonly strength: number;
  /** 0 takes the painting's colours, 1 the source's under the painting's luma. */
  readonly keepColor: number;
}

/** Weights of red, green and blue in BT.709 luma, in 256ths. */
const [RED, GREEN, BLUE] = [54, 183, 19];

/**
 * Source and painting of one size in one pass over the bytes: out = source + a (painting - source) + b (luma of the
 * painting - luma of the source), where a = strength (1 - keepColor) and b = strength * keepColor. Adding a luma
 * difference to all three channels leaves both chroma components alone.
 * @returns a picture in borrowed memory, to be given back.
 */
export function blend(source: Pixels, painting: Pixels, { strength, keepColor }: BlendOptions): Pixels {
  const { width, height, data: from } = source;
  const { data: to } = painting;
  const plane = width * height;
  const blended = borrow(source);
  const out = new Uint8ClampedArray(blended.data.buffer, blended.data.byteOffset, 3 * plane);
  const a = Math.round(256 * 256 * strength * (1 - keepColor));
  const b = Math.round(256 * strength * keepColor);
  if (b === 0) {
    for (let i = 0; i < 3 * plane; i++) out[i] = from[i]! + ((a * (to[i]! - from[i]!) + 0x8000) >> 16);
  } else {
    for (let i = 0, j = plane, k = 2 * plane; i < plane; i++, j++, k++) {
      const red = to[i]! - from[i]!;
      const green = to[j]! - from[j]!;
      const blue = to[k]! - from[k]!;
      const luma = b * (RED! * red + GREEN! * green + BLUE! * blue) + 0x8000;
      out[i] = from[i]! + ((a * red + luma) >> 16);
      out[j] = from[j]! + ((a * green + luma) >> 16);
      out[k] = from[k]! + ((a * blue + luma) >> 16);
    }
  }
  return blended;
}
