import { torchvisionInput } from '../import/preprocessing.js';
import { sizeOf } from '../net.js';
import { families } from '../nets/vgg.js';
import { type Tensor, type Weights, writeWeights } from '../weights.js';
import type { Agreement } from './agreement.js';
import { type DistillOptions, layersOf } from './distill-options.js';
import { Random } from './random.js';

/** What the file of a loss network says of itself, in the `livebrush` entry of its safetensors header. */
export interface LossCard {
  readonly name: string;
  /** Layers that stand in for the teachers'; others of the net have a scale of their own. */
  readonly layers: readonly string[];
  /** How near those are to the teachers', on pictures that the training did not see. */
  readonly agreement: Agreement;
  /** Names of the loss networks that it learnt from, and of the layers of each. */
  readonly teachers: readonly string[];
  readonly training: Readonly<Record<string, unknown>>;
  readonly data: readonly string[];
  readonly date: string;
  readonly licence: string;
}

/** The convolutions of a net of the VGG-19 family, up to the deepest of some layers: name, channels in and out. */
function convolutions({ widths }: DistillOptions, layers: readonly string[]): [string, number, number][] {
  const deepest = layers.at(-1)!.slice('relu'.length);
  const all: [string, number, number][] = [];
  let channels = 3;
  for (const [i, width] of widths.entries())
    for (let j = 1; j <= families.vgg19[i]!; j++) {
      const place = `${i + 1}_${j}`;
      all.push([`conv${place}`, channels, width]);
      if (place === deepest) return all;
      channels = width;
    }
  return all;
}

/**
 * A student before it has learnt anything: VGG-19's shape in its own widths, and behind each layer to be learnt a 1x1
 * convolution to the teacher's width (`teacherWidths`, by layer). He et al. 2015 (arXiv 1502.01852).
 */
export function studentWeights(
  options: DistillOptions,
  teacherWidths: Readonly<Record<string, number>>,
): Weights {
  const random = Random.from(options.seed, 'student');
  const layers = layersOf(options);
  const weights = new Map<string, Tensor>(torchvisionInput());
  const put = (name: string, shape: readonly number[]): void => {
    const deviation = Math.sqrt(2 / sizeOf(shape.slice(1)));
    const data = Float32Array.from({ length: sizeOf(shape) }, () => deviation * random.normal());
    weights.set(`${name}.weight`, { shape, data });
    weights.set(`${name}.bias`, { shape: [shape[0]!], data: new Float32Array(shape[0]!) });
  };
  for (const [name, from, to] of convolutions(options, layers)) {
    put(name, [to, from, 3, 3]);
    const layer = name.replace('conv', 'relu');
    if (layers.includes(layer)) put(`${name}_aux`, [teacherWidths[layer]!, to, 1, 1]);
  }
  return weights;
}

/** The preprocessing stays as it is; all else is learnt. */
export const isTrained = (name: string): boolean => !name.startsWith('conv0.');

/** The bytes of a loss network's file, numbers as halves. */
export const writeLossNetwork = (card: LossCard, weights: Weights): Uint8Array =>
  writeWeights(weights, { livebrush: JSON.stringify({ format: 1, kind: 'loss', ...card }) });
