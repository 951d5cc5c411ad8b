import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { Interrupted, LivebrushError } from '../../errors.js';
import { checkRefusals } from '../engines/tfjs-refusals.js';
import { globalNorm, type Named } from './adam.js';
import type { Cursor } from './batches.js';
import type { Journal } from './journal.js';
import { learningRate } from './schedule.js';
import type { EventImage } from './tensorboard.js';
import type { Training } from './training.js';

/** What a batch gave: its losses by name, `total` among them, and the gradient of each param by its name. */
export interface Gradients {
  readonly losses: Readonly<Record<string, tf.Scalar>>;
  /** What else is worth watching, by name. */
  readonly watched?: Readonly<Record<string, tf.Scalar>>;
  readonly grads: Named;
}

/**
 * What sets one kind of training apart from the others: where its batches come from, what it minimises, and how it
 * looks at what it has reached. Checkpoints, schedule, journal and stops are the same for all: see `follow`.
 */
export interface Course<B extends { readonly next: Cursor }> {
  /** Batches without end, from a position on. */
  readonly batches: (from: Cursor) => AsyncIterator<B>;
  /** Called within `tf.tidy`. */
  readonly gradients: (batch: B) => Gradients;
  /** Mean losses on what is never trained on. */
  readonly evaluate: () => Promise<Readonly<Record<string, number>>>;
  readonly sheet: () => Promise<EventImage>;
  /** Weights that one net generates for another, by layer, of some held-out styles. */
  readonly generated?: () => Promise<Readonly<Record<string, ArrayLike<number>>>>;
}

/** How a training ended. */
export interface TrainResult {
  readonly step: number;
  /** Steps skipped because their gradients were not finite. */
  readonly skips: number;
  readonly seconds: number;
  /** Path of the model, or of whatever else was made. */
  readonly model: string;
}

/** Numbers of one step, on the host. */
export interface StepResult {
  readonly losses: Readonly<Record<string, number>>;
  readonly watched: Readonly<Record<string, number>>;
  /** Norm of the gradients before clipping. */
  readonly norm: number;
  /** A number was not finite: nothing was changed. */
  readonly skipped: boolean;
}

/** Scalars on the device as numbers, read at once. @throws LivebrushError when a graphics processor refused to compute. */
export async function numbersOf(
  losses: Readonly<Record<string, tf.Scalar>>,
): Promise<Record<string, number>> {
  const stacked = tf.stack(Object.values(losses));
  const numbers = await stacked.data();
  stacked.dispose();
  checkRefusals();
  return Object.fromEntries(Object.keys(losses).map((name, i) => [name, numbers[i]!]));
}

/** One step: losses and gradients of a batch, and the update unless a number is not finite. */
export async function takeStep<B extends { readonly next: Cursor }>(
  course: Pick<Course<B>, 'gradients'>,
  training: Pick<Training, 'optimiser' | 'options'>,
  batch: B,
  rate: number,
): Promise<StepResult> {
  const {
    losses,
    watched = {},
    grads,
  } = tf.tidy(() => course.gradients(batch) as Gradients & tf.TensorContainerObject);
  try {
    const norm = await globalNorm(grads);
    const numbers = await numbersOf(losses);
    const others = Object.keys(watched).length > 0 ? await numbersOf(watched) : {};
    const skipped = !(Number.isFinite(norm) && Number.isFinite(numbers.total!));
    if (!skipped)
      training.optimiser.update(grads, rate, Math.min(1, training.options.clip / Math.max(norm, 1e-12)));
    return { losses: numbers, watched: others, norm, skipped };
  } finally {
    tf.dispose([losses, watched, grads] as unknown as tf.TensorContainer);
  }
}

/** Trained weights by name, and generated ones, to be looked at. */
async function weightsOf(
  { generated }: Pick<Course<never>, 'generated'>,
  { params }: Training,
): Promise<Record<string, ArrayLike<number>>> {
  const weights: Record<string, ArrayLike<number>> = {};
  for (const [name, variable] of Object.entries(params)) weights[`trained/${name}`] = await variable.data();
  for (const [name, numbers] of Object.entries((await generated?.()) ?? {}))
    weights[`generated/${name}`] = numbers;
  return weights;
}

/**
 * Follows a course to its last step, and tells the journal of its begin and end. When the signal is aborted it saves,
 * and then throws.
 * @throws Interrupted after a stop; CannotWrite; LivebrushError when the training diverges.
 */
export async function follow<B extends { readonly next: Cursor }>(
  course: Course<B>,
  training: Training,
  journal: Journal,
  signal?: AbortSignal,
): Promise<TrainResult> {
  await journal.begin(training.step, training.options);
  try {
    const result = await walk(course, training, journal, signal);
    await journal.end(result.step, 'done');
    return result;
  } catch (error) {
    // What went wrong is worth more than the note of it.
    await journal.end(training.step, error instanceof Interrupted ? 'stopped' : 'failed').catch(() => {});
    throw error;
  }
}

/** The one loop of all trainings. */
async function walk<B extends { readonly next: Cursor }>(
  course: Course<B>,
  training: Training,
  journal: Journal,
  signal?: AbortSignal,
): Promise<TrainResult> {
  const { options } = training;
  const evaluate = async () => {
    training.losses = await course.evaluate();
    await journal.evaluation(training.step, training.losses);
  };
  const save = async () => {
    await training.save();
    await journal.saved(training.step, training.seconds);
  };

  if (training.step === 0) await evaluate();
  const batches = course.batches(training.cursor);
  let inARow = 0;
  while (training.step < options.steps && !signal?.aborted) {
    const { value: batch } = (await batches.next()) as IteratorYieldResult<B>;
    const rate = learningRate(training.step, options);
    const result = await takeStep(course, training, batch, rate);

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
        { hint: 'Go on from the last checkpoint with --resume and a lower --rate.' },
      );
    if (due(options.evaluateEvery)) await evaluate();
    if (due(options.sheetEvery)) await journal.sheet(step, await course.sheet());
    if (due(options.histogramEvery)) await journal.histograms(step, await weightsOf(course, training));
    if (due(options.saveEvery)) await save();
    // Lets signals and a watching page through: some backends answer without ever giving way.
    await setImmediate();
  }
  if (signal?.aborted) {
    await save();
    throw new Interrupted(`Stopped after ${training.step} steps; everything is saved.`, {
      hint: 'Go on with --resume.',
    });
  }
  const { step, skips, seconds, modelPath: model } = training;
  return { step, skips, seconds, model };
}
