import { apply, type NetSpec, type OpTable } from '../../src/models/net.js';
import { type Pixels, reflected } from '../../src/models/pixels.js';
import type { Weights } from '../../src/models/weights.js';

/**
 * What each op means, written as plainly as possible in double precision: the truth that engines are held against.
 * One picture at a time, so slow that only tiny nets and pictures are any use.
 */
export interface Value {
  /** [channels, height, width] or [numbers]. */
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

interface Scope {
  readonly values: Map<string, Value>;
  readonly params: Weights;
}

const get = (scope: Scope, name: string): Value => scope.values.get(name)!;
const param = (scope: Scope, name: string) => scope.params.get(name)!;
const map = ({ shape, data }: Value, f: (x: number, i: number) => number): Value => ({
  shape,
  data: data.map(f),
});
const sides = ({ shape }: Value) => shape as readonly [number, number, number];

/** A fresh [channels, height, width] whose every number is computed from where it stands. */
function picture(
  channels: number,
  height: number,
  width: number,
  f: (c: number, y: number, x: number) => number,
) {
  const data = new Float64Array(channels * height * width);
  let i = 0;
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[i++] = f(c, y, x);
  return { shape: [channels, height, width], data };
}

/** Reads a picture at any place: reflected beyond the border, or zero there. */
function at(value: Value, mode: 'reflect' | 'zero') {
  const [, height, width] = sides(value);
  return (c: number, y: number, x: number): number => {
    if (mode === 'zero' && (y < 0 || x < 0 || y >= height || x >= width)) return 0;
    return value.data[(c * height + reflected(y, height)) * width + reflected(x, width)]!;
  };
}

function channelStatistics(value: Value): { mean: number; variance: number }[] {
  const [channels, height, width] = sides(value);
  return Array.from({ length: channels }, (_, c) => {
    const plane = value.data.subarray(c * height * width, (c + 1) * height * width);
    const mean = plane.reduce((sum, x) => sum + x, 0) / plane.length;
    return { mean, variance: plane.reduce((sum, x) => sum + (x - mean) ** 2, 0) / plane.length };
  });
}

const steps: OpTable<[scope: Scope], Value> = {
  fromRgb8: (node, scope) => map(get(scope, node.in), (x) => x / 255),
  toRgb8: (node, scope) => map(get(scope, node.in), (x) => Math.min(255, Math.max(0, Math.round(255 * x)))),
  conv: (node, scope) => {
    const input = get(scope, node.in);
    const { shape, data } = param(scope, node.weight);
    const [out, channels, size] = shape as [number, number, number];
    const [, height, width] = sides(input);
    const side = (n: number) => Math.floor((n + 2 * node.pad - size) / node.stride) + 1;
    const pixel = at(input, node.padMode);
    const bias = node.bias ? param(scope, node.bias).data : new Float32Array(out);
    return picture(out, side(height), side(width), (o, y, x) => {
      let sum = bias[o]!;
      for (let c = 0; c < channels; c++)
        for (let i = 0; i < size; i++)
          for (let j = 0; j < size; j++)
            sum +=
              data[((o * channels + c) * size + i) * size + j]! *
              pixel(c, y * node.stride + i - node.pad, x * node.stride + j - node.pad);
      return sum;
    });
  },
  instanceNorm: (node, scope) => {
    const input = get(scope, node.in);
    const statistics = channelStatistics(input);
    const [, height, width] = sides(input);
    return map(input, (x, i) => {
      const c = Math.floor(i / (height * width));
      const { mean, variance } = statistics[c]!;
      const scale = node.scale ? param(scope, node.scale).data[c]! : 1;
      const shift = node.shift ? param(scope, node.shift).data[c]! : 0;
      return ((x - mean) / Math.sqrt(variance + node.epsilon)) * scale + shift;
    });
  },
  relu: (node, scope) => map(get(scope, node.in), (x) => Math.max(0, x)),
  tanh: (node, scope) => map(get(scope, node.in), Math.tanh),
  sigmoid: (node, scope) => map(get(scope, node.in), (x) => 1 / (1 + Math.exp(-x))),
  affine: (node, scope) => map(get(scope, node.in), (x) => x * node.scale + node.shift),
  upsample: (node, scope) => {
    const input = get(scope, node.in);
    const [channels, height, width] = sides(input);
    const pixel = at(input, 'zero');
    const { scale } = node;
    return picture(channels, height * scale, width * scale, (c, y, x) =>
      pixel(c, Math.floor(y / scale), Math.floor(x / scale)),
    );
  },
  add: (node, scope) => {
    const other = get(scope, node.with);
    return map(get(scope, node.in), (x, i) => x + other.data[i]!);
  },
  concat: (node, scope) => {
    const parts = node.ins.map((name) => get(scope, name));
    const channels = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
    return {
      shape: [channels, ...parts[0]!.shape.slice(1)],
      data: Float64Array.from(parts.flatMap(({ data }) => [...data])),
    };
  },
  pool: (node, scope) => {
    const input = get(scope, node.in);
    const [channels, height, width] = sides(input);
    const { size, kind } = node;
    const pixel = at(input, 'zero');
    return picture(channels, Math.floor(height / size), Math.floor(width / size), (c, y, x) => {
      const window: number[] = [];
      for (let i = 0; i < size; i++)
        for (let j = 0; j < size; j++) window.push(pixel(c, y * size + i, x * size + j));
      return kind === 'max' ? Math.max(...window) : window.reduce((sum, x) => sum + x, 0) / window.length;
    });
  },
  meanStd: (node, scope) => {
    const statistics = channelStatistics(get(scope, node.in));
    const means = statistics.map(({ mean }) => mean);
    const deviations = statistics.map(({ variance }) => Math.sqrt(variance + node.epsilon));
    return { shape: [2 * means.length], data: Float64Array.from([...means, ...deviations]) };
  },
  dense: (node, scope) => {
    const { data } = get(scope, node.in);
    const weight = param(scope, node.weight);
    const [out, inputs] = weight.shape as [number, number];
    const bias = node.bias ? param(scope, node.bias).data : new Float32Array(out);
    const row = (o: number) => data.reduce((sum, x, i) => sum + x * weight.data[o * inputs + i]!, bias[o]!);
    return { shape: [out], data: Float64Array.from({ length: out }, (_, o) => row(o)) };
  },
  slice: (node, scope) => ({
    shape: [node.to - node.from],
    data: get(scope, node.in).data.slice(node.from, node.to),
  }),
  dropout: (node, scope) => get(scope, node.in),
};

/** Every output of a net that takes one picture, by name. */
export function reference(net: NetSpec, params: Weights, picture: Pixels): Record<string, Value> {
  const input = { shape: [3, picture.height, picture.width], data: Float64Array.from(picture.data) };
  const scope: Scope = { values: new Map([[net.inputs[0]!, input]]), params };
  for (const node of net.nodes) scope.values.set(node.out, apply(steps, node, scope));
  return Object.fromEntries(Object.entries(net.outputs).map(([name, tensor]) => [name, get(scope, tensor)]));
}
