import type { Bound } from '../engine.js';
import { type NetSpec, sizeOf } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Tensor, Weights } from '../weights.js';
import { checkPainted } from './checks.js';

/** Pictures of one style that a graphics processor may gain by in one call: a small one does not fill it. */
export const GPU_BATCH = 8;
/** Pixels that it paints in one run at most, unless one picture has more: what runs together has memory of its own. */
const MOST_PIXELS = 1920 * 1088;

/** How many pictures of a size a graphics processor paints in one run at most. */
export const mostAtOnce = ({ width, height }: Size): number =>
  Math.max(1, Math.floor(MOST_PIXELS / (width * height)));

/** How many pictures of a size a call to a graphics processor may gain by. */
export const gpuBatch = (size: Size): number => Math.min(GPU_BATCH, mostAtOnce(size));

/** Pictures of a batch that are painted in the same style, with their places in the batch. */
export interface StyleGroup<T> {
  readonly style: T;
  readonly pictures: Pixels[];
  readonly places: number[];
}

/**
 * A batch by styles, in the order in which they come first.
 * @param held what a painter holds of a style; throws where it cannot paint with it.
 * @throws BadInput when a picture is not of the painter's size.
 */
export function groupByStyle<T>(
  batch: readonly { pixels: Pixels; style: Bound }[],
  size: Size,
  held: (style: Bound) => T,
): StyleGroup<T>[] {
  const groups = new Map<T, StyleGroup<T>>();
  for (const [place, { pixels, style: bound }] of batch.entries()) {
    checkPainted(pixels, size);
    const style = held(bound);
    const group = groups.get(style) ?? { style, pictures: [], places: [] };
    group.pictures.push(pixels);
    group.places.push(place);
    groups.set(style, group);
  }
  return [...groups.values()];
}

/** Style weights that are all zero, to paint a first picture with before any style is there. */
export function zeroStyle(net: NetSpec): Weights {
  const zeros = new Map<string, Tensor>();
  for (const [name, { shape, from }] of Object.entries(net.params))
    if (from === 'style') zeros.set(name, { shape, data: new Float32Array(sizeOf(shape)) });
  return zeros;
}
