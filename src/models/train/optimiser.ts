import type * as tf from '@tensorflow/tfjs';
import type { Named } from './adam.js';

/** What changes params by their gradients, its memory in the open so that it can be saved. */
export interface Optimiser extends Disposable {
  readonly params: Readonly<Record<string, tf.Variable>>;
  /** By a name of its own, one tensor for each param: `adam.mean`, `adam.square`. */
  readonly memory: Readonly<Record<string, Readonly<Record<string, tf.Variable>>>>;
  /** Updates made so far. */
  updates: number;
  /** One update. Gradients are multiplied by `share` first (clipping by norm); the caller disposes them. */
  update(grads: Named, rate: number, share?: number): void;
}
