import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { Usage } from '../../errors.js';
import { coverCrop, readPicture } from '../picture.js';
import { type Pixels, toPacked } from '../pixels.js';
import { nameFrom } from '../style.js';
import type { Crop } from './images.js';

/** A picture that a net learns to paint like. */
export interface Painting {
  /** Of the style, made of the file's. */
  readonly name: string;
  readonly title: string;
  readonly file: string;
  readonly pixels: Pixels;
}

/** Reads a painting. @throws NotFound, BadInput; Usage when no name can be made of its file's. */
export async function readPainting(path: string): Promise<Painting> {
  const file = basename(path);
  const name = nameFrom(file);
  if (name === undefined)
    throw new Usage(`No name for a style can be made of ${file}.`, {
      hint: 'Rename the file: a to z, digits.',
    });
  const { pixels } = await readPicture(path);
  const title = file.replace(/\.[a-z0-9]{1,11}$/i, '').slice(0, 200);
  return { name, title, file: path, pixels };
}

/** The middle square of a painting, its short side resized to `size`: what a style is, in all of the product. */
export async function paintingCrop({ pixels, file }: Painting, size: number): Promise<Crop> {
  return { data: toPacked(await coverCrop(pixels, { width: size, height: size })), file };
}

/** Tells paintings apart by their pixels. */
export const printOf = ({ pixels: { data, width, height } }: Painting): string =>
  createHash('sha256').update(`${width}x${height}`).update(data).digest('hex').slice(0, 16);
