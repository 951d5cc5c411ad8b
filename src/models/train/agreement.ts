import * as tf from '@tensorflow/tfjs';
import { statistics } from '../engines/tfjs-forward.js';
import { toTensor } from './batches.js';
import type { Crop } from './images.js';
import { features, type LossNetwork } from './losses.js';

/** How near one set of numbers is to another. */
export interface Nearness {
  /** Pearson's correlation over all numbers. */
  readonly r: number;
  /** The same with each channel's own mean taken off: channels that differ among themselves do not help. */
  readonly within: number;
  /** Mean squared error by the variance of what is to be met: 0 is the same, 1 as far off as a constant. */
  readonly error: number;
}

/** Per layer: of all features, and of each channel's mean and deviation over a picture, which are what a style is. */
export type Agreement = Readonly<
  Record<string, { readonly features: Nearness; readonly mean: Nearness; readonly deviation: Nearness }>
>;

const KINDS = ['features', 'mean', 'deviation'] as const;
const SUMS = ['x', 'y', 'xx', 'yy', 'xy'] as const;
const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** Sums over pairs of numbers, channel by channel, from which correlations follow. */
export class Tally {
  #count = 0;
  #sums: Readonly<Record<(typeof SUMS)[number], Float64Array>> | undefined;

  /** Takes in what two nets say of the same pictures: tensors of one shape, channels last. */
  async add(mine: tf.Tensor, theirs: tf.Tensor): Promise<void> {
    const channels = theirs.shape.at(-1)!;
    const sums = tf.tidy(() => {
      const [x, y] = [mine, theirs].map((tensor) => tf.reshape(tensor, [-1, channels])) as [
        tf.Tensor2D,
        tf.Tensor2D,
      ];
      const all = [x, y, tf.square(x), tf.square(y), tf.mul(x, y)];
      return tf.stack(all.map((tensor) => tf.sum(tensor, 0)));
    });
    const numbers = await sums.data();
    sums.dispose();
    this.#count += theirs.size / channels;
    this.#sums ??= Object.fromEntries(SUMS.map((name) => [name, new Float64Array(channels)])) as Record<
      (typeof SUMS)[number],
      Float64Array
    >;
    for (const [i, name] of SUMS.entries())
      for (let c = 0; c < channels; c++) this.#sums[name][c]! += numbers[i * channels + c]!;
  }

  /** Numbers of which one side is constant have no correlation: it counts as 0. */
  nearness(): Nearness {
    if (!this.#sums) return { r: 0, within: 0, error: 1 };
    const { x, y, xx, yy, xy } = this.#sums;
    const n = this.#count;
    const all = n * x.length;
    const less = (ab: Float64Array, a: Float64Array, b: Float64Array) =>
      total(ab.map((value, c) => value - (a[c]! * b[c]!) / n));
    const pearson = (cov: number, varX: number, varY: number) =>
      varX > 0 && varY > 0 ? cov / Math.sqrt(varX * varY) : 0;
    const variance = (squares: Float64Array, sums: Float64Array) => total(squares) - total(sums) ** 2 / all;
    const varY = variance(yy, y);
    return {
      r: pearson(total(xy) - (total(x) * total(y)) / all, variance(xx, x), varY),
      within: pearson(less(xy, x, y), less(xx, x, x), less(yy, y, y)),
      error: (total(xx) - 2 * total(xy) + total(yy)) / Math.max(varY, 1e-12),
    };
  }
}

const halves = (x: tf.Tensor4D): [tf.Tensor, tf.Tensor] =>
  tf.split(statistics(x, 1e-5), 2, 1) as [tf.Tensor, tf.Tensor];

/** Features, means and deviations of a layer. */
function described(x: tf.Tensor4D): Record<(typeof KINDS)[number], tf.Tensor> {
  const [mean, deviation] = halves(x);
  return { features: x, mean, deviation };
}

/** How near `mine` is to `theirs` in the layers that both serve, over square crops of `size`, `batch` at a time. */
export async function agreementOf(
  mine: (picture: tf.Tensor4D) => Readonly<Record<string, tf.Tensor>>,
  theirs: readonly LossNetwork[],
  crops: readonly Crop[],
  { size, batch }: { readonly size: number; readonly batch: number },
): Promise<Agreement> {
  const tallies: Record<string, Record<(typeof KINDS)[number], Tally>> = {};
  for (let at = 0; at < crops.length; at += batch) {
    const pairs = tf.tidy(() => {
      const picture = tf.mul(toTensor(crops.slice(at, at + batch), size), 1 / 255) as tf.Tensor4D;
      const [ours, wanted] = [mine(picture), features(theirs, picture)];
      return Object.fromEntries(
        Object.keys(wanted).map((layer) => {
          const [a, b] = [described(ours[layer] as tf.Tensor4D), described(wanted[layer] as tf.Tensor4D)];
          return [layer, Object.fromEntries(KINDS.map((kind) => [kind, [a[kind], b[kind]]]))];
        }),
      );
    }) as Record<string, Record<(typeof KINDS)[number], [tf.Tensor, tf.Tensor]>>;
    for (const [layer, pair] of Object.entries(pairs)) {
      tallies[layer] ??= { features: new Tally(), mean: new Tally(), deviation: new Tally() };
      for (const kind of KINDS) await tallies[layer][kind].add(...pair[kind]);
    }
    tf.dispose(pairs as unknown as tf.TensorContainer);
  }
  const nearness = (layer: Record<(typeof KINDS)[number], Tally>) =>
    Object.fromEntries(KINDS.map((kind) => [kind, layer[kind].nearness()]));
  return Object.fromEntries(
    Object.entries(tallies).map(([layer, tally]) => [layer, nearness(tally)]),
  ) as Agreement;
}

/** An agreement as one flat record, for a log: `relu1_1 features r`. */
export const flat = (agreement: Agreement): Record<string, number> =>
  Object.fromEntries(
    Object.entries(agreement).flatMap(([layer, kinds]) =>
      KINDS.flatMap((kind) =>
        Object.entries(kinds[kind]).map(([name, value]) => [`${layer} ${kind} ${name}`, value as number]),
      ),
    ),
  );
