import type { NodeOf, OpTable } from '../net.js';
import { flag, integers, type TfWriter, type } from './tfjs-graph.js';

/** Where a net's tensor names become names of a GraphDef, and what is known of its sizes. */
export interface TfScope {
  readonly graph: TfWriter;
  /** Whether the picture's size is fixed: [height, width] of each tensor by name. */
  readonly sides: ((name: string) => readonly [number, number]) | undefined;
}

const floats = type('DT_FLOAT');
const whole = type('DT_INT32');
const nhwc = { data_format: { s: Buffer.from('NHWC').toString('base64') } };
const same = { padding: { s: Buffer.from('VALID').toString('base64') } };

/** Reflection or zeros around the picture. */
function padded(node: NodeOf<'conv'>, { graph }: TfScope): string {
  const { pad, padMode, out } = node;
  if (pad === 0) return node.in;
  const margins = graph.integers([0, 0, pad, pad, pad, pad, 0, 0], 2);
  const attr = { T: floats, Tpaddings: whole };
  return padMode === 'reflect'
    ? graph.node('MirrorPad', [node.in, margins], `${out}/padded`, {
        ...attr,
        mode: { s: Buffer.from('reflect').toString('base64') },
      })
    : graph.node('Pad', [node.in, margins], `${out}/padded`, attr);
}

/** Mean over rows and columns, [N,1,1,C]. */
const mean = (graph: TfWriter, x: string, out: string) =>
  graph.node('Mean', [x, graph.integers([1, 2])], out, { T: floats, Tidx: whole, keep_dims: flag(true) });

/** Mean and variance of each channel of each picture. */
function moments(graph: TfWriter, x: string, out: string): { mean: string; variance: string } {
  const middle = mean(graph, x, `${out}/mean`);
  const squares = graph.node('SquaredDifference', [x, middle], `${out}/squares`);
  return { mean: middle, variance: mean(graph, squares, `${out}/variance`) };
}

/** The size of a tensor times a whole number, as the graph finds it when it runs. */
function grownSize(graph: TfWriter, x: string, scale: number, out: string): string {
  const sizes = graph.node('Shape', [x], `${out}/shape`, { T: floats, out_type: whole });
  const ends = [[1], [3], [1]].map((values) => graph.integers(values));
  const sides = graph.node('StridedSlice', [sizes, ...ends], `${out}/sides`, { T: whole, Index: whole });
  return graph.node('Mul', [sides, graph.integers([scale])], `${out}/size`, { T: whole });
}

/** Each op as nodes of TensorFlow, pictures NHWC. */
export const tfjsOps: OpTable<[scope: TfScope], unknown> = {
  fromRgb8: (node, { graph }) => {
    const cast = graph.node('Cast', [node.in], `${node.out}/cast`, { SrcT: whole, DstT: floats });
    graph.node('Mul', [cast, graph.number(1 / 255)], node.out);
  },
  toRgb8: (node, { graph }) => {
    const part = (name: string) => `${node.out}/${name}`;
    const scaled = graph.node('Mul', [node.in, graph.number(255)], part('scaled'));
    const rounded = graph.node('Round', [scaled], part('rounded'));
    const clipped = graph.node('ClipByValue', [rounded, graph.number(0), graph.number(255)], part('clipped'));
    graph.node('Cast', [clipped], node.out, { SrcT: floats, DstT: whole });
  },
  conv: (node, scope) => {
    const { graph } = scope;
    const filter = graph.param(node.weight);
    const attr = {
      T: floats,
      ...nhwc,
      ...same,
      strides: integers([1, node.stride, node.stride, 1]),
      dilations: integers([1, 1, 1, 1]),
    };
    const inputs = [padded(node, scope), filter];
    if (!node.bias) return graph.node('Conv2D', inputs, node.out, attr);
    const sums = graph.node('Conv2D', inputs, `${node.out}/sums`, attr);
    return graph.node('AddV2', [sums, graph.param(node.bias)], node.out);
  },
  instanceNorm: (node, { graph }) => {
    const part = (name: string) => `${node.out}/${name}`;
    const { mean: middle, variance } = moments(graph, node.in, node.out);
    const raised = graph.node('AddV2', [variance, graph.number(node.epsilon)], part('raised'));
    const inverse = graph.node('Rsqrt', [raised], part('inverse'));
    const factor = node.scale
      ? graph.node('Mul', [inverse, graph.param(node.scale)], part('factor'))
      : inverse;
    const centred = graph.node('Sub', [node.in, middle], part('centred'));
    const scaled = graph.node('Mul', [centred, factor], node.shift ? part('normed') : node.out);
    if (node.shift) graph.node('AddV2', [scaled, graph.param(node.shift)], node.out);
  },
  relu: (node, { graph }) => graph.node('Relu', [node.in], node.out),
  tanh: (node, { graph }) => graph.node('Tanh', [node.in], node.out),
  sigmoid: (node, { graph }) => graph.node('Sigmoid', [node.in], node.out),
  affine: (node, { graph }) => {
    const scaled = graph.node('Mul', [node.in, graph.number(node.scale)], `${node.out}/scaled`);
    graph.node('AddV2', [scaled, graph.number(node.shift)], node.out);
  },
  upsample: (node, { graph, sides }) => {
    const size = sides
      ? graph.integers(sides(node.in).map((side) => side * node.scale))
      : grownSize(graph, node.in, node.scale, node.out);
    graph.node('ResizeNearestNeighbor', [node.in, size], node.out, {
      T: floats,
      align_corners: flag(false),
      half_pixel_centers: flag(false),
    });
  },
  add: (node, { graph }) => graph.node('AddV2', [node.in, node.with], node.out),
  concat: (node, { graph }) =>
    graph.node('ConcatV2', [...node.ins, graph.integers([-1])], node.out, {
      T: floats,
      N: { i: String(node.ins.length) },
      Tidx: whole,
    }),
  pool: (node, { graph }) => {
    const window = integers([1, node.size, node.size, 1]);
    const attr = { T: floats, ...nhwc, ...same, ksize: window, strides: window };
    graph.node(node.kind === 'max' ? 'MaxPool' : 'AvgPool', [node.in], node.out, attr);
  },
  meanStd: (node, { graph }) => {
    const { mean: middle, variance } = moments(graph, node.in, node.out);
    const raised = graph.node('AddV2', [variance, graph.number(node.epsilon)], `${node.out}/raised`);
    const deviation = graph.node('Sqrt', [raised], `${node.out}/deviation`);
    const joined = graph.node('ConcatV2', [middle, deviation, graph.integers([-1])], `${node.out}/joined`, {
      T: floats,
      N: { i: '2' },
      Tidx: whole,
    });
    graph.node('Squeeze', [joined], node.out, { T: floats, squeeze_dims: integers([1, 2]) });
  },
  dense: (node, { graph }) => {
    const attr = { T: floats, transpose_a: flag(false), transpose_b: flag(true) };
    const inputs = [node.in, graph.param(node.weight)];
    const sums = graph.node('MatMul', inputs, node.bias ? `${node.out}/sums` : node.out, attr);
    if (node.bias) graph.node('AddV2', [sums, graph.param(node.bias)], node.out);
  },
  slice: (node, { graph }) =>
    graph.node(
      'Slice',
      [node.in, graph.integers([0, node.from]), graph.integers([-1, node.to - node.from])],
      node.out,
      { T: floats, Index: whole },
    ),
  dropout: (node, { graph }) => graph.node('Identity', [node.in], node.out),
};
