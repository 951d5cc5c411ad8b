import type { Picture } from '../models/picture.js';
import type { Pixels, Size } from '../models/pixels.js';
import type { Task } from './image-tasks.js';
import type { SizeWish } from './options.js';
import { checkOutput, type ReadFiles } from './paths.js';
import { fitted } from './sizes.js';

/** Largest file read, in bytes. */
const MAX_BYTES = 200e6;

/** How one picture is painted and written. */
export interface PictureOptions {
  /** The painting is shrunk to fit this. */
  readonly size?: SizeWish;
  readonly maxPixels: number;
  readonly overwrite?: boolean;
}

/** What a picture is painted with. */
export interface Easel {
  readonly stylize: (pixels: Pixels) => Promise<Pixels>;
  readonly description: string;
  readonly options: PictureOptions;
  /** No painting may take the place of one of these. */
  readonly read: ReadFiles;
}

/** Resizes an opacity plane like the picture it belongs to. */
async function resizeAlpha(alpha: Uint8Array, from: Size, to: Size): Promise<Uint8Array> {
  const { resizePicture } = await import('../models/picture.js');
  const data = new Uint8Array(3 * alpha.length);
  for (const channel of [0, 1, 2]) data.set(alpha, channel * alpha.length);
  return (await resizePicture({ data, ...from }, to)).data.slice(0, to.width * to.height);
}

/** A picture shrunk to fit, its opacity with it. */
export async function shrink(
  { pixels, alpha }: Picture,
  wish: SizeWish | undefined,
): Promise<Pick<Picture, 'pixels' | 'alpha'>> {
  const { width, height } = pixels;
  const to = wish === undefined ? { width, height } : fitted(pixels, wish);
  if (to.width === width && to.height === height) return { pixels, alpha };
  const { resizePicture } = await import('../models/picture.js');
  return {
    pixels: await resizePicture(pixels, to),
    alpha: alpha && (await resizeAlpha(alpha, { width, height }, to)),
  };
}

/**
 * Paints one picture and writes the painting.
 * @returns the painting's size. @throws NotFound, BadInput, Usage, CannotWrite.
 */
export async function paintPicture({ input, output }: Task, easel: Easel): Promise<Size> {
  const { readPicture, writePicture } = await import('../models/picture.js');
  const { options } = easel;
  await checkOutput(input, output, options.overwrite, easel.read);
  const limits = { maxPixels: options.maxPixels, maxBytes: MAX_BYTES };
  const { pixels, alpha } = await shrink(
    await readPicture(input, { alpha: 'apart', ...limits }),
    options.size,
  );
  const painting = await easel.stylize(pixels);
  const { description } = easel;
  await writePicture(output, painting, { alpha, description, overwrite: options.overwrite ?? false });
  return { width: painting.width, height: painting.height };
}
