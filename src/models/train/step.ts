import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../engines/tfjs-forward.js';
import { type Adam, globalNorm } from './adam.js';
import { type LossNetwork, lossOf, targetsOf } from './losses.js';
import { generate, type Nets, paintEach } from './nets.js';
import type { TrainOptions } from './options.js';

/** Numbers of one step, on the host. The parts of the loss are unweighted. */
export interface StepResult {
  readonly total: number;
  readonly style: number;
  readonly content: number;
  readonly variation: number;
  /** Largest generated weight, absolute. */
  readonly largest: number;
  /** Norm of the gradients before clipping. */
  readonly norm: number;
  /** The gradients were not finite: nothing was changed. */
  readonly skipped: boolean;
}

/** Largest absolute value of the generated weights, and the sum of squares of what lies beyond a limit. */
function sizeOfGenerated(generated: Tensors, limit: number): { largest: tf.Scalar; beyond: tf.Scalar } {
  const each = Object.values(generated);
  const largest = tf.max(tf.stack(each.map((tensor) => tf.max(tf.abs(tensor))))) as tf.Scalar;
  if (limit === 0) return { largest, beyond: tf.scalar(0) };
  const excess = each.map((tensor) => tf.sum(tf.square(tf.relu(tf.sub(tf.abs(tensor), limit)))));
  return { largest, beyond: tf.addN(excess) as tf.Scalar };
}

/** Pictures of one step, [N, S, S, 3] with values 0 to 255: photo i is painted in style i. */
export interface BatchTensors {
  readonly content: tf.Tensor4D;
  readonly style: tf.Tensor4D;
}

/** Total, style, content, variation and largest weight as one tensor; and the gradient of each param by its name. */
function gradients(
  nets: Nets,
  networks: readonly LossNetwork[],
  params: Readonly<Record<string, tf.Variable>>,
  { content, style }: BatchTensors,
  options: TrainOptions,
): { parts: tf.Tensor; grads: Record<string, tf.Tensor> } {
  return tf.tidy(() => {
    const targets = targetsOf(networks, tf.mul(style, 1 / 255), tf.mul(content, 1 / 255), options);
    let parts: tf.Tensor | undefined;
    const { grads } = tf.variableGrads(() => {
      const generated = generate(nets, params, style, true);
      const losses = lossOf(networks, paintEach(nets, params, generated, content), targets, options);
      const { largest, beyond } = sizeOfGenerated(generated, options.weightLimit);
      parts = tf.keep(tf.stack([losses.total, losses.style, losses.content, losses.variation, largest]));
      return tf.add(losses.total, tf.mul(beyond, options.weightPenalty)) as tf.Scalar;
    }, Object.values(params));
    const byName = Object.entries(params).map(([name, variable]) => [name, grads[variable.name]!]);
    return { parts: parts!, grads: Object.fromEntries(byName) };
  });
}

/** One step of training: losses and gradients of a batch, and the update unless a number is not finite. */
export async function trainStep(
  nets: Nets,
  networks: readonly LossNetwork[],
  adam: Adam,
  batch: BatchTensors,
  options: TrainOptions,
  rate: number,
): Promise<StepResult> {
  const { parts, grads } = gradients(nets, networks, adam.params, batch, options);
  try {
    const norm = await globalNorm(grads);
    const numbers = (await parts.data()) as Float32Array;
    const [total, style, content, variation, largest] = numbers as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    const skipped = !(Number.isFinite(norm) && Number.isFinite(total));
    if (!skipped) adam.update(grads, rate, Math.min(1, options.clip / Math.max(norm, 1e-12)));
    return { total, style, content, variation, largest, norm, skipped };
  } finally {
    tf.dispose([parts, grads]);
  }
}
