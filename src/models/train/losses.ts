import { basename } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { BadInput, Usage } from '../../errors.js';
import { allToDevice, forward, statistics, type Tensors } from '../engines/tfjs-forward.js';
import { readLossWeights } from '../import/index.js';
import { findLossFile } from '../import/published.js';
import type { NetSpec } from '../net.js';
import { vggNet } from '../nets/vgg.js';
import { mismatch, paramsFrom } from '../weights.js';
import { sumOf } from './sum.js';

/** Which layers a loss compares, and how much each part weighs. */
export interface LossOptions {
  readonly styleLayers: readonly string[];
  readonly contentLayers: readonly string[];
  readonly styleWeight: number;
  readonly contentWeight: number;
  /** Weight of the total variation of the picture. */
  readonly tvWeight: number;
  /** Weight of the weave: see `weaveOf`. */
  readonly weaveWeight?: number;
  /** What a style is: mean and deviation of each channel (`moments`), products of channels (`gram`), or both. */
  readonly styleLoss?: StyleLoss;
  /** What Gram matrices are divided by: see `styleError`. */
  readonly gramScale?: GramScale;
}

export type StyleLoss = 'moments' | 'gram' | 'both';
export type GramScale = 'pixels' | 'features';

/** A frozen loss network on the device, and the layers that are taken from it. */
export interface LossNetwork extends Disposable {
  readonly name: string;
  /** Where it was read from. */
  readonly file: string;
  readonly net: NetSpec;
  readonly params: Tensors;
  readonly layers: readonly string[];
}

/** `vgg16`, `file.safetensors` or `file.safetensors:relu1_1,relu2_1`. */
export function parseLossFile(text: string): { path: string; layers?: string[] } {
  const match = /^(.+):(relu\d_\d(?:,relu\d_\d)*)$/.exec(text);
  return match ? { path: match[1]!, layers: match[2]!.split(',') } : { path: text };
}

/**
 * Loads loss networks and shares `wanted` layers among them: a file that names a layer serves it; what nobody names
 * is served by the first file that has it. `pool`: what stands between blocks (Gatys et al. took averages).
 * @throws Usage when a layer is in no file, NotFound and BadInput for the files themselves.
 */
export async function loadLossNetworks(
  files: readonly string[],
  wanted: readonly string[],
  { pool = 'max' }: { pool?: 'max' | 'average' } = {},
): Promise<LossNetwork[]> {
  const read = await Promise.all(
    files.map(parseLossFile).map(async ({ path: spec, layers }) => {
      const path = findLossFile(spec);
      const { weights, pad } = await readLossWeights(path);
      const net = vggNet(weights, { pool, pad });
      const why = mismatch(weights, paramsFrom(net.params, 'net'));
      if (why) throw new BadInput(`The loss network ${basename(path)} is not as expected: ${why}.`);
      for (const layer of layers ?? [])
        if (!(layer in net.outputs)) throw new Usage(`The loss network ${basename(path)} has no ${layer}.`);
      return { name: basename(path), file: path, net, weights, layers, serves: [] as string[] };
    }),
  );
  for (const layer of new Set(wanted)) {
    const server =
      read.find(({ layers }) => layers?.includes(layer)) ??
      read.find(({ layers, net }) => !layers && layer in net.outputs);
    if (!server)
      throw new Usage(`No loss network among ${files.join(', ')} serves ${layer}.`, {
        hint: 'Name another file with --loss, or leave the layer out.',
      });
    server.serves.push(layer);
  }
  return read
    .filter(({ serves }) => serves.length > 0)
    .map(({ name, file, net, weights, serves }) => {
      const params = allToDevice(weights);
      return { name, file, net, params, layers: serves, [Symbol.dispose]: () => tf.dispose(params) };
    });
}

