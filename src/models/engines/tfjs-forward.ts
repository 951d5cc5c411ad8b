import * as tf from '@tensorflow/tfjs';
import { apply, inputsOf, type NetSpec, type Node, nodesFor, type OpTable } from '../net.js';
import type { Tensor, Weights } from '../weights.js';

/**
 * Networks as pure functions of tensors, in TensorFlow.js: painting and training share them. Pictures are NHWC and
 * convolution filters [k, k, in, out] here, as TensorFlow wants them; `toDevice` turns the NetSpec's layouts around.
 */
export type Tensors = Readonly<Record<string, tf.Tensor>>;

interface Scope {
  readonly values: Map<string, tf.Tensor>;
  readonly params: Tensors;
  /** Dropout drops while training, by this seed. */
  readonly training: false | { readonly seed: number };
}

const x4 = (scope: Scope, name: string) => scope.values.get(name) as tf.Tensor4D;
const x2 = (scope: Scope, name: string) => scope.values.get(name) as tf.Tensor2D;

/** Gradient kernels that only some backends have; `tfjs-kernels` registers them. */
const hasKernel = (name: string): boolean => tf.getKernel(name, tf.getBackend()) !== undefined;

/**
 * What reflection by `pad` did along an axis, undone for a gradient: each border row is added to the row that it
 * mirrors. Rows come off in slices and go together in one concat, which is one pass over the memory.
 */
function folded(dy: tf.Tensor4D, axis: 1 | 2, pad: number): tf.Tensor4D {
  const length = dy.shape[axis] - 2 * pad;
  const part = (from: number, count: number): tf.Tensor4D => {
    const begin = [0, 0, 0, 0];
    const size = [-1, -1, -1, -1];
    begin[axis] = from;
    size[axis] = count;
    return tf.slice(dy, begin, size);
  };
  const border = (from: number): tf.Tensor4D =>
    pad === 1 ? part(from, 1) : tf.reverse(part(from, pad), axis);
  const [before, after] = [border(0), border(pad + length)];
  if (length < 2 * pad + 2) {
    // The two mirrored strips overlap or touch the edge rows: add each as a whole.
    const at = (strip: tf.Tensor4D, from: number): tf.Tensor4D => {
      const margins: [number, number][] = [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 0],
      ];
      margins[axis] = [from, length - pad - from];
      return tf.pad(strip, margins);
    };
    return tf.addN([part(pad, length), at(before, 1), at(after, length - 1 - pad)]) as tf.Tensor4D;
  }
  const middle = length - 2 * pad - 2;
  return tf.concat(
    [
      part(pad, 1),
      tf.add(part(pad + 1, pad), before) as tf.Tensor4D,
      ...(middle > 0 ? [part(2 * pad + 1, middle)] : []),
      tf.add(part(length - 1, pad), after) as tf.Tensor4D,
      part(pad + length - 1, 1),
    ],
    axis,
  );
}

/** Reflection without the edge repeated. TensorFlow.js gives it the gradient of zero padding; this has its own. */
function reflectPad(x: tf.Tensor4D, pad: number): tf.Tensor4D {
  const margins: [number, number][] = [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ];
  return tf.customGrad((input) => ({
    value: tf.mirrorPad(input as tf.Tensor4D, margins, 'reflect'),
    gradFunc: (dy) =>
      hasKernel('MirrorPadGrad')
        ? tf.engine().runKernel<tf.Tensor4D>('MirrorPadGrad', { dy }, { paddings: margins, mode: 'reflect' })
        : folded(folded(dy as tf.Tensor4D, 1, pad), 2, pad),
  }))(x) as tf.Tensor4D;
}

function padded(x: tf.Tensor4D, pad: number, mode: 'reflect' | 'zero'): tf.Tensor4D {
  if (pad === 0) return x;
  if (mode === 'reflect') return reflectPad(x, pad);
  return tf.pad(x, [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ]);
}

/** Each pixel repeated `scale` times in both directions; the gradient sums over the copies, on every backend alike. */
function upsampled(x: tf.Tensor4D, scale: number): tf.Tensor4D {
  const [, height, width] = x.shape;
  return tf.customGrad((input) => ({
    value: tf.image.resizeNearestNeighbor(input as tf.Tensor4D, [height * scale, width * scale]),
    gradFunc: (dy) => tf.mul(tf.avgPool(dy as tf.Tensor4D, scale, scale, 'valid'), scale * scale),
  }))(x) as tf.Tensor4D;
}

