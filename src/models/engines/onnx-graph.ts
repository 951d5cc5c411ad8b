import { BadInput } from '../../errors.js';
import { apply, type NetSpec, nodesFor, type OpTable } from '../net.js';
import type { Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import {
  attribute,
  elementType,
  encodeModel,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './onnx-proto.js';
import { leastSide, type Shape, shapesOf } from './shapes.js';

export interface GraphOptions {
  /** Which of the net's outputs the graph yields; all unless named. Nodes that only others need are left out. */
  readonly outputs?: readonly string[];
  /** Params whose numbers the graph holds as constants. All others are inputs of the graph. */
  readonly constants: Weights;
  /** Size of the pictures, if it is always the same. */
  readonly size?: Size;
}

/** Collects the parts of an ONNX graph. Every method returns the name of the tensor it adds. */
class GraphWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  readonly inputs = new Map<string, OnnxValue>();

  constructor(
    readonly net: NetSpec,
    readonly shapes: ReadonlyMap<string, Shape>,
    readonly constants: Weights,
  ) {}

  node(opType: string, input: string[], out: string, attributes: OnnxAttribute[] = []): string {
    this.nodes.push({ name: out, opType, input, output: [out], attribute: attributes });
    return out;
  }

  floats(name: string, dims: readonly number[], data: Float32Array): string {
    return this.#initializer(name, dims, elementType.float, data);
  }

  /** A float that stands for itself wherever the graph needs it. */
  number(value: number): string {
    return this.floats(`number ${value}`, [], Float32Array.of(value));
  }

  integers(values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.#initializer(`integers ${values.join()}`, [values.length], elementType.int64, data);
  }

  /** A param of the net: a constant if its numbers are given, else an input. */
  param(name: string): string {
    const { shape } = this.net.params[name]!;
    const constant = this.constants.get(name);
    if (constant) return this.floats(name, shape, constant.data);
    this.inputs.set(name, { name, elementType: elementType.float, dims: shape });
    return name;
  }

  #initializer(name: string, dims: readonly number[], dataType: number, data: ArrayBufferView): string {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.set(name, { name, dims, dataType, rawData });
    return name;
  }
}

const { int, float, text, ints } = attribute;
const optional = (graph: GraphWriter, name: string | undefined) => (name ? [graph.param(name)] : []);

/** Mean of each channel, [N,C,1,1]. */
const channelMean = (graph: GraphWriter, x: string, out: string) => graph.node('GlobalAveragePool', [x], out);

const steps: OpTable<[graph: GraphWriter], unknown> = {
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
    const [, , height, width] = graph.net.params[node.weight]!.shape as [number, number, number, number];
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
    const channels = graph.shapes.get(node.in)![0]!;
    const fill = (value: number) =>
      graph.floats(`${channels} times ${value}`, [channels], new Float32Array(channels).fill(value));
    const scale = node.scale ? graph.param(node.scale) : fill(1);
    const shift = node.shift ? graph.param(node.shift) : fill(0);
    graph.node('InstanceNormalization', [node.in, scale, shift], node.out, [float('epsilon', node.epsilon)]);
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

const any: Size = { width: 0, height: 0 };

/**
 * A net as the bytes of an ONNX file. Inputs are pictures [1, 3, height, width], uint8 where the net takes bytes,
 * then the params that are not constants; outputs go by the net's own names for them.
 * @throws BadInput when an output is asked for that the net does not have, or when the size does not fit the net.
 */
export function onnxGraph(net: NetSpec, { outputs, constants, size = any }: GraphOptions): Uint8Array {
  const wanted = outputs ?? Object.keys(net.outputs);
  for (const name of wanted)
    if (!Object.hasOwn(net.outputs, name)) throw new BadInput(`The net ${net.name} has no output ${name}.`);
  const least = leastSide(net);
  const fixed = size !== any;
  const shapes = shapesOf(net, fixed ? size : { width: least, height: least });
  const graph = new GraphWriter(net, shapes, constants);

  const nodes = nodesFor(net, wanted);
  for (const node of nodes) apply(steps, node, graph);

  const reads = (name: string) => nodes.some((node) => node.op === 'fromRgb8' && node.in === name);
  const bytes = new Set(nodes.filter((node) => node.op === 'toRgb8').map((node) => node.out));
  const pictures = net.inputs.map((name) => ({
    name,
    elementType: reads(name) ? elementType.uint8 : elementType.float,
    dims: [1, 3, fixed ? size.height : 'height', fixed ? size.width : 'width'],
  }));
  const yields = wanted.map((name) => {
    const tensor = net.outputs[name]!;
    graph.node('Identity', [tensor], name);
    const shape = shapes.get(tensor)!;
    return {
      name,
      elementType: bytes.has(tensor) ? elementType.uint8 : elementType.float,
      dims: [
        1,
        ...shape.map((side, i) => (i === 0 || fixed ? side : `${name}/${i === 1 ? 'height' : 'width'}`)),
      ],
    };
  });
  return encodeModel({
    name: net.name,
    node: graph.nodes,
    initializer: [...graph.initializers.values()],
    input: [...pictures, ...graph.inputs.values()],
    output: yields,
  });
}
