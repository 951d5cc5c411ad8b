import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { BadInput, CannotWrite } from '../../errors.js';
import { log } from '../../log.js';
import { writeWhole } from '../files.js';
import type { Param } from '../net.js';
import { mismatch, prefixed, type Tensor, type Weights, withPrefix } from '../weights.js';
import { Adam } from './adam.js';
import type { Cursor } from './batches.js';
import { type Checkpoint, newestCheckpoint, saveCheckpoint, type TrainState } from './checkpoint.js';
import type { CourseOptions } from './course-options.js';
import { fromVariables, toVariables } from './nets.js';
import type { Optimiser } from './optimiser.js';
import { Random } from './random.js';

/** Fingerprints of the pictures that are trained on. */
export type DataPrints = TrainState['data'];

/** What a training tells of itself in the header of its model. */
export interface Standing {
  readonly step: number;
  readonly seconds: number;
  readonly skips: number;
  /** The newest held-out losses. */
  readonly heldOut: Readonly<Record<string, number>>;
  readonly options: CourseOptions;
}

/** What is trained. */
export interface Plan {
  /** Shapes of the params: what a checkpoint must hold. */
  readonly shapes: Readonly<Record<string, Param>>;
  /** Params to begin with. */
  readonly begin: () => Weights;
  /** The bytes of the model as the params are now, or of whatever else is made. */
  readonly model: (params: Weights, standing: Standing) => Uint8Array;
  /** Name of its file. */
  readonly file?: string;
  /** Adam unless another is named. */
  readonly optimiser?: (params: Readonly<Record<string, tf.Variable>>, options: CourseOptions) => Optimiser;
}

const isMemory = (name: string, { memory }: Optimiser): boolean =>
  Object.keys(memory).some((kind) => name.startsWith(`${kind}/`));

function assign(variables: Readonly<Record<string, tf.Variable>>, weights: Weights): void {
  const fresh = toVariables(weights);
  for (const [name, variable] of Object.entries(variables)) variable.assign(fresh[name]!);
  tf.dispose(fresh);
}

/** Puts a checkpoint's numbers in place. @throws BadInput when it is not one of these params and this optimiser. */
function restore(optimiser: Optimiser, { weights, state }: Checkpoint, { shapes }: Plan): void {
  const params = new Map([...weights].filter(([name]) => !isMemory(name, optimiser)));
  const parts: [Readonly<Record<string, tf.Variable>>, Map<string, Tensor>][] = [
    [optimiser.params, params],
    ...Object.entries(optimiser.memory).map(
      ([kind, variables]): [Readonly<Record<string, tf.Variable>>, Map<string, Tensor>] => [
        variables,
        withPrefix(weights, `${kind}/`),
      ],
    ),
  ];
  for (const [variables, numbers] of parts) {
    const why = mismatch(numbers, shapes);
    if (why)
      throw new BadInput(`The checkpoint does not fit these options: ${why}.`, {
        hint: 'Give the options that the training began with, or another --out.',
      });
    assign(variables, numbers);
  }
  optimiser.updates = state.updates;
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
    readonly plan: Plan,
    readonly options: CourseOptions,
    readonly data: DataPrints,
    readonly optimiser: Optimiser,
    /** All that is random in a training once it has begun; saved with it. */
    readonly random: Random,
  ) {}

  /**
   * A fresh training, or with `resume` the one that the folder's newest whole checkpoint holds.
   * @throws CannotWrite when there is one and it is not to be resumed, BadInput when it does not fit the options.
   */
  static async open(
    folder: string,
    plan: Plan,
    options: CourseOptions,
    { resume, data }: { resume: boolean; data: DataPrints },
  ): Promise<Training> {
    const found = await newestCheckpoint(join(folder, 'checkpoints'));
    if (found && !resume)
      throw new CannotWrite(`${folder} already holds a training of ${found.state.step} steps.`, {
        hint: 'Go on with --resume, or choose another --out.',
      });
    const optimiser = (plan.optimiser ?? ((params) => new Adam(params, options)))(
      toVariables(plan.begin()),
      options,
    );
    const random = found ? new Random(found.state.random) : Random.from(options.seed, 'training');
    const training = new Training(folder, plan, options, data, optimiser, random);
    if (found) training.#takeUp(found);
    return training;
  }

  #takeUp(found: Checkpoint): void {
    try {
      restore(this.optimiser, found, this.plan);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    const { step, skipped, cursor, seconds, data } = found.state;
    this.step = step;
    this.skips = skipped;
    this.cursor = cursor;
    this.#secondsBefore = seconds;
    if (JSON.stringify(this.data) !== JSON.stringify(data))
      log.warn('The pictures are not those that this training began with.');
  }

  get params(): Readonly<Record<string, tf.Variable>> {
    return this.optimiser.params;
  }

  /** Seconds of training, earlier runs included. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#began) / 1000;
  }

  get modelPath(): string {
    return join(this.folder, this.plan.file ?? 'model.safetensors');
  }

  /** Writes a checkpoint, and the model as it is now. @throws CannotWrite */
  async save(): Promise<void> {
    const { optimiser, options, step, skips, cursor, seconds, data } = this;
    const params = await fromVariables(optimiser.params);
    const weights = new Map(params);
    for (const [kind, variables] of Object.entries(optimiser.memory))
      for (const [name, tensor] of prefixed(await fromVariables(variables), `${kind}/`))
        weights.set(name, tensor);
    const state: TrainState = {
      format: 1,
      ...{ step, updates: optimiser.updates, skipped: skips, seconds, cursor, data, options },
      random: [...this.random.state],
    };
    await saveCheckpoint(join(this.folder, 'checkpoints'), { state, weights });
    const standing = { step, seconds: Math.round(seconds), skips, heldOut: this.losses, options };
    await writeWhole(this.modelPath, this.plan.model(params, standing));
  }

  [Symbol.dispose](): void {
    tf.dispose(this.optimiser.params);
    this.optimiser[Symbol.dispose]();
  }
}
