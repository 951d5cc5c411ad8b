import { basename } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { BadInput, Usage } from '../../errors.js';
import { allToDevice, forward, statistics, type Tensors } from '../engines/tfjs-forward.js';
import { readLossWeights } from '../import/index.js';
import { findLossFile } from '../import/published.js';
import type { NetSpec } from '../net.js';
import { vggNet } from '../nets/vgg.js';
import { mismatch, paramsFrom } from '../weights.js';

/** Which layers a loss compares, and how much each part weighs. */
export interface LossOptions {
  readonly styleLayers: readonly string[];
  readonly contentLayers: readonly string[];
  readonly styleWeight: number;
  readonly contentWeight: number;
  /** Weight of the total variation of the picture. */
  readonly tvWeight: number;
}

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

/**
 * What style is here: mean and standard deviation of each channel of the style layers, [N, 2C] per layer
 * (Li et al. 2017, arXiv 1701.01036).
 */
export function styleOf(feature: Tensors, layers: readonly string[]): Record<string, tf.Tensor2D> {
  return Object.fromEntries(layers.map((layer) => [layer, statistics(feature[layer] as tf.Tensor4D, 1e-5)]));
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

const sum = (parts: readonly tf.Tensor[]): tf.Scalar =>
  parts.length === 0 ? tf.scalar(0) : (tf.addN([...parts]) as tf.Scalar);

/** What a painted picture is compared with; no gradient flows into it. */
export type Targets = {
  readonly style: Tensors;
  readonly content: Tensors;
};

/** Targets of a batch: style statistics of `style`, content features of `content`, both floats in [0, 1], NHWC. */
export function targetsOf(
  networks: readonly LossNetwork[],
  style: tf.Tensor4D,
  content: tf.Tensor4D,
  options: LossOptions,
): Targets {
  return tf.tidy((): Targets & tf.TensorContainerObject => {
    const kept = features(networks, content);
    return {
      style: styleOf(features(networks, style), options.styleLayers),
      content: Object.fromEntries(options.contentLayers.map((layer) => [layer, kept[layer]!])),
    };
  });
}

/** The loss of painted pictures, and its parts unweighted. */
export interface Losses {
  readonly total: tf.Scalar;
  readonly style: tf.Scalar;
  readonly content: tf.Scalar;
  readonly variation: tf.Scalar;
}

/**
 * The loss of painted pictures, parts unweighted: style is the squared error of mean and of deviation, averaged over
 * channels and summed over layers; content the mean squared error of features.
 */
export function lossOf(
  networks: readonly LossNetwork[],
  picture: tf.Tensor4D,
  targets: Targets,
  options: LossOptions,
): Losses {
  const feature = features(networks, picture);
  const mse = (a: tf.Tensor, b: tf.Tensor) => tf.mean(tf.square(tf.sub(a, b)));
  const painted = styleOf(feature, options.styleLayers);
  const style = sum(
    // A mean over both halves of [N, 2C] is half the sum of their means.
    options.styleLayers.map((layer) => tf.mul(mse(painted[layer]!, targets.style[layer]!), 2)),
  );
  const content = sum(options.contentLayers.map((layer) => mse(feature[layer]!, targets.content[layer]!)));
  const variation = totalVariation(picture);
  const total = sum([
    tf.mul(style, options.styleWeight),
    tf.mul(content, options.contentWeight),
    tf.mul(variation, options.tvWeight),
  ]);
  return { total, style, content, variation };
}
