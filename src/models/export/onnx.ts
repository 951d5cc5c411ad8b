import { BadInput } from '../../errors.js';
import { checkSize } from '../engines/checks.js';
import { halfResolution } from '../engines/half-resolution.js';
import { graphOf } from '../engines/onnx-graph.js';
import { inHalves } from '../engines/onnx-halves.js';
import { elementType, encodeModel, type OnnxAbout, type OnnxGraph } from '../engines/onnx-proto.js';
import type { NetSpec } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { inBytes, planBytes } from './bytes.js';
import { sampleTensors } from './calibrate.js';
import { withFloatPictures } from './float-pictures.js';

/** Width of the numbers: 32, 16 or 8 bits. */
export type Precision = 'float' | 'half' | 'byte';

/** How a net is written as an ONNX file. */
export interface OnnxExport {
  /** Numbers that the file holds; params that are missing here become inputs of the graph. */
  readonly weights: Weights;
  readonly precision: Precision;
  readonly about?: OnnxAbout;
  /** Pictures as uint8, or as floats in [0, 1]. */
  readonly pictures?: 'bytes' | 'floats';
  /** For pictures of this size alone; of any size unless given. */
  readonly size?: Size;
  /** Full-size layers at half resolution (see docs/performance.md): wants a size, and 32 bits. */
  readonly fast?: boolean;
  /** What `byte` measures its ranges on. */
  readonly calibration?: readonly Pixels[];
  readonly signal?: AbortSignal;
}

const outputs = ['picture'];

/**
 * A TransformNet as an ONNX file: input `content`, output `picture`, both [1, 3, height, width] with sides that are
 * multiples of the net's stride.
 * @throws BadInput when the size does not fit the net, or what is asked for does not go together; Unsupported when
 * there is no ONNX Runtime to calibrate with.
 */
export async function exportTransform(net: NetSpec, options: OnnxExport): Promise<Uint8Array> {
  const { weights, precision, about, pictures = 'bytes', size, fast = false } = options;
  if (fast && (precision !== 'float' || !size))
    throw new BadInput('Layers at half resolution are for 32-bit graphs of one size.');
  if (size) checkSize(net, size);
  const spec = pictures === 'floats' ? withFloatPictures(net) : net;
  const lowered = fast && size ? halfResolution(spec, outputs, size) : undefined;
  const given = { outputs, constants: weights, ...(size ? { size } : {}), ...(lowered ? { lowered } : {}) };
  const graph = graphOf(spec, given);
  if (precision === 'float') return encodeModel(graph, about);
  if (precision === 'half') return encodeModel(inHalves(graph, { pictures: spec.inputs }), about);
  const plan = planBytes(graph);
  // The calibration's pictures may be of any size, and the graph's numbers are the same for all.
  const open = graphOf(spec, { outputs, constants: weights });
  const samples = await sampleTensors(open, plan.watch, options.calibration ?? [], options.signal);
  return encodeModel(inBytes(graph, plan, samples), about);
}

/** The last node of each output gives it the shape that the TransformNet wants. */
function shaped(graph: OnnxGraph, makes: Readonly<Record<string, readonly number[]>>): OnnxGraph {
  const shapes = Object.entries(makes).map(([name, dims]) => ({
    name: `${name}/shape`,
    dims: [dims.length],
    dataType: elementType.int64,
    rawData: new Uint8Array(BigInt64Array.from(dims, BigInt).buffer),
  }));
  return {
    ...graph,
    node: graph.node.map((node) =>
      Object.hasOwn(makes, node.output[0]!) && node.opType === 'Identity'
        ? { ...node, opType: 'Reshape', input: [node.input[0]!, `${node.output[0]}/shape`] }
        : node,
    ),
    initializer: [...graph.initializer, ...shapes],
    output: graph.output.map((output) => ({ ...output, dims: makes[output.name] ?? output.dims })),
  };
}

/**
 * A model's MetaNet as an ONNX file: input `style`, uint8 [1, 3, height, width] (it was trained on 256x256), outputs
 * one tensor for each param of the TransformNet that comes with a style, named and shaped as its inputs are.
 */
export function exportMetaNet(
  { meta, metaWeights }: { readonly meta: NetSpec; readonly metaWeights: Weights },
  { precision, about }: { precision: 'float' | 'half'; about?: OnnxAbout },
): Uint8Array {
  const graph = shaped(graphOf(meta, { constants: metaWeights }), meta.makes ?? {});
  return encodeModel(precision === 'half' ? inHalves(graph, { pictures: meta.inputs }) : graph, about);
}
