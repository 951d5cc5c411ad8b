import * as tf from '@tensorflow/tfjs';
import type { Crop, Pictures } from './images.js';

/** Where in the pictures a training stands. */
export interface Cursor {
  readonly content: number;
  readonly style: number;
}

/** Crops of one step, and where the next one begins. */
export interface Batch {
  readonly content: readonly Crop[];
  readonly style: readonly Crop[];
  readonly next: Cursor;
}

/**
 * Batches without end, decoded `ahead` of their use. `deal` says how many styles the n-th batch from here has, and
 * whether it is the last that has them; as many as photos, and always the last, unless told.
 */
export async function* batches(
  pictures: { readonly content: Pictures; readonly style: Pictures },
  batch: number,
  from: Cursor,
  ahead = 3,
  deal: (n: number) => { readonly styles: number; readonly last: boolean } = () => ({
    styles: batch,
    last: true,
  }),
): AsyncGenerator<Batch, never> {
  let count = 0;
  // One batch begins where the one before ended, which only that one knows: they are decoded in a row.
  const load = async (before: Promise<{ next: Cursor }>): Promise<Batch> => {
    const { styles, last } = deal(count++);
    const { next } = await before;
    const [content, style] = await Promise.all([
      pictures.content.take(next.content, batch),
      pictures.style.take(next.style, styles),
    ]);
    return {
      content: content.crops,
      style: style.crops,
      next: { content: content.cursor, style: last ? style.cursor : next.style },
    };
  };
  let last: Promise<{ next: Cursor }> = Promise.resolve({ next: from });
  const queue: Promise<Batch>[] = [];
  for (;;) {
    while (queue.length < ahead) {
      const one = load(last);
      one.catch(() => {});
      queue.push(one);
      last = one;
    }
    yield await queue.shift()!;
  }
}

/** Crops as one tensor [N, size, size, 3], values 0 to 255. */
export function toTensor(crops: readonly Crop[], size: number): tf.Tensor4D {
  const each = 3 * size * size;
  const data = new Float32Array(crops.length * each);
  for (const [i, crop] of crops.entries()) data.set(crop.data, i * each);
  return tf.tensor4d(data, [crops.length, size, size, 3]);
}
