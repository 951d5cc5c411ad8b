import { loadRuntime, Session } from '../engines/onnx-session.js';
import type { Pixels } from '../pixels.js';

/** How far apart two sets of pictures are, in steps of 255. */
export interface Difference {
  readonly mean: number;
  readonly max: number;
}

/** Over all pictures together. */
export function difference(a: readonly Pixels[], b: readonly Pixels[]): Difference {
  let [sum, count, max] = [0, 0, 0];
  for (const [i, { data }] of a.entries()) {
    const other = b[i]!.data;
    for (let j = 0; j < data.length; j++) {
      const gap = Math.abs(data[j]! - other[j]!);
      sum += gap;
      if (gap > max) max = gap;
    }
    count += data.length;
  }
  return { mean: sum / Math.max(1, count), max };
}

/**
 * Paints with an exported ONNX file.
 * @throws Unsupported without ONNX Runtime.
 */
export async function paintExported(
  file: Uint8Array,
  pictures: readonly Pixels[],
  { floats = false, signal }: { floats?: boolean; signal?: AbortSignal } = {},
): Promise<Pixels[]> {
  const session = await Session.open(await loadRuntime('cpu'), 'cpu', 'painter', file);
  const painted: Pixels[] = [];
  try {
    for (const picture of pictures) {
      signal?.throwIfAborted();
      const content = floats ? session.floatPicture(picture) : session.bytes(picture);
      const { picture: made } = await session.run({ content });
      const [, , height, width] = made!.dims as [number, number, number, number];
      const data = made!.data as Uint8Array | Float32Array;
      painted.push({
        data: floats ? Uint8Array.from(data, (value) => Math.round(255 * value)) : Uint8Array.from(data),
        width,
        height,
      });
    }
  } finally {
    await session.close();
  }
  return painted;
}
