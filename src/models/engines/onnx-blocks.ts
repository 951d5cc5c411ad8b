import type { BlockNode, BlockNodeOf, BlockOps } from './block-ops.js';
import { type Order, phaseCount } from './blocks.js';
import { type ConvShape, conv, domain } from './onnx-block-conv.js';
import { meanOf, moments } from './onnx-block-moments.js';
import { type Bordered, padBlocks, padEvenly } from './onnx-block-pads.js';
import { convByMixtures } from './onnx-block-winograd.js';
import { byteScale, padCells } from './onnx-cells.js';
import { attribute } from './onnx-proto.js';
import type { GraphWriter } from './onnx-writer.js';
import { type Phases, phaseAt, plain } from './phases.js';

const { int, text, ints } = attribute;

/** The input of a convolution with its border; a plain one does not tell its sides. */
function padded(
  { in: input, block, conv: node, from }: BlockNodeOf<'blockConv'>,
  graph: GraphWriter,
  out: string,
): Bordered | { readonly x: string } {
  if (node.op === 'cellConv') {
    const { folding } = node;
    if (from)
      return padBlocks(graph, { name: input, block, order: from, phases: folding.from }, folding, out);
    const x = padCells(graph, input, folding, out);
    return { x: node.bytes ? graph.node('DequantizeLinear', [x, byteScale(graph)], `${out}/floats`) : x };
  }
  const { pad, padMode } = node;
  const [, height, width] = graph.shapes.get(input)! as [number, number, number];
  if (pad === 0 || padMode === 'zero') return { x: input, height, width };
  if (from) return padEvenly(graph, { name: input, block }, [pad, pad, pad, pad], 'reflect', out);
  const margins = graph.integers([0, 0, pad, pad, 0, 0, pad, pad]);
  return { x: graph.node('Pad', [input, margins], out, [text('mode', 'reflect')]) };
}

/** [channels, channels] that averages over the channels that are phases of one, times `factor`. */
function together(graph: GraphWriter, order: Order, each: number, factor: number): string {
  const own = order.map((channel) => Math.floor(channel / each));
  const matrix = own.flatMap((a) => own.map((b) => (a === b ? factor / each : 0)));
  const name = `together ${order.join()} by ${each} times ${factor}`;
  return graph.floats(name, [order.length, order.length], Float32Array.from(matrix));
}

/**
 * What moves each channel of a convolution's output to about zero, as its bias: the mean of its middle row is taken
 * away. One row of H cannot be further from the mean of all than sqrt(H) deviations, so the variance that follows from
 * the mean of the squares keeps its digits even where little contrast stands on much light.
 */
function level(
  graph: GraphWriter,
  { out, block, conv: plain, from, order }: BlockNodeOf<'blockConv'>,
  input: ReturnType<typeof padded>,
  params: readonly string[],
  shape: ConvShape,
): string {
  const [channels, height, width] = graph.shapes.get(out)! as [number, number, number];
  const part = (name: string) => `${out}/level/${name}`;
  const rows = shape.kernel[0]!;
  const first = Math.floor(height / 2) * shape.strides[0]!;
  const slice = (x: string, axis: number, name: string) =>
    graph.node('Slice', [x, ...[[first], [first + rows], [axis]].map((n) => graph.integers(n))], part(name));
  const blocks = ({ x, height, width }: Bordered) => {
    const view = graph.reshape(x, [from!.length / block, height, width * block], part('view'));
    return graph.reshape(slice(view, 1, 'middle'), [1, from!.length, rows, width], part('rows'));
  };
  const middle = from && 'width' in input ? blocks(input) : slice(input.x, 2, 'rows');
  const row = conv(graph, [middle, ...params], part('row'), shape);
  const flat = meanOf(graph, row, [channels, width, block], part('mean'));
  const each = plain.op === 'cellConv' ? phaseCount(plain.folding.to) : 1;
  const joined =
    each > 1 ? graph.node('MatMul', [flat, together(graph, order, each, 1)], part('joined')) : flat;
  const level = graph.reshape(joined, [channels], part('level'));
  return params[1]
    ? graph.node('Sub', [params[1], level], part('bias'))
    : graph.node('Neg', [level], part('bias'));
}

/** At which corner of its cells each channel's numbers stand. */
const cornersOf = (order: Order, norm: BlockNodeOf<'blockNorm'>['norm']): Phases[] =>
  order.map((channel) => phaseAt(channel, norm.op === 'cellNorm' ? norm.phases : plain));

/** [channels / block, 2, 2, block]: 1 at each channel's own corner, so that a filter takes its numbers from there. */
function atCorners(graph: GraphWriter, corners: readonly Phases[], block: number): string {
  const blocks = Array.from({ length: corners.length / block }, (_, i) =>
    corners.slice(i * block, (i + 1) * block),
  );
  const values = blocks.flatMap((lanes) =>
    [0, 1, 2, 3].flatMap((k) => lanes.map(({ y, x }) => (y === k >> 1 && x === (k & 1) ? 1 : 0))),
  );
  const name = `corners ${corners.map(({ y, x }) => 2 * y + x).join('')}`;
  return graph.floats(name, [blocks.length, 2, 2, block], Float32Array.from(values));
}

