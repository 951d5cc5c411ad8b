import * as tf from '@tensorflow/tfjs';
import { forward, fromDevice, fromFlatBatch, type Tensors, toDevice } from '../engines/tfjs-forward.js';
import { type NetSpec, netParams, type Param, sizeOf } from '../net.js';
import { isFrozen, VGG_FEATURES } from '../nets/encoders.js';
import { jointOptions, metaNet } from '../nets/metanet.js';
import { transformNet } from '../nets/transform.js';
import { paramsFrom, type Tensor, type Weights } from '../weights.js';
import type { TrainOptions } from './options.js';
import { Random } from './random.js';
import { sumOf } from './sum.js';

/** The two nets of a training. */
export interface Nets {
  readonly transform: NetSpec;
  readonly meta: NetSpec;
  /** Params of the MetaNet that are not trained, on the device; without them they are among the others. */
  readonly encoder?: Tensors;
}

/** Options of both nets, as a model's card names them. */
export function cardOptions(options: TrainOptions) {
  const { base, residuals, generated, affine, encoder, hidden, group } = options;
  const joint = encoder === 'both' ? { joint: jointOptions.parse(options.joint ?? {}) } : {};
  return {
    transform: { base, residuals, generated, affine, output: 'sigmoid' as const },
    meta: { encoder, hidden, group, ...joint },
  };
}

/** The two nets that some options describe. */
export function buildNets(options: TrainOptions): Nets {
  const card = cardOptions(options);
  const transform = transformNet(card.transform);
  return { transform, meta: metaNet(transform, card.meta) };
}

/** Shapes of all trained params of both nets, under `transform/` and `meta/`. */
export function trainedParams({ transform, meta }: Nets): Record<string, Param> {
  return Object.fromEntries(
    [['transform/', transform] as const, ['meta/', meta] as const].flatMap(([prefix, net]) =>
      Object.entries(paramsFrom(net.params, 'net'))
        .filter(([name]) => !isFrozen(name))
        .map(([name, param]) => [prefix + name, param]),
    ),
  );
}

/** Standard deviation after He et al. 2015 (arXiv 1502.01852) for a filter [out, in, k, k] or a matrix [out, in]. */
const he = (shape: readonly number[]): number => Math.sqrt(2 / sizeOf(shape.slice(1)));

/** Share of the learned base that a generated layer's style part starts with. */
const GENERATED = 0.05;

function fill(shape: readonly number[], value: () => number): Tensor {
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, value) };
}

/** What a MetaNet does to the numbers of an output last: `scale` times them, plus `shift`. */
function lastStep(meta: NetSpec, output: string): { scale: number; shift: number } {
  const node = meta.nodes.find(({ out }) => out === meta.outputs[output]);
  return node?.op === 'affine' ? node : { scale: 1, shift: 0 };
}

/**
 * Fresh params under `transform/` and `meta/`. The last dense layers of the MetaNet start as a usual net in their
 * bias (He for filters, 1 for scales, 0 for shifts) with a small style part in their weight. Where their numbers are
 * multiplied afterwards, as in seed 000, the factor makes the style part small, and they start after Glorot and Bengio.
 */
export function initialParams({ transform, meta }: Nets, seed: number): Map<string, Tensor> {
  const random = Random.from(seed, 'init');
  const normal = (shape: readonly number[], deviation: number): Tensor =>
    fill(shape, () => deviation * random.normal());
  const plain = (name: string, shape: readonly number[]): Tensor => {
    if (name.endsWith('.scale')) return fill(shape, () => 1);
    return shape.length === 1 ? fill(shape, () => 0) : normal(shape, he(shape));
  };
  const last = (output: string, part: 'weight' | 'bias', shape: readonly number[]): Tensor => {
    const target = transform.params[output]!.shape;
    const { scale, shift } = lastStep(meta, output);
    if (part === 'bias') {
      const { data } = plain(output, target);
      return { shape, data: scale === 1 ? data : data.map((wanted) => (wanted - shift) / scale) };
    }
    if (scale !== 1) return normal(shape, Math.sqrt(2 / (shape[0]! + shape[1]!)));
    return normal(shape, (GENERATED * (target.length === 4 ? he(target) : 1)) / Math.sqrt(shape[1]!));
  };
  const params = new Map<string, Tensor>();
  for (const name of netParams(transform))
    params.set(`transform/${name}`, plain(name, transform.params[name]!.shape));
  for (const name of netParams(meta)) {
    if (isFrozen(name)) continue;
    const { shape } = meta.params[name]!;
    const made = /^make\.(.+)\.(weight|bias)$/.exec(name);
    const tensor = made ? last(made[1]!, made[2] as 'weight' | 'bias', shape) : plain(name, shape);
    params.set(`meta/${name}`, tensor);
  }
  return params;
}

