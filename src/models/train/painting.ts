import { coverCrop, readPicture } from '../picture.js';
import { type Pixels, toPacked } from '../pixels.js';
import type { Crop } from './images.js';

/** Reads a painting. @throws NotFound, BadInput */
export const readPainting = async (path: string): Promise<Pixels> => (await readPicture(path)).pixels;

/** The middle square of a painting, its short side resized to `size`: what a style is, in all of the product. */
export async function paintingCrop(painting: Pixels, size: number, file: string): Promise<Crop> {
  return { data: toPacked(await coverCrop(painting, { width: size, height: size })), file };
}
