import * as tf from '@tensorflow/tfjs';
import { resizePicture } from '../picture.js';
import { cropTo, fromPacked, type Pixels, paddedSize, padReflect, type Size, toPacked } from '../pixels.js';
import { type LossNumbers, lossesShown, optimisePicture } from './gatys.js';
import { pictureLoss } from './gatys-loss.js';
import type { PictureRecipe } from './gatys-options.js';
import { type LossNetwork, type Targets, targetsOf } from './losses.js';
import { Random } from './random.js';

/** Sides that four poolings halve without a rest, and that are never too small for a reflection afterwards. */
const STRIDE = 16;
const LEAST = 32;
/** No scale's longest side is below this, in pixels. */
const COARSEST = 96;

/** Pixels as floats [1, H, W, 3] in [0, 1], grown by reflection to sides that suit every network. */
function toDevice(pixels: Pixels): tf.Tensor4D {
  const grown = padReflect(pixels, paddedSize(pixels, STRIDE, LEAST));
  const data = Float32Array.from(toPacked(grown), (value) => value / 255);
  return tf.tensor4d(data, [1, grown.height, grown.width, 3]);
}

/** A picture on the device as it is shown: cut to [0, 1], 8 bits a channel, without what was added around it. */
async function toPixels(picture: tf.Tensor4D, size: Size): Promise<Pixels> {
  const [, height, width] = picture.shape;
  const data = (await picture.data()) as Float32Array;
  const packed = Uint8Array.from(data, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
  return cropTo(fromPacked(packed, { width, height }), size);
}

/** Uniform noise that depends on the seed alone. */
function noise({ width, height }: Size, seed: number): Pixels {
  const random = Random.from(seed, 'picture');
  return { data: Uint8Array.from({ length: 3 * width * height }, () => random.below(256)), width, height };
}

/** From coarse to fine, the last one the whole size: each half the next, none of them tiny. */
export function scalesOf({ width, height }: Size, count: number): Size[] {
  const sizes = Array.from({ length: count }, (_, i) => {
    const side = (length: number) => Math.max(1, Math.round(length / 2 ** i));
    return { width: side(width), height: side(height) };
  });
  return sizes.filter((size, i) => i === 0 || Math.max(size.width, size.height) >= COARSEST).reverse();
}

/** How far the whole has come; losses are those of the scale at hand. */
export interface PictureProgress {
  readonly step: number;
  readonly losses: LossNumbers;
  /** The picture so far, of the scale's size. */
  readonly pixels: () => Promise<Pixels>;
}

/** A picture that was optimised, whole or as far as it came. */
export interface PaintedByOptimising {
  readonly pixels: Pixels;
  readonly steps: number;
  readonly evaluations: number;
  /** Of the content left alone and of the picture, at the size of the last step. */
  readonly before: LossNumbers;
  readonly after: LossNumbers;
  /** Why it ended: all steps made, nothing left to gain, or told to stop. */
  readonly end: 'steps' | 'converged' | 'stopped';
}

/** Who may stop it, and who hears of it. */
export interface AboutPicture {
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (progress: PictureProgress) => unknown;
}

/** What one size takes: the photo, the painting and the picture to begin with. */
interface Scene {
  readonly photo: Pixels;
  readonly painting: Pixels;
  readonly start: Pixels;
}

async function atOneSize(
  networks: readonly LossNetwork[],
  { photo, painting, start }: Scene,
  recipe: PictureRecipe,
  { signal, onStep }: AboutPicture,
): Promise<PaintedByOptimising> {
  const begin = { photo: toDevice(photo), picture: toDevice(start) };
  const targets = tf.tidy(
    () => targetsOf(networks, toDevice(painting), begin.photo, recipe) as unknown as tf.TensorContainerObject,
  ) as unknown as Targets;
  try {
    const loss = await pictureLoss(networks, targets, begin.photo, recipe);
    const { picture, ...found } = await optimisePicture(begin.picture, loss, recipe, {
      signal,
      onStep: ({ step, losses, picture }) =>
        onStep?.({ step, losses, pixels: () => toPixels(picture, photo) }),
    });
    const [pixels, before, after] = [
      await toPixels(picture, photo),
      await lossesShown(begin.photo, loss),
      await lossesShown(picture, loss),
    ];
    picture.dispose();
    return { pixels, ...found, before, after };
  } finally {
    tf.dispose(begin);
    tf.dispose(targets as unknown as tf.TensorContainerObject);
  }
}

const times = (size: Size, factor: number): Size => ({
  width: Math.max(1, Math.round(size.width * factor)),
  height: Math.max(1, Math.round(size.height * factor)),
});

/**
 * Paints one picture by optimising it, over one or several sizes up to the content's own; `style` may have another
 * size and is shrunk with the content. When `signal` is aborted, the picture so far comes, in the whole size.
 * @throws BadInput when the loss is no number.
 */
export async function paintByOptimising(
  networks: readonly LossNetwork[],
  { content, style }: { readonly content: Pixels; readonly style: Pixels },
  recipe: PictureRecipe,
  { seed = 1, signal, onStep }: AboutPicture = {},
): Promise<PaintedByOptimising> {
  const sizes = scalesOf(content, Math.min(recipe.scales, recipe.steps));
  let picture = recipe.start === 'noise' ? noise(sizes[0]!, seed) : content;
  let [steps, evaluations] = [0, 0];
  let last: PaintedByOptimising | undefined;
  for (const [i, size] of sizes.entries()) {
    const [photo, painting, start] = await Promise.all([
      resizePicture(content, size),
      resizePicture(style, times(style, size.width / content.width)),
      resizePicture(picture, size),
    ]);
    const planned = Math.round((recipe.steps * (i + 1)) / sizes.length);
    const [past, share] = [steps, planned - Math.round((recipe.steps * i) / sizes.length)];
    last = await atOneSize(
      networks,
      { photo, painting, start },
      { ...recipe, steps: share },
      { signal, onStep: (progress) => onStep?.({ ...progress, step: past + progress.step }) },
    );
    steps += last.steps;
    evaluations += last.evaluations;
    picture = last.pixels;
    if (last.end === 'stopped') break;
  }
  return { ...last!, pixels: await resizePicture(picture, content), steps, evaluations };
}
