import { basename, resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeModel } from '../model.js';
import { openModel } from '../models.js';
import { withPrefix } from '../weights.js';
import { type Batch, batches, toTensor } from './batches.js';
import { drawMove, viewsOf } from './consistency.js';
import { type Course, follow, type Gradients, type TrainResult } from './course.js';
import { Evaluation, type Specimens, specimensOf } from './evaluate.js';
import { gradientsOf, paintedLosses } from './gradients.js';
import { Pictures, type Split } from './images.js';
import { Journal, type Show } from './journal.js';
import { type LossNetwork, loadLossNetworks, styleTargets } from './losses.js';
import {
  buildNets,
  cardOptions,
  generate,
  initialParams,
  type Nets,
  paintEach,
  sizeOfGenerated,
  trainedParams,
} from './nets.js';
import type { TrainOptions } from './options.js';
import type { Random } from './random.js';
import { type Plan, Training } from './training.js';
import { widened } from './widen.js';

/** What a training reads and writes. */
export interface TrainFiles {
  /** Folders of photos and of paintings. */
  readonly content: readonly string[];
  readonly style: readonly string[];
  /** Loss networks, as `loadLossNetworks` reads them. */
  readonly loss: readonly string[];
  /** Folder of the training: model, checkpoints, log, events, sheets. */
  readonly out: string;
  /** Name of the model. */
  readonly name: string;
  /** What the pictures are, in words, for the model's header; the folders' names unless told. */
  readonly data?: readonly string[];
  /** Licence of the model, for its header. */
  readonly licence?: string;
  /** A model to begin with, by name or file, widened where the options ask for wider nets. */
  readonly from?: string;
}

async function openPictures({ content, style }: TrainFiles, options: TrainOptions, split: Split) {
  const { seed, size, holdout, cacheMb } = options;
  const open = (folders: readonly string[], name: string) =>
    Pictures.open(folders, { name, split, holdout, seed, size, cacheMb: Math.ceil(cacheMb / 2) });
  return { content: await open(content, 'content'), style: await open(style, 'style') };
}

/** How a training of a MetaNet ended. */
export interface MetaResult extends TrainResult {
  /** Crops of one colour that were passed over, and files that could not be read, in this run. */
  readonly passedOver: { readonly solid: number; readonly unreadable: number };
}

const namesOf = ({ content, style }: TrainFiles): string[] =>
  [...content, ...style].map((folder) => basename(resolve(folder)));

/** What is trained: both nets, from `files.from` on where there is one, widened as the options say. */
async function planOf(files: TrainFiles, nets: Nets, options: TrainOptions): Promise<Plan> {
  const start = files.from === undefined ? undefined : await openModel(files.from);
  return {
    shapes: trainedParams(nets),
    begin: () => (start ? widened(start, nets, options.seed) : initialParams(nets, options.seed)),
    model: (params, training) => {
      const card = {
        ...{ name: files.name, ...cardOptions(options), training: { ...training } },
        ...{ data: [...(files.data ?? namesOf(files))], licence: files.licence ?? 'not stated' },
        date: new Date().toISOString().slice(0, 10),
      };
      const own = { base: withPrefix(params, 'transform/'), metaWeights: withPrefix(params, 'meta/') };
      return writeModel(card, own);
    },
  };
}

/** Photos and paintings of one step, [N, S, S, 3] with values 0 to 255: photo i is painted in style i. */
export interface MetaBatch {
  readonly content: tf.Tensor4D;
  readonly style: tf.Tensor4D;
}

/** Losses and gradients of a batch, in which every sample has a style of its own. Called within `tf.tidy`. */
export function metaGradients(
  nets: Nets,
  networks: readonly LossNetwork[],
  params: Training['params'],
  { content, style }: MetaBatch,
  options: TrainOptions,
  random: Random,
): Gradients {
  const move = options.consistencyWeight > 0 ? drawMove(random) : undefined;
  const views = viewsOf(content, move, options.consistencyNoise);
  const targets = styleTargets(networks, tf.mul(style, 1 / 255), options);
  return gradientsOf(params, () => {
    const generated = generate(nets, params, style, true);
    const paint = (photos: tf.Tensor4D) => paintEach(nets, params, generated, photos);
    const losses = paintedLosses(networks, views, targets, paint, options);
    const { largest, beyond } = sizeOfGenerated(generated, options.weightLimit);
    const minimised = tf.add(losses.total, tf.mul(beyond, options.weightPenalty)) as tf.Scalar;
    return { losses: { ...losses, largest }, minimised };
  });
}

function courseOf(
  nets: Nets,
  networks: readonly LossNetwork[],
  pictures: { readonly content: Pictures; readonly style: Pictures },
  specimens: Specimens,
  { params, random }: Training,
  options: TrainOptions,
): Course<Batch> {
  const { size, batch } = options;
  const evaluation = new Evaluation(networks, specimens, options, (photos, which) => {
    const styles = which.map((i) => specimens.style[i]!);
    return paintEach(nets, params, generate(nets, params, toTensor(styles, size)), photos);
  });
  return {
    batches: (from) => batches(pictures, batch, from),
    gradients: ({ content, style }) => {
      const tensors = { content: toTensor(content, size), style: toTensor(style, size) };
      return metaGradients(nets, networks, params, tensors, options, random);
    },
    evaluate: () => evaluation.run(),
    sheet: () => evaluation.sheet(),
    generated: async () => {
      const styles = specimens.style.slice(0, options.sheetSide);
      const generated = tf.tidy(() => generate(nets, params, toTensor(styles, size)));
      const layers = Object.entries(generated).map(
        async ([name, flat]) => [name, await flat.data()] as const,
      );
      const numbers = Object.fromEntries(await Promise.all(layers));
      tf.dispose(generated);
      return numbers;
    },
  };
}

/**
 * Trains a MetaNet and its TransformNet together (Shen et al. 2018, arXiv 1709.04111). When the signal is aborted it
 * saves, and then throws.
 * @throws Interrupted after a stop; NotFound, BadInput, Usage, CannotWrite; LivebrushError when it diverges.
 */
export async function trainMeta(
  files: TrainFiles,
  options: TrainOptions,
  { resume = false, signal, show }: { resume?: boolean; signal?: AbortSignal; show?: Show } = {},
): Promise<MetaResult> {
  const pictures = await openPictures(files, options, 'train');
  const specimens = await specimensOf(await openPictures(files, options, 'held-out'), options);
  const data = { content: pictures.content.fingerprint, style: pictures.style.fingerprint };
  const nets = buildNets(options);
  const networks = await loadLossNetworks(files.loss, [...options.styleLayers, ...options.contentLayers]);
  try {
    using training = await Training.open(files.out, await planOf(files, nets, options), options, {
      ...{ resume, data },
    });
    await using journal = await Journal.open(files.out, options.steps, show);
    const course = courseOf(nets, networks, pictures, specimens, training, options);
    const result = await follow(course, training, journal, signal);
    const [a, b] = [pictures.content.skipped, pictures.style.skipped];
    const passedOver = { solid: a.solid + b.solid, unreadable: a.unreadable + b.unreadable };
    return { ...result, passedOver };
  } finally {
    for (const network of networks) network[Symbol.dispose]();
  }
}
