import type { Size } from '../models/pixels.js';
import type { Ratio } from '../pipeline/media.js';
import type { SizeWish } from './options.js';

/** The sizes of a transcode, in pixels. */
export interface SizePlan {
  readonly output: Size;
  /** Where the network paints. */
  readonly work: Size;
  /** Of the output: its picture has the shape of the source's, whatever the numbers of pixels. */
  readonly pixelAspect: Ratio;
}

const even = (side: number) => Math.max(2, 2 * Math.round(side / 2));

/** One number is the height, the width follows and is even, since most codecs want that; two are taken as they are. */
const wished = (wish: SizeWish, { width, height }: Size): Size =>
  typeof wish === 'number' ? { width: even((width * wish) / height), height: wish } : wish;

function reduced(num: bigint, den: bigint): Ratio {
  let [a, b] = [num, den];
  while (b > 0n) [a, b] = [b, a % b];
  let [n, d] = [num / a, den / a];
  // FFmpeg holds ratios in 32 bits.
  while (n > 0x7fffffffn || d > 0x7fffffffn) [n, d] = [n >> 1n || 1n, d >> 1n || 1n];
  return { num: Number(n), den: Number(d) };
}

/** The sizes of a video: its own unless wished otherwise. */
export function planSizes(
  source: Size & { readonly pixelAspect: Ratio },
  { size, workSize }: { readonly size?: SizeWish; readonly workSize?: SizeWish },
): SizePlan {
  const output = size === undefined ? { width: source.width, height: source.height } : wished(size, source);
  const work = workSize === undefined ? output : wished(workSize, output);
  const { num, den } = source.pixelAspect;
  const exact = typeof size === 'object';
  const pixelAspect = exact
    ? reduced(
        BigInt(num) * BigInt(source.width) * BigInt(output.height),
        BigInt(den) * BigInt(source.height) * BigInt(output.width),
      )
    : source.pixelAspect;
  return { output, work, pixelAspect };
}

/** `size` shrunk to fit: a longest side, or a box. Nothing is enlarged. */
export function fitted({ width, height }: Size, wish: SizeWish): Size {
  const box = typeof wish === 'number' ? { width: wish, height: wish } : wish;
  const scale = Math.min(1, box.width / width, box.height / height);
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  return { width: side(width), height: side(height) };
}
