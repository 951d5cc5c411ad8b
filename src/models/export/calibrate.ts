import { BadInput } from '../../errors.js';
import { elementType, encodeModel, type OnnxGraph } from '../engines/onnx-proto.js';
import { loadRuntime, Session } from '../engines/onnx-session.js';
import type { Pixels } from '../pixels.js';

/** Numbers seen in a tensor [1, channels, height, width], apart by channel. */
export type Samples = readonly Float32Array[];

/** Numbers kept per channel and picture. */
const KEPT = 400;

/** Evenly spread numbers of one channel; the step shares no factor with usual widths, so that columns take turns. */
function some(plane: Float32Array): Float32Array {
  const step = Math.max(1, Math.floor(plane.length / KEPT)) | 1;
  return Float32Array.from({ length: Math.ceil(plane.length / step) }, (_, i) => plane[i * step]!);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A graph that yields tensors of its inside as well. */
const watched = (graph: OnnxGraph, names: readonly string[]): OnnxGraph => ({
  ...graph,
  output: [
    ...graph.output,
    ...names.map((name) => ({
      name,
      elementType: elementType.float,
      dims: ['n', 'c', 'h', 'w'].map((side) => `${name}/${side}`),
    })),
  ],
});

/**
 * Paints pictures with a graph and keeps some of the numbers that stand in its tensors `names`, each of four axes.
 * @throws BadInput without pictures, Unsupported without ONNX Runtime.
 */
export async function sampleTensors(
  graph: OnnxGraph,
  names: readonly string[],
  pictures: readonly Pixels[],
  signal?: AbortSignal,
): Promise<Map<string, Samples>> {
  if (pictures.length === 0) throw new BadInput('There are no pictures to calibrate with.');
  const floats = graph.input[0]!.elementType === elementType.float;
  const session = await Session.open(
    await loadRuntime('cpu'),
    'cpu',
    'painter',
    encodeModel(watched(graph, names)),
  );
  const kept = new Map<string, Float32Array[][]>(names.map((name) => [name, []]));
  try {
    for (const picture of pictures) {
      signal?.throwIfAborted();
      const input = floats ? session.floatPicture(picture) : session.bytes(picture);
      const seen = await session.run({ [graph.input[0]!.name]: input });
      for (const name of names) {
        const { data, dims } = seen[name]! as { data: Float32Array; dims: readonly number[] };
        const area = dims[2]! * dims[3]!;
        const planes = Array.from({ length: dims[1]! }, (_, c) =>
          some(data.subarray(c * area, (c + 1) * area)),
        );
        kept.get(name)!.push(planes);
      }
    }
  } finally {
    await session.close();
  }
  return new Map(
    [...kept].map(([name, runs]) => [
      name,
      runs[0]!.map((_, channel) => joined(runs.map((run) => run[channel]!))),
    ]),
  );
}
