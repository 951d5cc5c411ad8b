import { BadInput } from '../../errors.js';
import type { NetSpec } from '../net.js';
import { type Pixels, paddedSize, padReflect, type Size } from '../pixels.js';
import { mismatch, paramsFrom, type Tensor, type Weights } from '../weights.js';
import { leastSide } from './shapes.js';

/** What every engine asks of what it is given, so that all refuse the same things in the same words. */

/** Pixels of one picture that an engine takes: about 16K by 9K. */
const MOST_PIXELS = 160_000_000;

const isSide = (n: number) => Number.isSafeInteger(n) && n > 0;

/** @throws BadInput unless a painter of the net can be made for the size. */
export function checkSize(net: NetSpec, { width, height }: Size): void {
  const least = leastSide(net);
  if (!isSide(width) || !isSide(height) || width * height > MOST_PIXELS)
    throw new BadInput(`Pictures of ${width}x${height} cannot be painted.`);
  if (width % net.stride || height % net.stride || Math.min(width, height) < least)
    throw new BadInput(
      `Pictures of ${width}x${height} do not fit the net ${net.name}: it wants sides that are multiples of ` +
        `${net.stride}, ${least} at least.`,
    );
}

/** @throws BadInput unless the picture has as many bytes as its sides say. */
export function checkPicture({ data, width, height }: Pixels): void {
  if (!isSide(width) || !isSide(height) || width * height > MOST_PIXELS)
    throw new BadInput(`A picture of ${width}x${height} cannot be read.`);
  if (data.length !== 3 * width * height)
    throw new BadInput(
      `A picture of ${width}x${height} has ${data.length} bytes, not ${3 * width * height}.`,
    );
}

/** @throws BadInput unless the picture is whole and of the painter's size. */
export function checkPainted(pixels: Pixels, size: Size): void {
  checkPicture(pixels);
  if (pixels.width !== size.width || pixels.height !== size.height)
    throw new BadInput(
      `The picture is ${pixels.width}x${pixels.height}, but this painter paints ${size.width}x${size.height}.`,
    );
}

/** @throws BadInput unless `weights` are just the params of the net that come from one side. */
export function checkWeights(weights: Weights, net: NetSpec, from: 'net' | 'style'): void {
  const why = mismatch(weights, paramsFrom(net.params, from));
  if (why)
    throw new BadInput(
      `These ${from === 'style' ? 'style ' : ''}weights do not fit the net ${net.name}: ${why}.`,
    );
}

/** @throws BadInput unless the net turns one picture into another. */
function checkPaints(net: NetSpec): void {
  if (net.inputs.length !== 1 || !('picture' in net.outputs))
    throw new BadInput(`The net ${net.name} does not turn one picture into another, so it cannot paint.`);
}

/** @throws BadInput unless the net can paint pictures of the size with `base` as its own weights. */
export function checkPainter(net: NetSpec, base: Weights, size: Size): void {
  checkPaints(net);
  checkSize(net, size);
  checkWeights(base, net, 'net');
}

/** @throws BadInput unless the net turns one picture into style weights. */
export function checkStyles(net: NetSpec): void {
  if (net.inputs.length !== 1)
    throw new BadInput(`The net ${net.name} does not take one picture as its style.`);
}

/** A style picture as a net can take it: grown by reflection where it is smaller than the net's reach. */
export function stylePicture(net: NetSpec, picture: Pixels): Pixels {
  checkPicture(picture);
  return padReflect(picture, paddedSize(picture, net.stride, leastSide(net)));
}

/** One row of a styler's output as the tensor that the TransformNet wants. */
export function generated(net: NetSpec, name: string, data: Float32Array): Tensor {
  return { shape: net.makes?.[name] ?? [data.length], data };
}

/** @throws BadInput that says so: weights bound by another painter, or already disposed. */
export function refuseBound(why: 'foreign' | 'disposed'): never {
  throw new BadInput(
    why === 'foreign'
      ? 'This style was bound by another painter; bind it to the one that paints.'
      : 'This style is no longer bound: it was disposed.',
  );
}

/** @throws BadInput that says what is closed. */
export function refuseClosed(what: 'engine' | 'painter' | 'styler'): never {
  throw new BadInput(`The ${what} is closed.`);
}
