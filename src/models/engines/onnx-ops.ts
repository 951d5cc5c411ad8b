import type { NodeOf, OpTable } from '../net.js';
import { attribute, elementType } from './onnx-proto.js';
import type { GraphWriter } from './onnx-writer.js';

const { int, float, text, ints } = attribute;
const optional = (graph: GraphWriter, name: string | undefined) => (name ? [graph.param(name)] : []);

/** Scale and shift of an instance norm, which ONNX does not let out. */
export function normParams(
  { scale, shift }: Pick<NodeOf<'instanceNorm'>, 'scale' | 'shift'>,
  channels: number,
  graph: GraphWriter,
): string[] {
  const fill = (value: number) =>
    graph.floats(`${channels} times ${value}`, [channels], new Float32Array(channels).fill(value));
  return [scale ? graph.param(scale) : fill(1), shift ? graph.param(shift) : fill(0)];
}

/** Mean of each channel, [N,C,1,1]. */
const channelMean = (graph: GraphWriter, x: string, out: string) => graph.node('GlobalAveragePool', [x], out);

/** Each op as nodes of ONNX. */
export const onnxOps: OpTable<[graph: GraphWriter], unknown> = {
  fromRgb8: (node, graph) => {
    const floats = graph.node('Cast', [node.in], `${node.out}/cast`, [int('to', elementType.float)]);
    graph.node('Mul', [floats, graph.number(1 / 255)], node.out);
  },
  toRgb8: (node, graph) => {
    const scaled = graph.node('Mul', [node.in, graph.number(255)], `${node.out}/scaled`);
    const rounded = graph.node('Round', [scaled], `${node.out}/rounded`);
    const clipped = graph.node('Clip', [rounded, graph.number(0), graph.number(255)], `${node.out}/clipped`);
    graph.node('Cast', [clipped], node.out, [int('to', elementType.uint8)]);
  },
  conv: (node, graph) => {
    const { pad, stride } = node;
    const [, , height, width] = graph.params[node.weight]!.shape as [number, number, number, number];
    const reflect = pad > 0 && node.padMode === 'reflect';
    const margins = () => graph.integers([0, 0, pad, pad, 0, 0, pad, pad]);
    const x = reflect
      ? graph.node('Pad', [node.in, margins()], `${node.out}/padded`, [text('mode', 'reflect')])
      : node.in;
    graph.node('Conv', [x, graph.param(node.weight), ...optional(graph, node.bias)], node.out, [
      ints('kernel_shape', [height, width]),
      ints('strides', [stride, stride]),
      ints('pads', reflect ? [0, 0, 0, 0] : [pad, pad, pad, pad]),
    ]);
  },
  instanceNorm: (node, graph) => {
    const params = normParams(node, graph.shapes.get(node.in)![0]!, graph);
    graph.node('InstanceNormalization', [node.in, ...params], node.out, [float('epsilon', node.epsilon)]);
  },
  relu: (node, graph) => graph.node('Relu', [node.in], node.out),
  tanh: (node, graph) => graph.node('Tanh', [node.in], node.out),
  sigmoid: (node, graph) => graph.node('Sigmoid', [node.in], node.out),
  affine: (node, graph) => {
    const scaled = graph.node('Mul', [node.in, graph.number(node.scale)], `${node.out}/scaled`);
    graph.node('Add', [scaled, graph.number(node.shift)], node.out);
  },
  upsample: (node, graph) => {
    const { scale } = node;
    const scales = graph.floats(`scales ${scale}`, [4], Float32Array.of(1, 1, scale, scale));
    graph.node('Resize', [node.in, '', scales], node.out, [
      text('mode', 'nearest'),
      text('coordinate_transformation_mode', 'asymmetric'),
      text('nearest_mode', 'floor'),
    ]);
  },
  add: (node, graph) => graph.node('Add', [node.in, node.with], node.out),
  concat: (node, graph) => graph.node('Concat', [...node.ins], node.out, [int('axis', 1)]),
  pool: (node, graph) =>
    graph.node(node.kind === 'max' ? 'MaxPool' : 'AveragePool', [node.in], node.out, [
      ints('kernel_shape', [node.size, node.size]),
      ints('strides', [node.size, node.size]),
    ]),
  meanStd: (node, graph) => {
    const part = (name: string) => `${node.out}/${name}`;
    const mean = channelMean(graph, node.in, part('mean'));
    const centred = graph.node('Sub', [node.in, mean], part('centred'));
    const squares = graph.node('Mul', [centred, centred], part('squares'));
    const variance = channelMean(graph, squares, part('variance'));
    const raised = graph.node('Add', [variance, graph.number(node.epsilon)], part('raised'));
    const deviation = graph.node('Sqrt', [raised], part('deviation'));
    const joined = graph.node('Concat', [mean, deviation], part('joined'), [int('axis', 1)]);
    graph.node('Flatten', [joined], node.out, [int('axis', 1)]);
  },
  dense: (node, graph) =>
    graph.node('Gemm', [node.in, graph.param(node.weight), ...optional(graph, node.bias)], node.out, [
      int('transB', 1),
    ]),
  slice: (node, graph) =>
    graph.node(
      'Slice',
      [node.in, graph.integers([node.from]), graph.integers([node.to]), graph.integers([1])],
      node.out,
    ),
  dropout: (node, graph) => graph.node('Identity', [node.in], node.out),
};
