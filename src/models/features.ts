import { BadInput } from '../errors.js';
import { leastSide, shapesOf } from './engines/shapes.js';
import { apply, type NetSpec, type Node, type NodeOf, nodesFor, type OpTable } from './net.js';
import type { Tensor, Weights } from './weights.js';

/**
 * A style in a few hundred numbers. A MetaNet sees nothing of a picture but the means and deviations that its encoder
 * takes of its channels; all weights follow from them by a few small products. So these features are a style, as far as
 * its MetaNet is concerned, in a thousandth of the room.
 */

type Row = Float64Array;
interface Rows {
  readonly params: Weights;
  readonly known: Map<string, Row>;
}

const statistics = (meta: NetSpec): NodeOf<'meanStd'>[] =>
  nodesFor(meta, Object.keys(meta.outputs)).filter((node) => node.op === 'meanStd');

const nameOf = (index: number) => `features ${index}`;

/** The part of a MetaNet that looks at the picture: one output for each `meanStd`, in order. */
export const featureNet = (meta: NetSpec): NetSpec => ({
  ...meta,
  name: `${meta.name}-features`,
  outputs: Object.fromEntries(statistics(meta).map(({ out }, i) => [nameOf(i), out])),
  makes: {},
});

/** What the feature net made, end to end: [features]. */
export function joinFeatures(meta: NetSpec, made: Weights): Tensor {
  const parts = statistics(meta).map((_, i) => made.get(nameOf(i))!.data);
  const data = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { shape: [data.length], data };
}

const row = ({ known }: Rows, name: string): Row => known.get(name)!;
const picture = (): never => {
  throw new BadInput('This MetaNet makes weights from more than the features of a picture.');
};

const biasOf = ({ bias }: NodeOf<'dense'>, { params }: Rows) => (bias ? params.get(bias)!.data : undefined);

/** Weight [out, in] times x, plus bias. Four sums at once keep the processor's adders busy. */
function product(x: Row, { shape, data }: Tensor, bias: Float32Array | undefined): Row {
  const [outs, ins] = shape as [number, number];
  const whole = ins - (ins % 4);
  const y = new Float64Array(outs);
  for (let out = 0, at = 0; out < outs; out++, at += ins) {
    let [a, b, c, d] = [bias ? bias[out]! : 0, 0, 0, 0];
    for (let i = 0; i < whole; i += 4) {
      a += data[at + i]! * x[i]!;
      b += data[at + i + 1]! * x[i + 1]!;
      c += data[at + i + 2]! * x[i + 2]!;
      d += data[at + i + 3]! * x[i + 3]!;
    }
    for (let i = whole; i < ins; i++) a += data[at + i]! * x[i]!;
    y[out] = a + b + c + d;
  }
  return y;
}

const steps: OpTable<[rows: Rows], Row> = {
  dense: (node, rows) => product(row(rows, node.in), rows.params.get(node.weight)!, biasOf(node, rows)),
  relu: (node, rows) => row(rows, node.in).map((x) => Math.max(0, x)),
  sigmoid: (node, rows) => row(rows, node.in).map((x) => 1 / (1 + Math.exp(-x))),
  tanh: (node, rows) => row(rows, node.in).map(Math.tanh),
  affine: (node, rows) => row(rows, node.in).map((x) => x * node.scale + node.shift),
  slice: (node, rows) => row(rows, node.in).slice(node.from, node.to),
  dropout: (node, rows) => row(rows, node.in),
  concat: (node, rows) => Float64Array.from(node.ins.flatMap((name) => [...row(rows, name)])),
  add: (node, rows) => row(rows, node.in).map((x, i) => x + row(rows, node.with)[i]!),
  ...{ fromRgb8: picture, toRgb8: picture, conv: picture, instanceNorm: picture },
  ...{ upsample: picture, pool: picture, meanStd: picture },
};

/** The nodes that turn features into weights. */
function afterFeatures(meta: NetSpec): Node[] {
  const features = new Set(statistics(meta).map(({ out }) => out));
  const cut = { ...meta, nodes: meta.nodes.filter(({ out }) => !features.has(out)) };
  return nodesFor(cut, Object.keys(meta.outputs));
}

/**
 * The style weights that a MetaNet makes of a picture's `features` [numbers], each shaped as its TransformNet wants it.
 * @throws BadInput when they are not as many as the MetaNet takes, or when it takes other things besides.
 */
export function weightsOfFeatures(meta: NetSpec, params: Weights, features: Tensor): Weights {
  const known = new Map<string, Row>();
  const least = leastSide(meta);
  const shapes = shapesOf(meta, { width: least, height: least });
  const widths = statistics(meta).map(({ out }) => [out, shapes.get(out)![0]!] as const);
  const wanted = widths.reduce((sum, [, width]) => sum + width, 0);
  if (features.data.length !== wanted)
    throw new BadInput(`The style has ${features.data.length} features where its model takes ${wanted}.`);
  let at = 0;
  for (const [name, width] of widths) {
    known.set(name, Float64Array.from(features.data.subarray(at, at + width)));
    at += width;
  }
  for (const node of afterFeatures(meta)) known.set(node.out, apply(steps, node, { params, known }));
  return new Map(
    Object.entries(meta.outputs).map(([name, tensor]) => {
      const data = Float32Array.from(known.get(tensor)!);
      return [name, { shape: meta.makes?.[name] ?? [data.length], data }];
    }),
  );
}
