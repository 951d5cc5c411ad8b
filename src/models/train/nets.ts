import * as tf from '@tensorflow/tfjs';
import { forward, fromDevice, fromFlatBatch, type Tensors, toDevice } from '../engines/tfjs-forward.js';
import { type NetSpec, netParams, type Param, sizeOf } from '../net.js';
import { metaNet } from '../nets/metanet.js';
import { transformNet } from '../nets/transform.js';
import { paramsFrom, type Tensor, type Weights } from '../weights.js';
import type { TrainOptions } from './options.js';
import { Random } from './random.js';

/** The two nets of a training. */
export interface Nets {
  readonly transform: NetSpec;
  readonly meta: NetSpec;
}

/** Options of both nets, as a model's card names them. */
export function cardOptions(options: TrainOptions) {
  const { base, residuals, generated, hidden, group } = options;
  return {
    transform: { base, residuals, generated, affine: 'style' as const, output: 'sigmoid' as const },
    meta: { encoder: 'own' as const, hidden, group },
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
      Object.entries(paramsFrom(net.params, 'net')).map(([name, param]) => [prefix + name, param]),
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

/**
 * Fresh params under `transform/` and `meta/`. The last dense layers of the MetaNet start as a usual net in their
 * bias (He for filters, 1 for scales, 0 for shifts) with a small style part in their weight.
 */
export function initialParams({ transform, meta }: Nets, seed: number): Map<string, Tensor> {
  const random = Random.from(seed, 'init');
  const plain = (name: string, shape: readonly number[]): Tensor => {
    if (name.endsWith('.scale')) return fill(shape, () => 1);
    if (shape.length === 1) return fill(shape, () => 0);
    const deviation = he(shape);
    return fill(shape, () => deviation * random.normal());
  };
  const params = new Map<string, Tensor>();
  for (const name of netParams(transform))
    params.set(`transform/${name}`, plain(name, transform.params[name]!.shape));
  for (const name of netParams(meta)) {
    const { shape } = meta.params[name]!;
    const made = /^make\.(.+)\.(weight|bias)$/.exec(name);
    const target = made && transform.params[made[1]!]!.shape;
    if (!target) params.set(`meta/${name}`, plain(name, shape));
    else if (made[2] === 'bias') params.set(`meta/${name}`, { shape, data: plain(made[1]!, target).data });
    else {
      const deviation = (GENERATED * (target.length === 4 ? he(target) : 1)) / Math.sqrt(shape[1]!);
      params.set(
        `meta/${name}`,
        fill(shape, () => deviation * random.normal()),
      );
    }
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

/** Generated weights of each style of a batch [N, S, S, 3] (0 to 255): per output name, one tensor [N, numbers]. */
export function generate({ meta }: Nets, params: Tensors, style: tf.Tensor4D, training = false): Tensors {
  return forward(meta, { style }, under(params, 'meta/'), Object.keys(meta.outputs), { training });
}

/**
 * Paints picture i of `content` [N, S, S, 3] (0 to 255) with the i-th generated weights, of which there may be more
 * than pictures; yields floats in [0, 1].
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
  return { largest, beyond: tf.addN(excess) as tf.Scalar };
}