/**
 * Each channel of each picture normalised to mean 0 and variance 1. Its gradient is written out: two means and a
 * few products instead of a chain of eight ops.
 */
function normalised(x: tf.Tensor4D, epsilon: number): tf.Tensor4D {
  return tf.customGrad((input, save) => {
    const centred = tf.sub(input as tf.Tensor4D, tf.mean(input as tf.Tensor4D, [1, 2], true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), [1, 2], true), epsilon)) as tf.Tensor4D;
    const value = tf.mul(centred, inverse);
    (save as (tensors: tf.Tensor[]) => void)([value, inverse]);
    return {
      value,
      gradFunc: (dy, saved) => {
        const [normed, scale] = saved as [tf.Tensor4D, tf.Tensor4D];
        const along = tf.mul(tf.mean(tf.mul(dy as tf.Tensor4D, normed), [1, 2], true), scale);
        const level = tf.mul(tf.mean(dy as tf.Tensor4D, [1, 2], true), scale);
        return tf.sub(tf.mul(dy, scale), tf.add(tf.mul(normed, along), level));
      },
    };
  })(x) as tf.Tensor4D;
}

/** max(x, 0), with a gradient of one pass where the backend has a kernel for it (see `tfjs-kernels`). */
function rectified(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((input, save) => {
    const value = tf.relu(input as tf.Tensor);
    (save as (tensors: tf.Tensor[]) => void)([value]);
    return {
      value,
      gradFunc: (dy, saved) => {
        const y = (saved as tf.Tensor[])[0]!;
        return hasKernel('ReluGrad')
          ? tf.engine().runKernel<tf.Tensor>('ReluGrad', { dy, y })
          : tf.mul(dy, tf.cast(tf.greater(y, 0), 'float32'));
      },
    };
  })(x);
}

/**
 * Mean and standard deviation sqrt(variance + epsilon) of each channel of each picture, [N, 2C]: first the means.
 * The gradient is written out: one product and one sum over the pixels.
 */
export function statistics(x: tf.Tensor4D, epsilon: number): tf.Tensor2D {
  const [batch, height, width, channels] = x.shape;
  return tf.customGrad((input, save) => {
    const mean = tf.mean(input as tf.Tensor4D, [1, 2], true);
    const variance = tf.mean(tf.squaredDifference(input as tf.Tensor4D, mean), [1, 2], true);
    const deviation = tf.sqrt(tf.add(variance, epsilon));
    (save as (tensors: tf.Tensor[]) => void)([input as tf.Tensor, mean, deviation]);
    return {
      value: tf.reshape(tf.concat([mean, deviation], -1), [batch, 2 * channels]),
      gradFunc: (dy, saved) => {
        const [input, mean, deviation] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
        const both = tf.mul(tf.reshape(dy, [batch, 1, 1, 2 * channels]), 1 / (height * width));
        const [dMean, dDeviation] = tf.split(both, 2, -1) as [tf.Tensor4D, tf.Tensor4D];
        const slope = tf.div(dDeviation, deviation);
        return tf.add(tf.mul(input, slope), tf.sub(dMean, tf.mul(mean, slope)));
      },
    };
  })(x) as tf.Tensor2D;
}

/**
 * A convolution with a large filter and few channels, at half size with four times the channels: exactly the same
 * sums, in blocks that fill the processor's vectors. Output (2i + a) of a row is the sum of w[k] x[2i + a + k]; with
 * a + k = 2j + p, phase a of the output reads phase p of pixel i + j through w[2j + p - a].
 */
