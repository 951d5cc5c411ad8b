import * as tf from '@tensorflow/tfjs';
import type { Named } from './adam.js';
import type { Optimiser } from './optimiser.js';

/** What keeps the quotient finite, and how gradients are clipped, number by number. */
export interface AdagradOptions {
  readonly epsilon: number;
  /** Which params are held tight: theirs are the gradients that clipping by norm scales down. */
  readonly tight: (name: string) => boolean;
  /** No number of a gradient is larger than this: of the tight params, of all others. */
  readonly clipTight: number;
  readonly clipLoose: number;
}

/**
 * Adagrad (Duchi et al. 2011), clipped as in seed 000: chosen params by norm and by value, the others by a wider
 * value. Its sums of squares lie in the open so that they can be saved.
 */
export class Adagrad implements Optimiser {
  readonly sums: Record<string, tf.Variable> = {};
  readonly memory = { 'adagrad.sums': this.sums };
  updates = 0;

  constructor(
    readonly params: Readonly<Record<string, tf.Variable>>,
    readonly options: AdagradOptions,
  ) {
    tf.tidy(() => {
      for (const [name, param] of Object.entries(params))
        this.sums[name] = tf.variable(tf.zerosLike(param), false);
    });
  }

  update(grads: Named, rate: number, share = 1): void {
    const { epsilon, tight, clipTight, clipLoose } = this.options;
    this.updates++;
    for (const [name, param] of Object.entries(this.params)) {
      tf.tidy(() => {
        const grad = grads[name]!;
        const clipped = tight(name)
          ? tf.clipByValue(tf.mul(grad, share), -clipTight, clipTight)
          : tf.clipByValue(grad, -clipLoose, clipLoose);
        const sum = this.sums[name]!;
        sum.assign(tf.add(sum, tf.square(clipped)));
        const step = tf.div(tf.mul(clipped, rate), tf.add(tf.sqrt(sum), epsilon));
        param.assign(tf.sub(param as tf.Tensor, step));
      });
    }
  }

  [Symbol.dispose](): void {
    tf.dispose(this.sums);
  }
}
