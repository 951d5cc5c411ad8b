import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../engines/tfjs-forward.js';
import { inconsistency, type Views } from './consistency.js';
import type { Gradients } from './course.js';
import type { CourseOptions } from './course-options.js';
import { contentTargets, type LossNetwork, lossOf } from './losses.js';

/** Losses by name; `total` is what a person watches, and what is minimised unless `minimised` says otherwise. */
export interface Told {
  readonly losses: { readonly total: tf.Scalar } & Readonly<Record<string, tf.Scalar>>;
  /** What else is worth watching, by name. */
  readonly watched?: Readonly<Record<string, tf.Scalar>>;
  readonly minimised?: tf.Scalar;
}

/** The gradient of each param, and what `compute` tells of its losses. Called within `tf.tidy`. */
export function gradientsOf(params: Readonly<Record<string, tf.Variable>>, compute: () => Told): Gradients {
  const kept = (scalars: Readonly<Record<string, tf.Scalar>>) =>
    Object.fromEntries(Object.entries(scalars).map(([name, scalar]) => [name, tf.keep(tf.clone(scalar))]));
  let losses: Gradients['losses'] = {};
  let watched: Gradients['watched'];
  const { grads } = tf.variableGrads(() => {
    const told = compute();
    losses = kept(told.losses);
    watched = kept(told.watched ?? {});
    return told.minimised ?? told.losses.total;
  }, Object.values(params));
  const byName = Object.entries(params).map(([name, variable]) => [name, grads[variable.name]!]);
  return { losses, watched, grads: Object.fromEntries(byName) };
}

/**
 * Losses of photos as `paint` paints them (0 to 255 in, [0, 1] out), the difference between two views included where
 * there are two. `paint` may be given only the first of the photos. `style` holds the style targets, from `styleTargets`.
 */
export function paintedLosses(
  networks: readonly LossNetwork[],
  { photo, second }: Views,
  style: Tensors,
  paint: (photos: tf.Tensor4D) => tf.Tensor4D,
  options: CourseOptions,
): Told['losses'] {
  const content = contentTargets(networks, tf.mul(photo, 1 / 255) as tf.Tensor4D, options);
  const painted = paint(photo);
  const losses = lossOf(networks, painted, { style, content }, options);
  if (!second) return { ...losses };
  const { moved, move } = second;
  const first = tf.slice(painted, 0, [moved.shape[0], -1, -1, -1]);
  const differ = inconsistency(first, paint(moved), move);
  const total = tf.add(losses.total, tf.mul(differ, options.consistencyWeight)) as tf.Scalar;
  return { ...losses, total, inconsistency: differ };
}
