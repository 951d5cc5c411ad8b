import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import writeFileAtomic from 'write-file-atomic';
import { BadInput, CannotWrite, Interrupted, LivebrushError } from '../../errors.js';
import { log } from '../../log.js';
import type { Tensors } from '../engines/tfjs-forward.js';
import { writeModel } from '../model.js';
import { mismatch, paramsFrom, prefixed, type Weights, withPrefix } from '../weights.js';
import { Adam, globalNorm } from './adam.js';
import { batches, type Cursor, toTensor } from './batches.js';
import { newestCheckpoint, saveCheckpoint, type TrainState } from './checkpoint.js';
import { Evaluation } from './evaluate.js';
import { Pictures } from './images.js';
import { Journal } from './journal.js';
import { type LossNetwork, loadLossNetworks, lossOf, targetsOf } from './losses.js';
import {
  buildNets,
  cardOptions,
  fromVariables,
  generate,
  initialParams,
  type Nets,
  paintEach,
  toVariables,
} from './nets.js';
import type { TrainOptions } from './options.js';
import { Random } from './random.js';
import { learningRate } from './schedule.js';
import { EventWriter } from './tensorboard.js';

/** What `trainMeta` reads and writes. */
export interface TrainFiles {
  readonly content: readonly string[];
  readonly style: readonly string[];
  readonly loss: readonly string[];
  /** Folder of the run: model, checkpoints, log, events, sheets. */
  readonly out: string;
  readonly name: string;
}

/** Numbers of one step, on the host. */
export interface StepResult {
  readonly total: number;
  readonly style: number;
  readonly content: number;
  readonly variation: number;
  /** Largest generated weight, absolute. */
  readonly largest: number;
  /** Norm of the gradients before clipping. */
  readonly norm: number;
  readonly skipped: boolean;
}

/** Largest absolute value of some tensors, and the mean square of what lies beyond a limit. */
function sizeOfGenerated(generated: Tensors, limit: number): { largest: tf.Scalar; beyond: tf.Scalar } {
  const all = Object.values(generated);
  const largest = tf.max(tf.stack(all.map((tensor) => tf.max(tf.abs(tensor))))) as tf.Scalar;
  const excess = all.map((tensor) => tf.sum(tf.square(tf.relu(tf.sub(tf.abs(tensor), limit)))));
  return { largest, beyond: tf.addN(excess) as tf.Scalar };
}

/** One step: losses and gradients of a batch, and the update unless a number is not finite. */
export async function trainStep(
  nets: Nets,
  networks: readonly LossNetwork[],
  adam: Adam,
  batch: { readonly content: tf.Tensor4D; readonly style: tf.Tensor4D },
  options: TrainOptions,
  rate: number,
): Promise<StepResult> {
  const { params } = adam;
  const { parts, grads } = tf.tidy(() => {
    const targets = targetsOf(
      networks,
      tf.mul(batch.style, 1 / 255),
      tf.mul(batch.content, 1 / 255),
      options,
    );
    let parts: tf.Tensor | undefined;
    const { grads } = tf.variableGrads(() => {
      const generated = generate(nets, params, batch.style, true);
      const picture = paintEach(nets, params, generated, batch.content);
      const { total, style, content, variation } = lossOf(networks, picture, targets, options);
      const { largest, beyond } = sizeOfGenerated(generated, options.weightLimit || Number.MAX_VALUE);
      parts = tf.keep(tf.stack([total, style, content, variation, largest]));
      return tf.add(total, tf.mul(beyond, options.weightPenalty)) as tf.Scalar;
    }, Object.values(params));
    return { parts: parts!, grads };
  });
  const byName = Object.fromEntries(
    Object.entries(params).map(([name, variable]) => [name, grads[variable.name]!]),
  );
  try {
    const norm = await globalNorm(byName);
    const [total, style, content, variation, largest] = (await parts.data()) as Float32Array;
    const skipped = !(Number.isFinite(norm) && Number.isFinite(total));
    if (!skipped) adam.update(byName, rate, Math.min(1, options.clip / Math.max(norm, 1e-12)));
    return {
      total: total!,
      style: style!,
      content: content!,
      variation: variation!,
      largest: largest!,
      norm,
      skipped,
    };
  } finally {
    tf.dispose([parts, grads]);
  }
}

