import { basename, resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { Interrupted, LivebrushError } from '../../errors.js';
import { batches, toTensor } from './batches.js';
import { Evaluation } from './evaluate.js';
import { Pictures, type Split } from './images.js';
import { Journal, type Show } from './journal.js';
import { loadLossNetworks } from './losses.js';
import type { TrainOptions } from './options.js';
import { learningRate } from './schedule.js';
import { trainStep } from './step.js';
import { Training } from './training.js';

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
}

/** How a training ended. */
export interface TrainResult {
  readonly step: number;
  /** Steps skipped because their gradients were not finite. */
  readonly skips: number;
  readonly seconds: number;
  /** Path of the model. */
  readonly model: string;
  /** Crops of one colour that were passed over, and files that could not be read, in this run. */
  readonly passedOver: { readonly solid: number; readonly unreadable: number };
}

async function openPictures({ content, style }: TrainFiles, options: TrainOptions, split: Split) {
  const { seed, size, holdout, cacheMb } = options;
  const open = (folders: readonly string[], name: string) =>
    Pictures.open(folders, { name, split, holdout, seed, size, cacheMb: Math.ceil(cacheMb / 2) });
  return { content: await open(content, 'content'), style: await open(style, 'style') };
}

const namesOf = ({ content, style }: TrainFiles): string[] =>
  [...content, ...style].map((folder) => basename(resolve(folder)));

/**
 * Trains a MetaNet and its TransformNet together (Shen et al. 2018, arXiv 1709.04111), every sample of a batch with
 * a style of its own. When the signal is aborted it saves, and then throws.
 * @throws Interrupted after a stop; NotFound, BadInput, Usage, CannotWrite; LivebrushError when it diverges.
 */
export async function trainMeta(
  files: TrainFiles,
  options: TrainOptions,
  about: { resume?: boolean; signal?: AbortSignal; show?: Show } = {},
): Promise<TrainResult> {
  const { resume = false, signal, show } = about;
  const pictures = await openPictures(files, options, 'train');
  const heldOut = await openPictures(files, options, 'held-out');
  const data = { content: pictures.content.fingerprint, style: pictures.style.fingerprint };
  const networks = await loadLossNetworks(files.loss, [...options.styleLayers, ...options.contentLayers]);
  const header = { data: files.data ?? namesOf(files), licence: files.licence ?? 'not stated' };
  using training = await Training.open(files.out, files.name, options, { resume, data, header });
  const { nets, adam } = training;
  await using journal = await Journal.open(files.out, options.steps, show);
  const evaluation = await Evaluation.open(nets, networks, heldOut, options);

  const evaluate = async () => {
    training.losses = await evaluation.run(adam.params);
    await journal.evaluation(training.step, training.losses);
  };
  const save = async () => {
    await training.save(data);
    await journal.saved(training.step, training.seconds);
  };

  try {
    if (training.step === 0) await evaluate();
    const stream = batches(pictures, options.batch, training.cursor);
    let inARow = 0;
    while (training.step < options.steps && !signal?.aborted) {
      const { value: batch } = await stream.next();
      const { size } = options;
      const tensors = { content: toTensor(batch.content, size), style: toTensor(batch.style, size) };
      const rate = learningRate(training.step, options);
      const result = await trainStep(nets, networks, adam, tensors, options, rate);
      tf.dispose(tensors);

      const step = ++training.step;
      training.cursor = batch.next;
      training.skips += Number(result.skipped);
      inARow = result.skipped ? inARow + 1 : 0;
      const due = (every: number) => step % every === 0 || step === options.steps;
      const { skips, seconds } = training;
      await journal.step(step, { ...result, rate, skips, seconds }, due(options.logEvery));
      if (inARow >= options.patience)
        throw new LivebrushError(
          `The training has gone wrong: ${inARow} steps in a row gave no finite gradients.`,
          {
            hint: 'Go on from the last checkpoint with --resume and a lower --rate.',
          },
        );
      if (due(options.evaluateEvery)) await evaluate();
      if (due(options.sheetEvery)) await journal.sheet(step, await evaluation.sheet(adam.params));
      if (due(options.saveEvery)) await save();
    }
    if (signal?.aborted) {
      await save();
      throw new Interrupted(`Stopped after ${training.step} steps; everything is saved.`, {
        hint: 'Go on with --resume.',
      });
    }
    const { step, skips, seconds, modelPath: model } = training;
    const [a, b] = [pictures.content.skipped, pictures.style.skipped];
    const passedOver = { solid: a.solid + b.solid, unreadable: a.unreadable + b.unreadable };
    return { step, skips, seconds, model, passedOver };
  } finally {
    for (const network of networks) network[Symbol.dispose]();
  }
}
