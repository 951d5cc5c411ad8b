import * as tf from '@tensorflow/tfjs';
import { allToDevice, forward } from '../engines/tfjs-forward.js';
import type { NetSpec } from '../net.js';
import type { Weights } from '../weights.js';
import { type Batch, batches, toTensor } from './batches.js';
import { drawMove, viewsOf } from './consistency.js';
import { type Course, follow, type TrainResult } from './course.js';
import { Evaluation, type Specimens } from './evaluate.js';
import { gradientsOf, paintedLosses } from './gradients.js';
import { type Crop, Pictures, type Split, spread } from './images.js';
import { Journal, type Show } from './journal.js';
import { type LossNetwork, loadLossNetworks, styleTargets } from './losses.js';
import { type Painting, paintingCrop, printOf } from './painting.js';
import type { PaintingOptions } from './style-net.js';
import { type Plan, Training } from './training.js';

/** What a training of one style reads and writes. */
export interface OneStyleFiles {
  /** Folders of photos. */
  readonly content: readonly string[];
  /** Loss networks, as `loadLossNetworks` reads them. */
  readonly loss: readonly string[];
  /** Folder of the training: model, checkpoints, log, events, sheets. */
  readonly out: string;
}

/** How a training is run. */
export interface Run {
  /** Go on from the newest checkpoint. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly show?: Show;
}

/** A TransformNet that learns one painting: `plan` says what is trained, `frozen` holds the rest of its params. */
export interface OneStyle {
  readonly painting: Painting;
  readonly net: NetSpec;
  readonly plan: Plan;
  readonly frozen: Weights;
  /** Tells what is frozen apart from other such, for who resumes with another. */
  readonly frozenId?: string;
}

const openPhotos = ({ content }: OneStyleFiles, options: PaintingOptions, split: Split) => {
  const { seed, size, holdout, cacheMb } = options;
  return Pictures.open(content, { name: 'content', split, holdout, seed, size, cacheMb });
};

interface Parts {
  readonly net: NetSpec;
  readonly frozen: ReturnType<typeof allToDevice>;
  readonly targets: Record<string, tf.Tensor>;
  readonly networks: readonly LossNetwork[];
  readonly photos: Pictures;
  readonly specimens: Specimens;
}

function courseOf(parts: Parts, { params, random }: Training, options: PaintingOptions): Course<Batch> {
  const { net, frozen, targets, networks, photos, specimens } = parts;
  const { size, batch, consistencyWeight, consistencyNoise } = options;
  const paint = (content: tf.Tensor4D) =>
    forward(net, { content }, { ...frozen, ...params }, ['floats']).floats as tf.Tensor4D;
  const evaluation = new Evaluation(networks, specimens, options, paint, () => targets);
  return {
    // No styles are dealt: the second folder is never looked into.
    batches: (from) =>
      batches({ content: photos, style: photos }, batch, from, 3, () => ({ styles: 0, last: false })),
    gradients: ({ content }) => {
      const move = consistencyWeight > 0 ? drawMove(random) : undefined;
      const views = viewsOf(toTensor(content, size), move, consistencyNoise);
      return gradientsOf(params, () => ({ losses: paintedLosses(networks, views, targets, paint, options) }));
    },
    evaluate: () => evaluation.run(),
    sheet: () => evaluation.sheet(),
  };
}

const targetsOf = (networks: readonly LossNetwork[], painting: Crop, options: PaintingOptions) =>
  tf.tidy(() => {
    const picture = tf.mul(toTensor([painting], options.styleSize), 1 / 255) as tf.Tensor4D;
    return styleTargets(networks, picture, options);
  });

/**
 * Trains a TransformNet for one style (Johnson et al. 2016, arXiv 1603.08155). When the signal is aborted it saves, and
 * then throws.
 * @throws Interrupted after a stop; NotFound, BadInput, Usage, CannotWrite; LivebrushError when it diverges.
 */
export async function trainOneStyle(
  files: OneStyleFiles,
  { painting, net, plan, frozen, frozenId = '' }: OneStyle,
  options: PaintingOptions,
  { resume = false, signal, show }: Run,
): Promise<TrainResult> {
  const { size, styleSize, evaluatePairs, sheetSide, pool } = options;
  const photos = await openPhotos(files, options, 'train');
  // Where nothing is held out, how far it has come is seen on what it learns from.
  const unseen = options.holdout > 0 ? await openPhotos(files, options, 'held-out') : photos;
  const specimens = {
    content: await spread(unseen, Math.max(evaluatePairs, sheetSide)),
    style: [await paintingCrop(painting, size)],
  };
  const data = { content: photos.fingerprint, style: `${printOf(painting)}${frozenId}` };
  const layers = [...options.styleLayers, ...options.contentLayers];
  const networks = await loadLossNetworks(files.loss, layers, { pool });
  const held = allToDevice(frozen);
  const targets = targetsOf(networks, await paintingCrop(painting, styleSize), options);
  try {
    using training = await Training.open(files.out, plan, options, { resume, data });
    await using journal = await Journal.open(files.out, options.steps, show);
    const parts = { net, frozen: held, targets, networks, photos, specimens };
    return await follow(courseOf(parts, training, options), training, journal, signal);
  } finally {
    tf.dispose([held, targets] as tf.TensorContainer);
    for (const network of networks) network[Symbol.dispose]();
  }
}