type BlockTable = {
  readonly [K in keyof BlockOps]: (node: BlockNodeOf<K>, graph: GraphWriter) => unknown;
};

const steps: BlockTable = {
  toBlocks: ({ in: input, out }, graph) => graph.node('ReorderInput', [input], out, [], domain),

  fromBlocks: ({ in: input, out, order, channels }, graph) => {
    const straight = order.every((channel, i) => channel < 0 || channel === i);
    const name = straight ? out : `${out}/order`;
    graph.node('ReorderOutput', [input], name, [int('channels', channels)], domain);
    const places = Array.from({ length: channels }, (_, channel) => order.indexOf(channel));
    if (!straight) graph.node('Gather', [name, graph.integers(places)], out, [int('axis', 1)]);
  },

  blockConv: (node, graph) => {
    const { out, conv: plain, activation, levelled } = node;
    const input = padded(node, graph, `${out}/padded`);
    const [weight, bias] = [graph.param(plain.weight), plain.bias && graph.param(plain.bias)];
    const shape = {
      kernel: graph.params[plain.weight]!.shape.slice(2),
      strides:
        plain.op === 'cellConv' ? [plain.rows.stride, plain.columns.stride] : [plain.stride, plain.stride],
      pads: new Array<number>(4).fill(plain.op === 'conv' && plain.padMode === 'zero' ? plain.pad : 0),
      activation,
    };
    const params = [weight, ...(bias ? [bias] : [])];
    const rest = levelled ? [weight, level(graph, node, input, params, shape)] : params;
    return conv(graph, [input.x, ...rest], out, shape);
  },

  mixedBlockConv: convByMixtures,
  /**
   * Scale and shift are made from the moments; both are then one convolution of a channel with one number, or where it
   * is of corners with four of which one is that number, which puts the phases back in their cells.
   */
  blockNorm: ({ in: input, block, out, norm, order, activation, sum, corners }, graph) => {
    const [channels] = graph.shapes.get(input)! as [number, number, number];
    const [, , width] = graph.shapes.get(out)! as [number, number, number];
    const part = (name: string) => `${out}/${name}`;
    const each = norm.op === 'cellNorm' ? phaseCount(norm.phases) : 1;
    const own = corners ? cornersOf(order, norm) : undefined;
    const apart = moments(graph, input, { block, corners: own }, part('moments'));
    const joined = (x: string, factor: number, name: string) =>
      graph.node('MatMul', [x, together(graph, order, each, factor)], part(name));
    const average = each > 1 ? joined(apart.mean, 1, 'mean') : apart.mean;
    const squares =
      each > 1
        ? joined(apart.squares, 1 / width, 'squares')
        : graph.node('Mul', [apart.squares, graph.number(1 / width)], part('squares'));
    const squared = graph.node('Mul', [average, average], part('squared'));
    const difference = graph.node('Sub', [squares, squared], part('difference'));
    const variance = graph.node('Relu', [difference], part('variance'));
    const raised = graph.node('Add', [variance, graph.number(norm.epsilon)], part('raised'));
    const inverse = graph.node('Pow', [raised, graph.number(-0.5)], part('inverse'));
    const scale = norm.scale ? graph.node('Mul', [inverse, graph.param(norm.scale)], part('scale')) : inverse;
    const moved = graph.node('Mul', [average, scale], part('moved'));
    const shift = norm.shift
      ? graph.node('Sub', [graph.param(norm.shift), moved], part('shift'))
      : graph.node('Neg', [moved], part('shift'));
    const factors = graph.reshape(scale, [channels / block, 1, 1, block], part('factors'));
    const filters = own
      ? graph.node('Mul', [factors, atCorners(graph, own, block)], part('filters/blocks'))
      : factors;
    const kernel = own ? [2, 2] : [1, 1];
    const shaped = graph.reshape(filters, [channels, 1, ...kernel], part('filters'));
    const biases = graph.reshape(shift, [channels], part('biases'));
    const inputs = [input, shaped, biases, ...(sum ? [sum] : [])];
    conv(graph, inputs, out, { kernel, strides: [1, 1], group: channels, activation });
  },

  blockUnfold: ({ in: input, out, phases: { y, x }, block }, graph) => {
    const [count, height, width] = graph.shapes.get(input)! as [number, number, number];
    const channels = count / x / y;
    const cells = graph.reshape(input, [x, y, channels / block, height, width, block], `${out}/cells`);
    const moved = graph.node('Transpose', [cells], `${out}/moved`, [ints('perm', [2, 3, 1, 4, 0, 5])]);
    graph.reshape(moved, [1, channels, height * y, width * x], out);
  },
};

/** Adds an op on blocks to a graph. */
export function applyBlock(node: BlockNode, graph: GraphWriter): void {
  (steps[node.op] as (node: BlockNode, graph: GraphWriter) => unknown)(node, graph);
}

export const isBlockNode = (node: { readonly op: string }): node is BlockNode => node.op in steps;