function convolvedByHalves(x: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width] = x.shape;
  const [size, , channels, filters] = filter.shape;
  const half = (size + 1) / 2;
  const phases = [0, 1].flatMap((a) =>
    [0, 1].map((b) => {
      const margins: [number, number][] = [
        [a, 1 - a],
        [b, 1 - b],
        [0, 0],
        [0, 0],
      ];
      return tf.reshape(tf.pad(filter, margins), [4 * half * half * channels, filters]);
    }),
  );
  // Each turn swaps two neighbouring axes and joins the rest, since some backends turn at most four axes, and others slice at most six.
  const swapped = (whole: tf.Tensor, axes: [number, number, number, number]) =>
    tf.transpose(tf.reshape(whole, axes), [0, 2, 1, 3]);
  const [rows, columns, taps] = [height / 2, width / 2, 8 * channels * filters];
  const halved = tf.reshape(swapped(tf.stack(phases, 1), [half, 2, half, taps]), [
    half,
    half,
    4 * channels,
    4 * filters,
  ]) as tf.Tensor4D;
  const blocks = swapped(x, [batch * rows, 2, columns, 2 * channels]);
  const small = tf.reshape(blocks, [batch, rows, columns, 4 * channels]) as tf.Tensor4D;
  const y = tf.conv2d(small, halved, 1, 'valid');
  const [, high, wide] = y.shape;
  const spread = swapped(y, [batch * high, wide, 2, 2 * filters]);
  return tf.reshape(spread, [batch, 2 * high, 2 * wide, filters]) as tf.Tensor4D;
}

/** Filters of at least this side, of few channels, are worth the rearrangement. */
const LARGE = 7;

/** A convolution without padding; a filter of rank 5, [N, k, k, in, out], holds one for each picture of the batch. */
function convolved(x: tf.Tensor4D, filter: tf.Tensor4D | tf.Tensor5D, stride: number): tf.Tensor4D {
  const [, height, width] = x.shape;
  if (filter.rank === 4) {
    const [size, , channels, filters] = (filter as tf.Tensor4D).shape;
    const halves = size >= LARGE && size % 2 === 1 && Math.min(channels, filters) < 8;
    return halves && stride === 1 && height % 2 === 0 && width % 2 === 0
      ? convolvedByHalves(x, filter as tf.Tensor4D)
      : tf.conv2d(x, filter as tf.Tensor4D, stride, 'valid');
  }
  // TensorFlow.js cannot take the gradient of taking a single tensor off a stack.
  const filters = filter.shape[0] === 1 ? [tf.squeeze(filter, [0])] : tf.unstack(filter);
  const pictures: tf.Tensor4D[] = filters.length === 1 ? [x] : tf.split(x, filters.length, 0);
  const painted = pictures.map((picture, i) => convolved(picture, filters[i] as tf.Tensor4D, stride));
  return painted.length === 1 ? painted[0]! : tf.concat(painted, 0);
}

/** [C], or [N, C] with numbers for each picture of the batch, made to fit a tensor NHWC. */
const perChannel = (param: tf.Tensor): tf.Tensor =>
  param.rank === 2 ? tf.reshape(param, [param.shape[0]!, 1, 1, param.shape[1]!]) : param;

const steps: OpTable<[scope: Scope], tf.Tensor> = {
  fromRgb8: (node, scope) => tf.mul(tf.cast(x4(scope, node.in), 'float32'), 1 / 255),
  toRgb8: (node, scope) =>
    tf.cast(tf.clipByValue(tf.round(tf.mul(x4(scope, node.in), 255)), 0, 255), 'int32'),
  conv: (node, scope) => {
    const x = padded(x4(scope, node.in), node.pad, node.padMode);
    const y = convolved(x, scope.params[node.weight] as tf.Tensor4D | tf.Tensor5D, node.stride);
    return node.bias ? tf.add(y, perChannel(scope.params[node.bias]!)) : y;
  },
  instanceNorm: (node, scope) => {
    const normed = normalised(x4(scope, node.in), node.epsilon);
    const scaled = node.scale ? tf.mul(normed, perChannel(scope.params[node.scale]!)) : normed;
    return node.shift ? tf.add(scaled, perChannel(scope.params[node.shift]!)) : scaled;
  },
  relu: (node, scope) => rectified(scope.values.get(node.in)!),
  tanh: (node, scope) => tf.tanh(scope.values.get(node.in)!),
  sigmoid: (node, scope) => tf.sigmoid(scope.values.get(node.in)!),
  affine: (node, scope) => tf.add(tf.mul(scope.values.get(node.in)!, node.scale), node.shift),
  upsample: (node, scope) => upsampled(x4(scope, node.in), node.scale),
  add: (node, scope) => tf.add(scope.values.get(node.in)!, scope.values.get(node.with)!),
  concat: (node, scope) =>
    tf.concat(
      node.ins.map((name) => scope.values.get(name)!),
      -1,
    ),
  pool: (node, scope) =>
    (node.kind === 'max' ? tf.maxPool : tf.avgPool)(x4(scope, node.in), node.size, node.size, 'valid'),
  meanStd: (node, scope) => statistics(x4(scope, node.in), node.epsilon),
  dense: (node, scope) => {
    const y = tf.matMul(x2(scope, node.in), scope.params[node.weight] as tf.Tensor2D, false, true);
    return node.bias ? tf.add(y, scope.params[node.bias]!) : y;
  },
  slice: (node, scope) => tf.slice(x2(scope, node.in), [0, node.from], [-1, node.to - node.from]),
  dropout: (node, scope) =>
    scope.training
      ? tf.dropout(scope.values.get(node.in)!, node.rate, undefined, `${scope.training.seed} ${node.out}`)
      : tf.clone(scope.values.get(node.in)!),
};