/** Params on the device as variables, ready to be trained. */
export function toVariables(params: Weights): Record<string, tf.Variable> {
  return tf.tidy(() =>
    Object.fromEntries([...params].map(([name, tensor]) => [name, tf.variable(toDevice(tensor), true)])),
  );
}

/** Params from the device, in a file's layout. */
export async function fromVariables(params: Tensors): Promise<Map<string, Tensor>> {
  const out = new Map<string, Tensor>();
  for (const [name, tensor] of Object.entries(params)) out.set(name, await fromDevice(tensor));
  return out;
}

/** The params whose names start with `prefix`, the prefix taken off. */
export function under(params: Tensors, prefix: string): Tensors {
  return Object.fromEntries(
    Object.entries(params)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}

/**
 * What a frozen encoder sees in styles [N, S, S, 3] (0 to 255), for `generate`. Outside of what gradients are taken of,
 * it needs the memory of a layer or two.
 */
export function see({ meta, encoder }: Pick<Nets, 'meta' | 'encoder'>, style: tf.Tensor4D): Tensors {
  if (!encoder) return {};
  const eye = { ...meta, outputs: { [VGG_FEATURES]: VGG_FEATURES } };
  return tf.tidy(() => forward(eye, { style }, encoder, [VGG_FEATURES], { frugal: true }));
}

/**
 * Generated weights of each style of a batch [N, S, S, 3] (0 to 255): per output name, one tensor [N, numbers].
 * With `training` dropout drops.
 */
export function generate(
  nets: Pick<Nets, 'meta' | 'encoder'>,
  params: Tensors,
  style: tf.Tensor4D,
  { training, seen = see(nets, style) }: { training?: { seed: number }; seen?: Tensors } = {},
): Tensors {
  const { meta } = nets;
  const nodes = meta.nodes.filter(({ out }) => !(out in seen));
  const names = Object.keys(meta.outputs);
  return forward({ ...meta, nodes }, { style, ...seen }, under(params, 'meta/'), names, {
    training: training ?? false,
  });
}

/** Of tensors [N, ...] of N styles those of the photos: photo i has style `of[i]`. A single style serves all photos as it is. */
export function deal(styles: Tensors, of: readonly number[] | undefined): Tensors {
  if (!of || of.every((style, i) => style === i) || of.every((style) => style === 0)) return styles;
  const one = (tensor: tf.Tensor) =>
    tf.concat(
      of.map((style) => tf.slice(tensor, style, 1)),
      0,
    );
  return Object.fromEntries(Object.entries(styles).map(([name, tensor]) => [name, one(tensor)]));
}

/**
 * Paints picture i of `content` [N, S, S, 3] (0 to 255) with the i-th generated weights, of which there may be more
 * than pictures, or one for all; yields floats in [0, 1].
 */
export function paintEach(
  { transform }: Nets,
  params: Tensors,
  generated: Tensors,
  content: tf.Tensor4D,
): tf.Tensor4D {
  const [count] = content.shape;
  const style = Object.fromEntries(
    Object.entries(generated).map(([name, flat]) => {
      const mine = flat.shape[0]! > count ? tf.slice(flat, 0, [count, -1]) : flat;
      return [name, fromFlatBatch(mine, transform.params[name]!.shape)];
    }),
  );
  const own = under(params, 'transform/');
  return forward(transform, { content }, { ...own, ...style }, ['floats']).floats as tf.Tensor4D;
}

/** Largest absolute value of the generated weights, and the sum of squares of what lies beyond a limit. */
export function sizeOfGenerated(
  generated: Tensors,
  limit: number,
): { largest: tf.Scalar; beyond: tf.Scalar } {
  const each = Object.values(generated);
  const largest = tf.max(tf.stack(each.map((tensor) => tf.max(tf.abs(tensor))))) as tf.Scalar;
  if (limit === 0) return { largest, beyond: tf.scalar(0) };
  const excess = each.map((tensor) => tf.sum(tf.square(tf.relu(tf.sub(tf.abs(tensor), limit)))));
  return { largest, beyond: sumOf(excess) };
}
