import * as tf from '@tensorflow/tfjs';
import { allToDevice, type Tensors } from '../engines/tfjs-forward.js';
import { type Batch, batches, toTensor } from './batches.js';
import { drawMove, viewsOf } from './consistency.js';
import { type Course, follow, type Gradients, type TrainResult } from './course.js';
import { dealAt } from './curriculum.js';
import { encoderWeights } from './encoder.js';
import { Evaluation, type Specimens, specimensOf } from './evaluate.js';
import { gradientsOf, paintedLosses } from './gradients.js';
import { Pictures, type ShortSide, type Split } from './images.js';
import { Journal, type Show } from './journal.js';
import { type LossNetwork, loadLossNetworks, styleTargets } from './losses.js';
import { checkModelSize, planOf, type TrainFiles } from './meta-plan.js';
import { buildNets, deal, generate, type Nets, paintEach, see, sizeOfGenerated } from './nets.js';
import type { TrainOptions } from './options.js';
import type { Random } from './random.js';
import { Training } from './training.js';

export type { TrainFiles } from './meta-plan.js';

async function openPictures({ content, style }: TrainFiles, options: TrainOptions, split: Split) {
  const { seed, size, holdout, cacheMb, contentScale, styleScale } = options;
  const open = (folders: readonly string[], name: string, shortSide: ShortSide) =>
    Pictures.open(folders, { name, split, holdout, seed, size, shortSide, cacheMb: Math.ceil(cacheMb / 2) });
  return {
    content: await open(content, 'content', contentScale),
    style: await open(style, 'style', styleScale),
  };
}

/** How a training of a MetaNet ended. */
export interface MetaResult extends TrainResult {
  /** Crops of one colour that were passed over, and files that could not be read, in this run. */
  readonly passedOver: { readonly solid: number; readonly unreadable: number };
}

/**
 * Photos and paintings of one step, [N, S, S, 3] with values 0 to 255: photo i is painted in style `of[i]`, in style i
 * unless told, or in the only one.
 */
export interface MetaBatch {
  readonly content: tf.Tensor4D;
  readonly style: tf.Tensor4D;
  readonly of?: readonly number[];
}

const drops = ({ meta }: Nets): boolean => meta.nodes.some(({ op }) => op === 'dropout');

/** Losses and gradients of a batch. Called within `tf.tidy`. */
export function metaGradients(
  nets: Nets,
  networks: readonly LossNetwork[],
  params: Training['params'],
  { content, style, of }: MetaBatch,
  options: TrainOptions,
  random: Random,
): Gradients {
  const move = options.consistencyWeight > 0 ? drawMove(random) : undefined;
  const views = viewsOf(content, move, options.consistencyNoise);
  const targets = deal(styleTargets(networks, tf.mul(style, 1 / 255), options), of);
  const training = drops(nets) ? { seed: random.below(2 ** 31) } : undefined;
  const seen = see(nets, style);
  return gradientsOf(params, () => {
    const generated = generate(nets, params, style, { training, seen });
    const dealt = deal(generated, of);
    const paint = (photos: tf.Tensor4D) => paintEach(nets, params, dealt, photos);
    const losses = paintedLosses(networks, views, targets, paint, options);
    const { largest, beyond } = sizeOfGenerated(generated, options.weightLimit);
    const minimised = tf.add(losses.total, tf.mul(beyond, options.weightPenalty)) as tf.Scalar;
    return { losses, watched: { largest }, minimised };
  });
}

function courseOf(
  nets: Nets,
  networks: readonly LossNetwork[],
  pictures: { readonly content: Pictures; readonly style: Pictures },
  specimens: Specimens,
  training: Training,
  options: TrainOptions,
): Course<Batch> {
  const { size, batch } = options;
  const { params, random } = training;
  const evaluation = new Evaluation(networks, specimens, options, (photos, which) => {
    const styles = which.map((i) => specimens.style[i]!);
    return paintEach(nets, params, generate(nets, params, toTensor(styles, size)), photos);
  });
  return {
    batches: (from) => {
      const first = training.step;
      return batches(pictures, batch, from, undefined, (n) => dealAt(first + n, options));
    },
    gradients: ({ content, style }) => {
      const { of } = dealAt(training.step, options);
      const tensors = { content: toTensor(content, size), style: toTensor(style, size), of };
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
  const shapes = buildNets(options);
  checkModelSize(shapes);
  const networks = await loadLossNetworks(files.loss, [...options.styleLayers, ...options.contentLayers]);
  let encoder: Tensors | undefined;
  try {
    const frozen = await encoderWeights(files, options, networks, { resume });
    encoder = frozen && allToDevice(frozen);
    const nets = { ...shapes, encoder };
    const plan = await planOf(files, nets, frozen, options);
    using training = await Training.open(files.out, plan, options, { resume, data });
    await using journal = await Journal.open(files.out, options.steps, show);
    const course = courseOf(nets, networks, pictures, specimens, training, options);
    const result = await follow(course, training, journal, signal);
    const [a, b] = [pictures.content.skipped, pictures.style.skipped];
    const passedOver = { solid: a.solid + b.solid, unreadable: a.unreadable + b.unreadable };
    return { ...result, passedOver };
  } finally {
    for (const network of networks) network[Symbol.dispose]();
    if (encoder) tf.dispose(encoder);
  }
}