/** Features of pictures (floats in [0, 1], NHWC) at every layer that the networks serve. */
export function features(networks: readonly LossNetwork[], picture: tf.Tensor4D): Tensors {
  return Object.assign(
    {},
    ...networks.map(({ net, params, layers }) => forward(net, { picture }, params, layers)),
  );
}

/** Products of all pairs of channels, averaged over the pixels, [N, C, C] (Gatys et al. 2016, arXiv 1508.06576). */
export function gramOf(feature: tf.Tensor4D): tf.Tensor3D {
  const [batch, height, width, channels] = feature.shape;
  const flat = tf.reshape(feature, [batch, height * width, channels]);
  return tf.mul(tf.matMul(flat, flat, true, false), 1 / (height * width)) as tf.Tensor3D;
}

const kindsOf = { moments: ['moments'], gram: ['gram'], both: ['moments', 'gram'] } as const;

/**
 * What style is here, per layer and kind: `moments` are mean and standard deviation of each channel, [N, 2C]
 * (Li et al. 2017, arXiv 1701.01036); `gram` is the Gram matrix [N, C, C].
 */
export function styleOf(
  feature: Tensors,
  { styleLayers, styleLoss = 'moments' }: Pick<LossOptions, 'styleLayers' | 'styleLoss'>,
): Record<string, tf.Tensor> {
  const described = styleLayers.flatMap((layer) =>
    kindsOf[styleLoss].map((kind): [string, tf.Tensor] => {
      const x = feature[layer] as tf.Tensor4D;
      return [`${layer} ${kind}`, kind === 'gram' ? gramOf(x) : statistics(x, 1e-5)];
    }),
  );
  return Object.fromEntries(described);
}

/** Mean absolute difference of neighbours, right and below, of a picture in [0, 1]. */
export function totalVariation(picture: tf.Tensor4D): tf.Scalar {
  const [, height, width] = picture.shape;
  const along = (axis: 1 | 2, length: number) => {
    const begin = axis === 1 ? [0, 1, 0, 0] : [0, 0, 1, 0];
    const size = axis === 1 ? [-1, length - 1, -1, -1] : [-1, -1, length - 1, -1];
    return tf.mean(tf.abs(tf.sub(tf.slice(picture, begin, size), tf.slice(picture, 0, size))));
  };
  return tf.add(along(1, height), along(2, width));
}

/**
 * Period of the weave in pixels. A TransformNet draws in cells of four pixels (two upsamplings by 2), and what is drawn
 * at a quarter of the size can at its finest alternate from cell to cell.
 */
const PERIOD = 8;
/** Periods along each side of the squares whose places are compared. */
const BLOCK = 6;

/**
 * How much of a picture [N, H, W, 3] repeats every eight pixels, and so every four. A net can draw each of the 8x8 places
 * of two by two cells with a colour of its own, which is a cheap way to the variance that a style asks for and shows as a
 * weave in flat areas. What is coarser than a period, such as light that falls off across a wall, is taken away first. In
 * squares of 6x6 periods the mean of each place is taken; the weave is the variance of the 64 means. A texture that is not
 * locked to the cells averages out. 0 for pictures too small to hold a period.
 */
export function weaveOf(picture: tf.Tensor4D): tf.Scalar {
  const [height, width] = picture.shape.slice(1, 3).map((side) => side - PERIOD + 1);
  const [rows, columns] = [Math.floor(height! / PERIOD), Math.floor(width! / PERIOD)];
  if (rows < 1 || columns < 1) return tf.scalar(0);
  const coarse = tf.avgPool(picture, PERIOD, 1, 'valid');
  const middle = tf.slice(picture, [0, PERIOD / 2, PERIOD / 2, 0], [-1, height!, width!, -1]);
  const fine = tf.slice(tf.sub(middle, coarse), 0, [-1, rows * PERIOD, columns * PERIOD, -1]);
  const apart = tf.transpose(tf.reshape(fine, [-1, PERIOD, columns, 3 * PERIOD]), [0, 2, 1, 3]);
  const periods = tf.reshape(apart, [-1, rows, columns, 3 * PERIOD * PERIOD]) as tf.Tensor4D;
  const block = Math.min(BLOCK, rows, columns);
  const places = tf.reshape(tf.avgPool(periods, block, block, 'valid'), [-1, PERIOD * PERIOD, 3]);
  return tf.mean(tf.square(tf.sub(places, tf.mean(places, 1, true)))) as tf.Scalar;
}

