import { BadInput } from '../../errors.js';
import { apply, type NetSpec, nodesFor } from '../net.js';
import type { Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import type { AnyNode } from './block-ops.js';
import type { Lowered } from './lowered.js';
import { applyBlock, isBlockNode } from './onnx-blocks.js';
import { applyCell, isCellNode } from './onnx-cells.js';
import { onnxOps } from './onnx-ops.js';
import { elementType, encodeModel, type OnnxGraph } from './onnx-proto.js';
import { GraphWriter } from './onnx-writer.js';
import { leastSide, shapesOf } from './shapes.js';

/** What a graph is to hold, besides the net. */
export interface GraphOptions {
  /** Which of the net's outputs the graph yields; all unless named. Nodes that only others need are left out. */
  readonly outputs?: readonly string[];
  /** Params whose numbers the graph holds as constants. All others are inputs of the graph. */
  readonly constants: Weights;
  /** Size of the pictures, if it is always the same. */
  readonly size?: Size;
  /** Whether it takes several pictures at a time. */
  readonly batches?: boolean;
  /** The net for the same outputs and size, rewritten; constants are folded here, inputs by whoever feeds them. */
  readonly lowered?: Lowered<AnyNode>;
}

const any: Size = { width: 0, height: 0 };

/**
 * A net as a graph of ONNX. Inputs are pictures [1, 3, height, width], uint8 where the net takes bytes,
 * then the params that are not constants; outputs go by the net's own names for them.
 * @throws BadInput when an output is asked for that the net does not have, or when the size does not fit the net.
 */
export function graphOf(
  net: NetSpec,
  { outputs, constants, size = any, lowered, batches }: GraphOptions,
): OnnxGraph {
  const wanted = outputs ?? Object.keys(net.outputs);
  for (const name of wanted)
    if (!Object.hasOwn(net.outputs, name)) throw new BadInput(`The net ${net.name} has no output ${name}.`);
  const least = leastSide(net);
  const fixed = size !== any;
  const shapes = shapesOf(net, fixed ? size : { width: least, height: least });
  const graph = lowered
    ? new GraphWriter(lowered.params, lowered.shapes, lowered.fold(constants))
    : new GraphWriter(net.params, shapes, constants);

  const nodes = nodesFor(net, wanted);
  for (const node of lowered?.nodes ?? nodes)
    if (isBlockNode(node)) applyBlock(node, graph);
    else if (isCellNode(node)) applyCell(node, graph);
    else apply(onnxOps, node, graph);

  const reads = (name: string) => nodes.some((node) => node.op === 'fromRgb8' && node.in === name);
  const count = batches ? 'pictures' : 1;
  const bytes = new Set(nodes.filter((node) => node.op === 'toRgb8').map((node) => node.out));
  const pictures = net.inputs.map((name) => ({
    name,
    elementType: reads(name) ? elementType.uint8 : elementType.float,
    dims: [count, 3, fixed ? size.height : 'height', fixed ? size.width : 'width'],
  }));
  const yields = wanted.map((name) => {
    const tensor = net.outputs[name]!;
    graph.node('Identity', [lowered?.outputs[name] ?? tensor], name);
    const shape = shapes.get(tensor)!;
    return {
      name,
      elementType: bytes.has(tensor) ? elementType.uint8 : elementType.float,
      dims: [
        count,
        ...shape.map((side, i) => (i === 0 || fixed ? side : `${name}/${i === 1 ? 'height' : 'width'}`)),
      ],
    };
  });
  return {
    name: net.name,
    node: graph.nodes,
    initializer: [...graph.initializers.values()],
    input: [...pictures, ...graph.inputs.values()],
    output: yields,
  };
}

/** A net as the bytes of an ONNX file. @throws as `graphOf`. */
export const onnxGraph = (net: NetSpec, options: GraphOptions): Uint8Array =>
  encodeModel(graphOf(net, options));