/** Everything to be saved, by name, in a file's layout. */
async function snapshot(adam: Adam): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>> {
  return new Map([
    ...(await fromVariables(adam.params)),
    ...prefixed(await fromVariables(adam.mean), 'adam.mean/'),
    ...prefixed(await fromVariables(adam.square), 'adam.square/'),
  ]);
}

/** Params that are saved under no prefix of the optimiser. */
const bare = (weights: Weights): Map<string, { shape: readonly number[]; data: Float32Array }> =>
  new Map([...weights].filter(([name]) => !name.startsWith('adam.')));

function assign(variables: Readonly<Record<string, tf.Variable>>, weights: Weights): void {
  const fresh = toVariables(weights);
  for (const [name, variable] of Object.entries(variables)) variable.assign(fresh[name]!);
  tf.dispose(fresh);
}

function check(weights: Weights, nets: Nets): void {
  for (const [prefix, net] of [
    ['transform/', nets.transform],
    ['meta/', nets.meta],
  ] as const) {
    const why = mismatch(withPrefix(weights, prefix), paramsFrom(net.params, 'net'));
    if (why)
      throw new BadInput(`The checkpoint does not fit these options: ${why}.`, {
        hint: 'Give the options that the training began with, or another --out.',
      });
  }
}

/**
 * Trains a MetaNet and its TransformNet together: every sample of a batch has a style of its own. Stops with the
 * signal after saving.
 * @throws Interrupted after a stop, NotFound, BadInput, CannotWrite.
 */
