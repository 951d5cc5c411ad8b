import * as tf from '@tensorflow/tfjs';
import { BadInput } from '../../errors.js';
import { Adam } from './adam.js';
import { type Gradients, numbersOf } from './course.js';
import type { PictureLoss } from './gatys-loss.js';
import { adamOptions, type PictureSteps } from './gatys-options.js';
import { gradientsOf } from './gradients.js';
import { lbfgs } from './lbfgs.js';

/** Losses of a picture as numbers, the parts unweighted. */
export type LossNumbers = Readonly<Record<'total' | 'style' | 'content' | 'variation', number>>;

/** Told after each step. Losses are those the step was taken by: of the picture before it with Adam, after it with L-BFGS. */
export interface PictureStep {
  readonly step: number;
  readonly losses: LossNumbers;
  /** The picture now, [1, H, W, 3]: not to be kept or disposed. */
  readonly picture: tf.Tensor4D;
}

/** How far an optimisation came. */
export interface OptimisedPicture {
  /** [1, H, W, 3]; the caller disposes it. Unbounded recipes may leave [0, 1]. */
  readonly picture: tf.Tensor4D;
  readonly steps: number;
  readonly evaluations: number;
  /** Why it ended: all steps made, nothing left to gain, or told to stop. */
  readonly end: 'steps' | 'converged' | 'stopped';
}

/** Who may stop an optimisation, and who hears of it. */
export interface AboutSteps {
  readonly signal?: AbortSignal;
  readonly onStep?: (step: PictureStep) => unknown;
}

const asPicture = (variable: tf.Variable): tf.Tensor4D => variable as unknown as tf.Tensor4D;

/** Lets signals and timers through between the steps. */
const breathe = () => new Promise(setImmediate);

/** The gradient of a loss at a picture, and the losses there; the caller disposes them. */
function slopeOf(picture: tf.Variable, loss: PictureLoss): { slope: tf.Tensor; losses: Gradients['losses'] } {
  const { grads, losses } = tf.tidy(() => {
    const found = gradientsOf({ picture }, () => ({ losses: loss(asPicture(picture)) }));
    return found as unknown as tf.TensorContainerObject;
  }) as unknown as Gradients;
  return { slope: grads.picture!, losses };
}

/** Losses read and disposed. */
async function readLosses(losses: Readonly<Record<string, tf.Scalar>>): Promise<LossNumbers> {
  try {
    return (await numbersOf(losses)) as LossNumbers;
  } finally {
    tf.dispose(losses as Record<string, tf.Tensor>);
  }
}

function checkFinite({ total }: LossNumbers, steps: number): void {
  if (Number.isFinite(total)) return;
  throw new BadInput(`The loss is no longer a number after ${steps} steps.`, {
    hint: 'Smaller weights or a smaller rate may help; so may another loss network.',
  });
}

async function byAdam(
  picture: tf.Variable,
  loss: PictureLoss,
  { steps, rate, bounded }: PictureSteps,
  { signal, onStep }: AboutSteps,
): Promise<Omit<OptimisedPicture, 'picture'>> {
  using adam = new Adam({ picture }, adamOptions);
  for (let step = 0; step < steps; step++) {
    await breathe();
    if (signal?.aborted) return { steps: step, evaluations: step, end: 'stopped' };
    const { slope, losses } = slopeOf(picture, loss);
    const told = await readLosses(losses);
    if (Number.isFinite(told.total)) adam.update({ picture: slope }, rate);
    slope.dispose();
    checkFinite(told, step);
    if (bounded) tf.tidy(() => picture.assign(tf.clipByValue(asPicture(picture), 0, 1)));
    await onStep?.({ step: step + 1, losses: told, picture: asPicture(picture) });
  }
  return { steps, evaluations: steps, end: 'steps' };
}

async function byLbfgs(
  picture: tf.Variable,
  loss: PictureLoss,
  { steps, rate, bounded }: PictureSteps,
  { signal, onStep }: AboutSteps,
): Promise<Omit<OptimisedPicture, 'picture'>> {
  const told = new WeakMap<Float32Array, LossNumbers>();
  const put = (x: Float32Array) => tf.tidy(() => picture.assign(tf.tensor(x, picture.shape)));
  const compute = async (x: Float32Array) => {
    await breathe();
    put(x);
    const { slope, losses } = slopeOf(picture, loss);
    const gradient = (await slope.data()) as Float32Array;
    const numbers = await readLosses(losses);
    slope.dispose();
    told.set(x, numbers);
    return { loss: numbers.total, gradient };
  };
  const start = Float32Array.from(await picture.data());
  const found = await lbfgs(
    compute,
    start,
    { steps, firstStep: rate, ...(bounded ? { bounds: [0, 1] } : {}) },
    {
      signal,
      onStep: (step, { x }) => {
        put(x);
        return onStep?.({ step, losses: told.get(x)!, picture: asPicture(picture) });
      },
    },
  );
  put(found.x);
  if (found.evaluations > 0) checkFinite(told.get(found.x)!, found.steps);
  return { steps: found.steps, evaluations: found.evaluations, end: found.end };
}

/**
 * Optimises the picture itself, from `start` ([1, H, W, 3] in [0, 1]) on (Gatys et al. 2016, arXiv 1508.06576). An
 * aborted signal ends it after the step at hand, with the picture so far.
 * @throws BadInput when the loss is no number.
 */
export async function optimisePicture(
  start: tf.Tensor4D,
  loss: PictureLoss,
  recipe: PictureSteps,
  about: AboutSteps = {},
): Promise<OptimisedPicture> {
  const picture = tf.variable(start);
  try {
    const ended = await (recipe.optimiser === 'adam' ? byAdam : byLbfgs)(picture, loss, recipe, about);
    return { picture: tf.tidy(() => tf.clone(asPicture(picture))), ...ended };
  } finally {
    picture.dispose();
  }
}

/** The losses of a picture as it is shown: cut to [0, 1]. */
export const lossesShown = (picture: tf.Tensor4D, loss: PictureLoss): Promise<LossNumbers> =>
  readLosses(tf.tidy(() => ({ ...loss(tf.clipByValue(picture, 0, 1)) })));