/** By name of a tensor, the last of `nodes` that reads it. */
function lastReaders(nodes: readonly Node[]): ReadonlyMap<string, Node> {
  return new Map(nodes.flatMap((node) => inputsOf(node).map((name) => [name, node] as const)));
}

/**
 * Runs a net. `inputs` by the net's input names, `params` laid out for the device, where a param of a TransformNet
 * may have a leading axis N: then picture i is painted with the i-th. Yields the outputs named in
 * `wanted`, and computes only the nodes that they need. Differentiable in inputs and params; call it inside tf.tidy.
 * With `frugal` it is not differentiable, and frees each tensor of its own once it has been read for the last time:
 * the memory of a large picture is then that of a layer or two and not of the whole net. With `training` dropout drops,
 * the same for the same seed.
 */
export function forward<K extends string>(
  net: NetSpec,
  inputs: Tensors,
  params: Tensors,
  wanted: readonly K[],
  { training = false, frugal = false }: { training?: Scope['training']; frugal?: boolean } = {},
): Record<K, tf.Tensor> {
  const scope: Scope = { values: new Map(Object.entries(inputs)), params, training };
  const nodes = nodesFor(net, wanted);
  const readers = lastReaders(nodes);
  const kept = new Set([...net.inputs, ...wanted.map((name) => net.outputs[name]!)]);
  for (const node of nodes) {
    const compute = () => apply(steps, node, scope);
    scope.values.set(node.out, frugal ? tf.tidy(compute) : compute());
    if (!frugal) continue;
    for (const name of new Set(inputsOf(node)))
      if (readers.get(name) === node && !kept.has(name)) scope.values.get(name)!.dispose();
  }
  return Object.fromEntries(wanted.map((name) => [name, scope.values.get(net.outputs[name]!)!])) as Record<
    K,
    tf.Tensor
  >;
}

/** A tensor of a file in the device's layout: convolution filters [out, in, k, k] become [k, k, in, out]. */
export function toDevice({ shape, data }: Tensor): tf.Tensor {
  return tf.tidy(() => {
    const tensor = tf.tensor(data, shape as number[], 'float32');
    return shape.length === 4 ? tf.transpose(tensor, [2, 3, 1, 0]) : tensor;
  });
}

/** A net's generated filter, flat as MetaNet yields it for one style, in the device's layout. */
export function fromFlat(flat: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const tensor = tf.reshape(flat, shape as number[]);
  return shape.length === 4 ? tf.transpose(tensor, [2, 3, 1, 0]) : tensor;
}

/** Generated params of a batch, [N, numbers], in the device's layout: one for each picture, [N, ...]. */
export function fromFlatBatch(flat: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const tensor = tf.reshape(flat, [flat.shape[0]!, ...shape]);
  return shape.length === 4 ? tf.transpose(tensor, [0, 3, 4, 2, 1]) : tensor;
}

/** Back from the device's layout to a file's. Reads the numbers synchronously where the backend can, else not at all. */
export async function fromDevice(tensor: tf.Tensor): Promise<Tensor> {
  const turned = tensor.rank === 4 ? tf.tidy(() => tf.transpose(tensor, [3, 2, 0, 1])) : tensor;
  const data = Float32Array.from(await turned.data());
  const { shape } = turned;
  if (turned !== tensor) turned.dispose();
  return { shape, data };
}

/** Every tensor of some weights on the device; dispose with `tf.dispose`. */
export function allToDevice(weights: Weights): Record<string, tf.Tensor> {
  return Object.fromEntries([...weights].map(([name, tensor]) => [name, toDevice(tensor)]));
}
