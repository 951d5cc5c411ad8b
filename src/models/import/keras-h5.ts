import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { BadInput, Unsupported } from '../../errors.js';
import type { Weights } from '../weights.js';
import { h5Tensors, notH5 } from './h5-tensors.js';

/** What the thread is to read. `what` names the file in sentences. */
export interface H5Asked {
  readonly path: string;
  readonly what: string;
}

/** What it found, or why not. */
export type H5Said =
  | { readonly tensors: Weights }
  | { readonly message: string; readonly hint: string | undefined; readonly unsupported: boolean };

const script = new URL('./h5-worker.js', import.meta.url);
/** Milliseconds after which a file is given up: VGG-19 is read in less than a second. */
const PATIENCE = 60_000;

/**
 * Tensors of one and of four axes in an HDF5 file, by path, as they lie there. A thread of its own reads it and is
 * gone afterwards: what is damaged can bring the library down or keep it busy for ever, and both end with the thread.
 * @throws BadInput for anything else, Unsupported without h5wasm.
 */
export async function readH5(
  path: string,
  what: string,
  { program = script, patience = PATIENCE }: { program?: URL; patience?: number } = {},
): Promise<Weights> {
  // From sources, which only a compiler's loader can read, there is no thread.
  if (!existsSync(fileURLToPath(program))) return h5Tensors(path, what);
  const worker = new Worker(program, { workerData: { path, what } satisfies H5Asked });
  let waiting: NodeJS.Timeout | undefined;
  try {
    const said = await new Promise<H5Said>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (cause) => reject(notH5(what, cause)));
      worker.once('exit', () => reject(notH5(what)));
      const late = () => reject(new BadInput(`${what} cannot be read to its end: it is damaged.`));
      waiting = setTimeout(late, patience);
    });
    if ('tensors' in said) return said.tensors;
    const { message, hint, unsupported } = said;
    throw new (unsupported ? Unsupported : BadInput)(message, { hint });
  } finally {
    clearTimeout(waiting);
    await worker.terminate();
  }
}