/** What a painted picture is compared with; no gradient flows into it. */
export type Targets = {
  readonly style: Tensors;
  readonly content: Tensors;
};

/** Style targets: what `styleOf` makes of pictures (floats in [0, 1], NHWC). No gradient flows into them. */
export const styleTargets = (
  networks: readonly LossNetwork[],
  pictures: tf.Tensor4D,
  options: LossOptions,
): Record<string, tf.Tensor> => tf.tidy(() => styleOf(features(networks, pictures), options));

/** Content targets: features of photos (floats in [0, 1], NHWC). No gradient flows into them. */
export const contentTargets = (
  networks: readonly LossNetwork[],
  photos: tf.Tensor4D,
  { contentLayers }: LossOptions,
): Record<string, tf.Tensor> =>
  tf.tidy(() => {
    const kept = features(networks, photos);
    return Object.fromEntries(contentLayers.map((layer) => [layer, kept[layer]!]));
  });

/** Style targets of `style` and content targets of `content`, both floats in [0, 1], NHWC. */
export const targetsOf = (
  networks: readonly LossNetwork[],
  style: tf.Tensor4D,
  content: tf.Tensor4D,
  options: LossOptions,
): Targets => ({
  style: styleTargets(networks, style, options),
  content: contentTargets(networks, content, options),
});

/** The loss of painted pictures, and its parts unweighted. */
export interface Losses {
  readonly total: tf.Scalar;
  readonly style: tf.Scalar;
  readonly content: tf.Scalar;
  readonly variation: tf.Scalar;
  readonly weave: tf.Scalar;
}

const mse = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.mean(tf.square(tf.sub(a, b)));

/**
 * Squared error of a layer's style: of moments the mean's plus the deviation's, of a Gram matrix its rows', averaged over
 * channels. With the scale `features` Gram matrices are divided by channels x pixels, and their squared error averaged over
 * all C x C (Johnson et al. 2016, arXiv 1603.08155; seeds 001 and 002).
 */
function styleError(painted: tf.Tensor, target: tf.Tensor, scale: GramScale): tf.Tensor {
  const error = mse(painted, target);
  // A mean over both halves of [N, 2C] is half the sum of their means; one over [N, C, C] counts each row C times too small.
  if (painted.rank === 2) return tf.mul(error, 2);
  const channels = painted.shape[2]!;
  return tf.mul(error, scale === 'features' ? 1 / channels ** 2 : channels);
}

/**
 * The loss of painted pictures, parts unweighted: style is the squared error of mean and of deviation (or of the Gram
 * matrix), averaged over channels and summed over layers; content the mean squared error of features.
 */
export function lossOf(
  networks: readonly LossNetwork[],
  picture: tf.Tensor4D,
  targets: Targets,
  options: LossOptions,
): Losses {
  const feature = features(networks, picture);
  const painted = styleOf(feature, options);
  const { gramScale = 'pixels' } = options;
  const style = sumOf(
    Object.entries(painted).map(([key, mine]) => styleError(mine, targets.style[key]!, gramScale)),
  );
  const content = sumOf(options.contentLayers.map((layer) => mse(feature[layer]!, targets.content[layer]!)));
  const variation = totalVariation(picture);
  const weave = weaveOf(picture);
  const total = sumOf([
    tf.mul(style, options.styleWeight),
    tf.mul(content, options.contentWeight),
    tf.mul(variation, options.tvWeight),
    tf.mul(weave, options.weaveWeight ?? 0),
  ]);
  return { total, style, content, variation, weave };
}
