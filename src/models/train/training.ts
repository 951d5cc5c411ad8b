import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { BadInput, CannotWrite } from '../../errors.js';
import { log } from '../../log.js';
import { writeWhole } from '../files.js';
import { writeModel } from '../model.js';
import { mismatch, paramsFrom, prefixed, type Tensor, type Weights, withPrefix } from '../weights.js';
import { Adam } from './adam.js';
import type { Cursor } from './batches.js';
import { newestCheckpoint, saveCheckpoint, type TrainState } from './checkpoint.js';
import { buildNets, cardOptions, fromVariables, initialParams, type Nets, toVariables } from './nets.js';
import type { TrainOptions } from './options.js';
import { Random } from './random.js';

/** Fingerprints of the pictures that are trained on. */
export type DataPrints = TrainState['data'];

/** What the person who trains says of the model. */
export interface ModelHeader {
  readonly data: readonly string[];
  readonly licence: string;
}

/** Tensors that a checkpoint holds beside those of the optimiser. */
const bare = (weights: Weights): Map<string, Tensor> =>
  new Map([...weights].filter(([name]) => !name.startsWith('adam.')));

function assign(variables: Readonly<Record<string, tf.Variable>>, weights: Weights): void {
  const fresh = toVariables(weights);
  for (const [name, variable] of Object.entries(variables)) variable.assign(fresh[name]!);
  tf.dispose(fresh);
}

/** Refuses a checkpoint whose tensors are not those of the nets, moments included. */
function check(weights: Weights, { transform, meta }: Nets): void {
  const params = Object.fromEntries(
    [['transform/', transform] as const, ['meta/', meta] as const].flatMap(([prefix, net]) =>
      Object.entries(paramsFrom(net.params, 'net')).map(([name, param]) => [prefix + name, param]),
    ),
  );
  for (const part of [
    bare(weights),
    withPrefix(weights, 'adam.mean/'),
    withPrefix(weights, 'adam.square/'),
  ]) {
    const why = mismatch(part, params);
    if (why)
      throw new BadInput(`The checkpoint does not fit these options: ${why}.`, {
        hint: 'Give the options that the training began with, or another --out.',
      });
  }
}

/** A training as it stands: params, optimiser, position. What is saved and taken up again. */
export class Training implements Disposable {
  step = 0;
  /** Steps skipped because their gradients were not finite. */
  skips = 0;
  cursor: Cursor = { content: 0, style: 0 };
  /** The newest held-out losses. */
  losses: Readonly<Record<string, number>> = {};
  #secondsBefore = 0;
  readonly #began = performance.now();

  private constructor(
    readonly folder: string,
    readonly name: string,
    readonly options: TrainOptions,
    readonly nets: Nets,
    readonly adam: Adam,
    private random: Random,
    private header: ModelHeader,
  ) {}

  /**
   * A fresh training, or with `resume` the one that the folder's newest whole checkpoint holds.
   * @throws CannotWrite when there is one and it is not to be resumed, BadInput when it does not fit the options.
   */
  static async open(
    folder: string,
    name: string,
    options: TrainOptions,
    { resume, data, header }: { resume: boolean; data: DataPrints; header: ModelHeader },
  ): Promise<Training> {
    const nets = buildNets(options);
    const found = await newestCheckpoint(join(folder, 'checkpoints'));
    if (found && !resume)
      throw new CannotWrite(`${folder} already holds a training of ${found.state.step} steps.`, {
        hint: 'Go on with --resume, or choose another --out.',
      });
    if (found) check(found.weights, nets);
    const params = found ? bare(found.weights) : initialParams(nets, options.seed);
    const adam = new Adam(toVariables(params), options);
    const random = found ? new Random(found.state.random) : Random.from(options.seed, 'training');
    const training = new Training(folder, name, options, nets, adam, random, header);
    if (!found) return training;
    assign(adam.mean, withPrefix(found.weights, 'adam.mean/'));
    assign(adam.square, withPrefix(found.weights, 'adam.square/'));
    const { state } = found;
    adam.updates = state.updates;
    training.step = state.step;
    training.skips = state.skipped;
    training.cursor = state.cursor;
    training.#secondsBefore = state.seconds;
    if (JSON.stringify(data) !== JSON.stringify(state.data))
      log.warn('The pictures are not those that this training began with.');
    return training;
  }

  /** Seconds of training, earlier runs included. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#began) / 1000;
  }

  get modelPath(): string {
    return join(this.folder, 'model.safetensors');
  }

  /** Writes a checkpoint, and the model as it is now. @throws CannotWrite */
  async save(data: DataPrints): Promise<void> {
    const { adam, options, step, skips, cursor, seconds } = this;
    const params = await fromVariables(adam.params);
    const weights = new Map([
      ...params,
      ...prefixed(await fromVariables(adam.mean), 'adam.mean/'),
      ...prefixed(await fromVariables(adam.square), 'adam.square/'),
    ]);
    const state: TrainState = {
      format: 1,
      ...{ step, updates: adam.updates, skipped: skips, seconds, cursor, data, options },
      random: [...this.random.state],
    };
    await saveCheckpoint(join(this.folder, 'checkpoints'), { state, weights });
    const card = {
      name: this.name,
      ...cardOptions(options),
      training: { step, seconds: Math.round(seconds), skips, heldOut: this.losses, options },
      ...{ data: [...this.header.data], licence: this.header.licence },
      date: new Date().toISOString().slice(0, 10),
    };
    const nets = { base: withPrefix(params, 'transform/'), metaWeights: withPrefix(params, 'meta/') };
    await writeWhole(this.modelPath, writeModel(card, nets));
  }

  [Symbol.dispose](): void {
    tf.dispose(this.adam.params);
    this.adam[Symbol.dispose]();
  }
}
