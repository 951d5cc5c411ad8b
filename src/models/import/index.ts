import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { BadInput } from '../../errors.js';
import { readStart, readWhole } from '../files.js';
import { readWeights, type Weights } from '../weights.js';
import { readH5 } from './keras-h5.js';
import { keras } from './keras-names.js';
import { type LossWeights, type Naming, own } from './naming.js';
import { isTorch, readTorch } from './torch.js';
import { torchvision } from './torchvision-names.js';

export type { LossWeights } from './naming.js';

/** A kind of weights file: known by how it begins, whatever its name. Tensors come as the file names and lays them out. */
interface Format {
  readonly recognises: (start: Uint8Array, path: string) => boolean;
  readonly read: (path: string, what: string) => Promise<Weights>;
}

const MAX_BYTES = 2e9;
const H5 = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** Safetensors begin with the length of their JSON. What bears their name is read as such, to say what is wrong with it. */
const isSafetensors = (start: Uint8Array, path: string) => start[8] === 0x7b || path.endsWith('.safetensors');

const formats: readonly Format[] = [
  { recognises: (start) => H5.every((byte, i) => start[i] === byte), read: readH5 },
  { recognises: isTorch, read: readTorch },
  {
    recognises: isSafetensors,
    read: async (path, what) => readWeights(await readWhole(path, MAX_BYTES), what).weights,
  },
];

const namings: readonly Naming[] = [own, torchvision, keras];

/** Refuses convolutions that do not follow one another: each must take as many channels as the one before it makes. */
function checkChain(weights: Weights, what: string): void {
  const names = [...weights.keys()].flatMap((key) => /^(conv\d_\d)\.weight$/.exec(key)?.[1] ?? []).sort();
  let channels = 3;
  for (const name of names) {
    const { shape } = weights.get(`${name}.weight`)!;
    const [out = 0, wanted, ...sides] = shape;
    if (shape.length !== 4 || wanted !== channels || sides.join() !== '3,3' || out < 1)
      throw new BadInput(
        `${what} has a ${name} of [${shape.join(', ')}], where [any, ${channels}, 3, 3] can follow.`,
      );
    channels = out;
  }
}

/**
 * Reads a loss network of the VGG family: our own safetensors, or as published by Keras (.h5) and torchvision (.pth,
 * safetensors). The preprocessing becomes the convolution `conv0`, so that all take RGB in [0, 1].
 * @throws NotFound, BadInput, Unsupported
 */
export async function readLossWeights(path: string): Promise<LossWeights> {
  const what = `The loss network ${basename(path)}`;
  // To open a pipe would wait for its writer; this says what is there instead of a file.
  if (!(await stat(path).catch(() => undefined))?.isFile()) await readWhole(path, MAX_BYTES);
  const start = await readStart(path, 64);
  const format = formats.find(({ recognises }) => recognises(start, path));
  if (!format)
    throw new BadInput(`${what} is no weights file of Keras (.h5), PyTorch (.pth) or safetensors.`, {
      hint: 'It may be cut off, or a page that was saved in its place.',
    });
  const found = await format.read(path, what);
  for (const naming of namings) {
    const named = naming(found, what);
    if (!named) continue;
    checkChain(named.weights, what);
    return named;
  }
  throw new BadInput(`${what} has no layers under names that Livebrush knows, so it is no VGG.`, {
    hint: 'Known are conv1_1.weight, features.0.weight (torchvision) and block1_conv1 (Keras).',
  });
}
