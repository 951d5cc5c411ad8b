import { blank, type Pixels, type Size } from '../models/pixels.js';

/** Resamples a picture to a size. */
export type Resample = (pixels: Pixels, size: Size) => Promise<Pixels>;

/** The picture as large as fits into `size`, in its own shape, black around it; itself where it has that size. */
export async function letterbox(pixels: Pixels, size: Size, resample: Resample): Promise<Pixels> {
  if (pixels.width === size.width && pixels.height === size.height) return pixels;
  const scale = Math.min(size.width / pixels.width, size.height / pixels.height);
  const inner = {
    width: Math.min(size.width, Math.max(1, Math.round(pixels.width * scale))),
    height: Math.min(size.height, Math.max(1, Math.round(pixels.height * scale))),
  };
  const fitted = await resample(pixels, inner);
  if (inner.width === size.width && inner.height === size.height) return fitted;
  const out = blank(size);
  const left = (size.width - inner.width) >> 1;
  const top = (size.height - inner.height) >> 1;
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y < inner.height; y++) {
      const from = (channel * inner.height + y) * inner.width;
      const row = fitted.data.subarray(from, from + inner.width);
      out.data.set(row, (channel * size.height + top + y) * size.width + left);
    }
  return out;
}