export async function trainMeta(
  files: TrainFiles,
  options: TrainOptions,
  { resume = false, signal, quiet = false }: { resume?: boolean; signal?: AbortSignal; quiet?: boolean } = {},
): Promise<{ step: number; skipped: number; model: string }> {
  const nets = buildNets(options);
  const checkpoints = join(files.out, 'checkpoints');
  await mkdir(join(files.out, 'sheets'), { recursive: true }).catch((cause: unknown) => {
    throw new CannotWrite(`The folder ${files.out} cannot be made.`, { cause });
  });
  const found = await newestCheckpoint(checkpoints);
  if (found && !resume)
    throw new CannotWrite(`${files.out} already holds a training of ${found.state.step} steps.`, {
      hint: 'Go on with --resume, or choose another --out.',
    });
  if (found) check(bare(found.weights), nets);

  const { seed, size, holdout, cacheMb } = options;
  const open = (folders: readonly string[], name: string, split: 'train' | 'held-out') =>
    Pictures.open(folders, { name, split, holdout, seed, size, cacheMb: Math.ceil(cacheMb / 2) });
  const pictures = {
    content: await open(files.content, 'content', 'train'),
    style: await open(files.style, 'style', 'train'),
  };
  const heldOut = {
    content: await open(files.content, 'content', 'held-out'),
    style: await open(files.style, 'style', 'held-out'),
  };
  const networks = await loadLossNetworks(files.loss, [...options.styleLayers, ...options.contentLayers]);
  const variables = toVariables(found ? bare(found.weights) : initialParams(nets, seed));
  using adam = new Adam(variables, options);
  if (found) {
    assign(adam.mean, withPrefix(found.weights, 'adam.mean/'));
    assign(adam.square, withPrefix(found.weights, 'adam.square/'));
    adam.updates = found.state.updates;
  }
  const data = { content: pictures.content.fingerprint, style: pictures.style.fingerprint };
  if (found && JSON.stringify(data) !== JSON.stringify(found.state.data))
    log.warn('The pictures are not those that this training began with.');

  await using journal = await Journal.open(files.out, options.steps, quiet ? true : undefined);
  await using events = await EventWriter.open(join(files.out, 'events'));
  const evaluation = await Evaluation.open(nets, networks, heldOut, options);

  let step = found?.state.step ?? 0;
  let skipped = found?.state.skipped ?? 0;
  let cursor: Cursor = found?.state.cursor ?? { content: 0, style: 0 };
  let inARow = 0;
  let evaluated: Record<string, number> = {};
  const random = found ? new Random(found.state.random) : Random.from(seed, 'training');
  const secondsBefore = found?.state.seconds ?? 0;
  const began = performance.now();
  const seconds = () => secondsBefore + (performance.now() - began) / 1000;
  const model = join(files.out, 'model.safetensors');

  const save = async (): Promise<void> => {
    const weights = await snapshot(adam);
    const state: TrainState = {
      format: 1,
      step,
      updates: adam.updates,
      skipped,
      seconds: seconds(),
      cursor,
      random: [...random.state],
      data,
      options,
    };
    await saveCheckpoint(checkpoints, { state, weights });
    const card = {
      name: files.name,
      ...cardOptions(options),
      training: { step, seconds: Math.round(seconds()), skipped, ...evaluated, options },
      data: [],
      date: new Date().toISOString().slice(0, 10),
      licence: 'MIT',
    };
    const bytes = writeModel(card, {
      base: withPrefix(weights, 'transform/'),
      metaWeights: withPrefix(weights, 'meta/'),
    });
    await writeFileAtomic(model, Buffer.from(bytes)).catch((cause: unknown) => {
      throw new CannotWrite(`The model ${model} cannot be written.`, { cause });
    });
    await journal.write({ event: 'saved', step, seconds: Math.round(seconds()) });
  };

  const evaluate = async (): Promise<void> => {
    evaluated = await evaluation.run(variables);
    await journal.write({ event: 'evaluation', step, ...evaluated });
    await events.scalars(
      step,
      Object.fromEntries(Object.entries(evaluated).map(([name, value]) => [`held-out/${name}`, value])),
    );
  };
  const drawSheet = async (): Promise<void> => {
    const image = await evaluation.sheet(variables);
    await writeFileAtomic(join(files.out, 'sheets', `step-${step}.png`), Buffer.from(image.png));
    await events.image(step, 'sheet', image);
  };

  try {
    if (!found) await evaluate();
    const stream = batches(pictures, options.batch, cursor);
    while (step < options.steps && !signal?.aborted) {
      const { value: batch } = await stream.next();
      const tensors = { content: toTensor(batch.content, size), style: toTensor(batch.style, size) };
      const rate = learningRate(step, options);
      const result = await trainStep(nets, networks, adam, tensors, options, rate);
      tf.dispose(tensors);
      step++;
      cursor = batch.next;
      inARow = result.skipped ? inARow + 1 : 0;
      if (result.skipped) {
        skipped++;
        await journal.write({ event: 'skipped', step, ...result });
        if (inARow >= options.patience)
          throw new LivebrushError(
            `The training has gone wrong: ${inARow} steps in a row gave no finite gradients.`,
            {
              hint: 'Go on from the last checkpoint with --resume and a lower --rate.',
            },
          );
      }
      journal.progress(step, result.total);
      if (step % options.logEvery === 0 || step === options.steps) {
        const { skipped: _, ...numbers } = result;
        const { stepsPerSecond, left } = journal.pace(step);
        await journal.write({
          event: 'step',
          step,
          ...numbers,
          rate,
          seconds: Math.round(seconds()),
          stepsPerSecond: Number(stepsPerSecond.toFixed(3)),
          left: Math.round(left),
        });
        await events.scalars(step, {
          'loss/total': result.total,
          'loss/style': result.style,
          'loss/content': result.content,
          'loss/variation': result.variation,
          'largest generated weight': result.largest,
          'gradient norm': result.norm,
          'learning rate': rate,
          'skipped steps': skipped,
        });
      }
      const due = (every: number) => step % every === 0 || step === options.steps;
      if (due(options.evaluateEvery)) await evaluate();
      if (due(options.sheetEvery)) await drawSheet();
      if (due(options.saveEvery)) await save();
    }
    if (signal?.aborted) {
      await save();
      throw new Interrupted(`Stopped after ${step} steps; everything is saved.`, {
        hint: 'Go on with --resume.',
      });
    }
    return { step, skipped, model };
  } finally {
    evaluation[Symbol.dispose]();
    tf.dispose(variables);
    for (const network of networks) network[Symbol.dispose]();
  }
}
