import * as tf from '@tensorflow/tfjs';
import type { Optimiser } from './optimiser.js';
import { sumOf } from './sum.js';

/** Tensors by name. */
export type Named = Readonly<Record<string, tf.Tensor>>;

/** Decay of the moments, and what keeps the quotient finite. */
export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Root of the sum of squares over all tensors, on the host; not finite when any number is not. */
export async function globalNorm(grads: Named): Promise<number> {
  const square = tf.tidy(() => sumOf(Object.values(grads).map((grad) => tf.sum(tf.square(grad)))));
  const [value] = await square.data();
  square.dispose();
  return Math.sqrt(value!);
}

/** Adam (Kingma and Ba 2015, arXiv 1412.6980), with its moments in the open so that they can be saved. */
export class Adam implements Optimiser {
  readonly mean: Record<string, tf.Variable> = {};
  readonly square: Record<string, tf.Variable> = {};
  readonly memory = { 'adam.mean': this.mean, 'adam.square': this.square };
  updates = 0;

  constructor(
    readonly params: Readonly<Record<string, tf.Variable>>,
    readonly options: AdamOptions,
  ) {
    tf.tidy(() => {
      for (const [name, param] of Object.entries(params)) {
        this.mean[name] = tf.variable(tf.zerosLike(param), false);
        this.square[name] = tf.variable(tf.zerosLike(param), false);
      }
    });
  }

  update(grads: Named, rate: number, share = 1): void {
    const { beta1, beta2, epsilon } = this.options;
    this.updates++;
    const correct1 = 1 - beta1 ** this.updates;
    const correct2 = 1 - beta2 ** this.updates;
    for (const [name, param] of Object.entries(this.params)) {
      tf.tidy(() => {
        const grad = grads[name]!;
        const mean = this.mean[name]!;
        const square = this.square[name]!;
        mean.assign(tf.add(tf.mul(mean, beta1), tf.mul(grad, (1 - beta1) * share)));
        square.assign(tf.add(tf.mul(square, beta2), tf.mul(tf.square(grad), (1 - beta2) * share * share)));
        const root = tf.add(tf.sqrt(square), epsilon * Math.sqrt(correct2));
        const step = tf.div(tf.mul(mean, (rate * Math.sqrt(correct2)) / correct1), root);
        param.assign(tf.sub(param as tf.Tensor, step));
      });
    }
  }

  [Symbol.dispose](): void {
    tf.dispose([this.mean, this.square]);
  }
}
