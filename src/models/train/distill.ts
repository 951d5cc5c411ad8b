import { basename, resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { forward, statistics, type Tensors } from '../engines/tfjs-forward.js';
import type { NetSpec } from '../net.js';
import { vggNet } from '../nets/vgg.js';
import { paramsFrom, type Weights } from '../weights.js';
import { type Agreement, agreementOf, flat } from './agreement.js';
import { type Batch, batches, toTensor } from './batches.js';
import { type Course, follow, type Gradients, type TrainResult } from './course.js';
import { type DistillOptions, layersOf } from './distill-options.js';
import { type Specimens, specimensOf } from './evaluate.js';
import { featureSheet } from './feature-sheet.js';
import { gradientsOf } from './gradients.js';
import { type Crop, Pictures, type Split } from './images.js';
import { Journal, type Show } from './journal.js';
import { features, type LossNetwork, loadLossNetworks } from './losses.js';
import { toVariables } from './nets.js';
import type { Random } from './random.js';
import { isTrained, studentWeights, writeLossNetwork } from './student.js';
import { sumOf } from './sum.js';
import { type Plan, Training } from './training.js';

/** What the training of a loss network reads and writes. */
export interface DistillFiles {
  /** Folders of photos and of paintings. */
  readonly content: readonly string[];
  readonly style: readonly string[];
  /** The teachers, as `loadLossNetworks` reads them. */
  readonly loss: readonly string[];
  /** Folder of the training: network, checkpoints, log, events, sheets. */
  readonly out: string;
  readonly name: string;
  /** What the pictures are, in words, for the file's header; the folders' names unless told. */
  readonly data?: readonly string[] | undefined;
  readonly licence?: string | undefined;
}

/** A loss network that is being trained. */
interface Student {
  readonly net: NetSpec;
  readonly begin: Weights;
}

/** How the training of a loss network ended. */
export interface DistillResult extends TrainResult {
  readonly agreement: Agreement;
}

/** Channels of each layer that the teachers serve. */
export function widthsOf(teachers: readonly LossNetwork[]): Record<string, number> {
  return Object.fromEntries(
    teachers.flatMap((teacher) =>
      tf.tidy(() => {
        const seen = features([teacher], tf.zeros([1, 64, 64, 3]));
        return Object.entries(seen).map(([layer, { shape }]): [string, number] => [layer, shape.at(-1)!]);
      }),
    ),
  );
}

/** Mean squared error by the variance of what is to be met: layers of any scale count alike. */
function relativeError(mine: tf.Tensor, wanted: tf.Tensor): tf.Tensor {
  const { variance } = tf.moments(wanted);
  return tf.div(tf.mean(tf.squaredDifference(mine, wanted)), tf.maximum(variance, 1e-8));
}

/**
 * Losses and gradients of pictures (floats in [0, 1], NHWC): relative errors of the features, and of the mean and the
 * deviation of each channel, summed over the layers. Called within `tf.tidy`.
 */
export function distillGradients(
  net: NetSpec,
  teachers: readonly LossNetwork[],
  { params, fixed }: { readonly params: Readonly<Record<string, tf.Variable>>; readonly fixed: Tensors },
  picture: tf.Tensor4D,
  options: DistillOptions,
): Gradients {
  const wanted = features(teachers, picture) as Record<string, tf.Tensor4D>;
  return gradientsOf(params, () => {
    const mine = forward(net, { picture }, { ...fixed, ...params }, layersOf(options)) as Record<
      string,
      tf.Tensor4D
    >;
    const content = sumOf(options.contentLayers.map((layer) => relativeError(mine[layer]!, wanted[layer]!)));
    const style = sumOf(
      options.styleLayers.flatMap((layer) => {
        const [a, b] = [mine[layer]!, wanted[layer]!].map((x) => tf.split(statistics(x, 1e-5), 2, 1));
        return a!.map((half, i) => relativeError(half, b![i]!));
      }),
    );
    const total = sumOf([tf.mul(content, options.contentWeight), tf.mul(style, options.styleWeight)]);
    return { losses: { total, content, style } };
  });
}

/** A random square of `size` out of one of `zoom` times that side. */
function piece({ data, file }: Crop, { size, zoom }: DistillOptions, random: Random): Crop {
  const [left, top] = [random.below(size * (zoom - 1) + 1), random.below(size * (zoom - 1) + 1)];
  const out = new Uint8Array(3 * size * size);
  for (let y = 0; y < size; y++) {
    const from = 3 * ((top + y) * size * zoom + left);
    out.set(data.subarray(from, from + 3 * size), 3 * y * size);
  }
  return { data: out, file };
}

/** What is trained, and the file that becomes of it. */
function planOf(
  files: DistillFiles,
  { net, begin }: Student,
  teachers: readonly LossNetwork[],
  options: DistillOptions,
  latest: () => Agreement,
): Plan {
  const fixed = [...begin].filter(([name]) => !isTrained(name));
  const shapes = Object.entries(paramsFrom(net.params, 'net')).filter(([name]) => isTrained(name));
  return {
    shapes: Object.fromEntries(shapes),
    begin: () => new Map([...begin].filter(([name]) => isTrained(name))),
    model: (params, { heldOut: _, ...training }) => {
      const card = {
        ...{ name: files.name, layers: layersOf(options), agreement: latest(), training },
        teachers: teachers.map(({ name, layers }) => `${name}: ${layers.join(', ')}`),
        data: files.data ?? [...files.content, ...files.style].map((folder) => basename(resolve(folder))),
        licence: files.licence ?? 'not stated',
        date: new Date().toISOString().slice(0, 10),
      };
      return writeLossNetwork(card, new Map([...fixed, ...params]));
    },
  };
}

async function openPictures(
  { content, style }: Pick<DistillFiles, 'content' | 'style'>,
  options: DistillOptions,
  split: Split,
) {
  const { seed, size, zoom, holdout, cacheMb } = options;
  const open = (folders: readonly string[], name: string) =>
    Pictures.open(folders, {
      ...{ name, split, holdout, seed, size: size * zoom, cacheMb: Math.ceil(cacheMb / 2) },
    });
  return { content: await open(content, 'content'), style: await open(style, 'style') };
}

/** The crops that agreement is measured on: as many photos as paintings. */
const measuredOn = ({ content, style }: Specimens, { evaluatePairs }: DistillOptions): Crop[] => [
  ...content.slice(0, evaluatePairs),
  ...style.slice(0, evaluatePairs),
];

/**
 * Trains a small loss network of the VGG family to say of any picture what larger ones, its teachers, say of it
 * (Hinton et al. 2015, arXiv 1503.02531; for painting Wang et al. 2020, arXiv 2003.08436). When the signal is aborted
 * it saves, and then throws.
 * @throws Interrupted after a stop; NotFound, BadInput, Usage, CannotWrite; LivebrushError when it diverges.
 */
export async function distill(
  files: DistillFiles,
  options: DistillOptions,
  { resume = false, signal, show }: { resume?: boolean; signal?: AbortSignal; show?: Show } = {},
): Promise<DistillResult> {
  const pictures = await openPictures(files, options, 'train');
  const specimens = await specimensOf(await openPictures(files, options, 'held-out'), options);
  const data = { content: pictures.content.fingerprint, style: pictures.style.fingerprint };
  const teachers = await loadLossNetworks(files.loss, layersOf(options));
  const begin = studentWeights(options, widthsOf(teachers));
  const net = vggNet(begin);
  const fixed = toVariables(new Map([...begin].filter(([name]) => !isTrained(name))));
  const side = options.size * options.zoom;
  let agreement: Agreement = {};
  try {
    const plan = planOf(files, { net, begin }, teachers, options, () => agreement);
    using training = await Training.open(files.out, plan, options, { resume, data });
    await using journal = await Journal.open(files.out, options.steps, show);
    const { params, random } = training;
    const look = (picture: tf.Tensor4D) =>
      forward(net, { picture }, { ...fixed, ...params }, layersOf(options));
    const crops = measuredOn(specimens, options);
    const course: Course<Batch> = {
      batches: (from) => batches(pictures, options.batch, from),
      gradients: ({ content, style }) => {
        const pieces = [...content, ...style].map((crop) => piece(crop, options, random));
        const picture = tf.mul(toTensor(pieces, options.size), 1 / 255) as tf.Tensor4D;
        return distillGradients(net, teachers, { params, fixed }, picture, options);
      },
      evaluate: async () => {
        agreement = await agreementOf(look, teachers, crops, { size: side, batch: options.batch });
        const errors = Object.values(agreement).map(({ features: { error } }) => error);
        return { total: errors.reduce((a, b) => a + b, 0), ...flat(agreement) };
      },
      sheet: () => featureSheet(look, teachers, specimens, { ...options, side }),
    };
    const result = await follow(course, training, journal, signal);
    return { ...result, agreement };
  } finally {
    tf.dispose(fixed);
    for (const teacher of teachers) teacher[Symbol.dispose]();
  }
}

/**
 * How near some finished loss networks are to others, in the layers that the options name, on held-out pictures.
 * @throws NotFound, BadInput, Usage
 */
export async function compareLossNetworks(
  mine: readonly string[],
  files: Pick<DistillFiles, 'content' | 'style' | 'loss'>,
  options: DistillOptions,
): Promise<Agreement> {
  const held = await openPictures(files, options, 'held-out');
  const crops = measuredOn(await specimensOf(held, options), options);
  const layers = layersOf(options);
  const theirs = await loadLossNetworks(files.loss, layers);
  const ours = await loadLossNetworks(mine, layers);
  try {
    const size = options.size * options.zoom;
    return await agreementOf((picture) => features(ours, picture), theirs, crops, { ...options, size });
  } finally {
    for (const network of [...theirs, ...ours]) network[Symbol.dispose]();
  }
}
