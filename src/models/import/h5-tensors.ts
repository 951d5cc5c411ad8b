import type { Dataset, File, Group } from 'h5wasm/node';
import { BadInput, Unsupported } from '../../errors.js';
import { sizeOf } from '../net.js';
import type { Tensor, Weights } from '../weights.js';

/** What a file of Keras has no reason to exceed: groups in groups, things in all, numbers in one tensor. */
const MAX_DEPTH = 10;
const MAX_THINGS = 10_000;
const MAX_NUMBERS = 64e6;

type Library = typeof import('h5wasm/node');

async function library(): Promise<Library> {
  try {
    const h5 = await import('h5wasm/node');
    // Else the library writes its errors to the terminal and goes on.
    (await h5.ready).activate_throwing_error_handler();
    return h5;
  } catch (cause) {
    throw new Unsupported('Files of Keras need the package h5wasm, which cannot be loaded.', {
      hint: 'Install Livebrush again.',
      cause,
    });
  }
}

const FLOAT = 1;

/** The numbers of a dataset; undefined when it is no filter, bias or the like. */
function tensorOf(dataset: Dataset, what: string): Tensor | undefined {
  const { shape, type, size, littleEndian, virtual_sources: elsewhere } = dataset.metadata;
  if (!shape || (shape.length !== 1 && shape.length !== 4) || type !== FLOAT) return undefined;
  if ((size !== 4 && size !== 8) || !littleEndian || elsewhere?.length)
    throw new BadInput(`${what} does not hold ${dataset.path} as plain floats of 32 or 64 bits.`);
  if (sizeOf(shape) > MAX_NUMBERS) throw new BadInput(`${what} claims a tensor of [${shape.join(', ')}].`);
  const { value } = dataset;
  if (!(value instanceof Float32Array || value instanceof Float64Array) || value.length !== sizeOf(shape))
    throw new BadInput(`${what} does not hold all numbers of ${dataset.path}.`);
  return { shape, data: Float32Array.from(value) };
}

/** Walks groups without end or external files: links may lead in circles. */
function collect(h5: Library, top: Group, what: string): Weights {
  const found = new Map<string, Tensor>();
  let things = 0;
  const walk = (group: Group, depth: number): void => {
    if (depth > MAX_DEPTH) throw new BadInput(`${what} has groups nested too deeply.`);
    for (const name of group.keys()) {
      const entity = group.get(name);
      if (++things > MAX_THINGS) throw new BadInput(`${what} holds too many things for a VGG.`);
      if (entity instanceof h5.Group) walk(entity, depth + 1);
      else if (entity instanceof h5.Dataset) {
        const tensor = tensorOf(entity, what);
        if (tensor) found.set(entity.path.replace(/^\//, ''), tensor);
      }
    }
  };
  walk(top, 0);
  return found;
}

export const notH5 = (what: string, cause?: unknown) =>
  new BadInput(`${what} is not a valid HDF5 file.`, { hint: 'Fetch it again.', cause });

/**
 * Tensors of one and of four axes in an HDF5 file, by path, as they lie there. Reads the file in place, in this thread. A
 * damaged file can bring the library down, or keep it busy for ever: see `readH5`.
 * @throws BadInput for anything else, Unsupported without h5wasm.
 */
export async function h5Tensors(path: string, what: string): Promise<Weights> {
  const h5 = await library();
  let file: File | undefined;
  try {
    file = new h5.File(path, 'r');
    return collect(h5, file, what);
  } catch (cause) {
    throw cause instanceof BadInput ? cause : notH5(what, cause);
  } finally {
    try {
      file?.close();
    } catch {
      // A damaged file may not close; it was only read.
    }
  }
}
