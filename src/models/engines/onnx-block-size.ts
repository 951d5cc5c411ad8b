import { transformNet } from '../nets/transform.js';
import type { Size } from '../pixels.js';
import { randomWeights } from '../random-weights.js';
import { type AnyNode, blocked } from './blocked.js';
import { halfResolution } from './half-resolution.js';
import { asWritten, type Lowered } from './lowered.js';
import { onnxGraph } from './onnx-graph.js';
import { attribute, elementType, encodeModel, type OnnxGraph } from './onnx-proto.js';
import { type Runtime, Session } from './onnx-session.js';

/** Widths that the runtime's library is known to have: 8 for vectors of 256 bits, 16 for those of 512. */
const known = [8, 16];
const channels = Math.max(...known);

/** Puts a tensor of two pixels in blocks and shows it as it lies in memory. */
const graph: OnnxGraph = {
  name: 'block-size',
  node: [
    {
      ...{ name: 'blocks', opType: 'ReorderInput', domain: 'com.microsoft.nchwc' },
      ...{ input: ['x'], output: ['y'], attribute: [attribute.int('channels_last', 0)] },
    },
  ],
  initializer: [],
  input: [{ name: 'x', elementType: elementType.float, dims: [1, channels, 1, 2] }],
  output: [{ name: 'y', elementType: elementType.float, dims: [1, channels, 1, 2] }],
};

/**
 * How many channels the runtime's CPU library keeps side by side for its convolutions; undefined where it has no such
 * layout, or paints something else with it. These operators are the runtime's own affair, so they are tried once.
 */
export async function blockSize(runtime: Runtime): Promise<number | undefined> {
  const block = await widthOf(runtime);
  return block && (await paintsAlike(runtime, block)) ? block : undefined;
}

/** The library does not say how wide its blocks are, so a small tensor is put in blocks and looked at. */
async function widthOf(runtime: Runtime): Promise<number | undefined> {
  let session: Session | undefined;
  try {
    session = await Session.open(runtime, 'cpu', 'styler', encodeModel(graph));
    // Number 2c of a plain tensor is the first pixel of channel c, number 2c + 1 the second.
    const x = Float32Array.from({ length: 2 * channels }, (_, i) => i);
    const { y } = await session.run({ x: session.floats(x, [1, channels, 1, 2]) });
    const lies = y!.data as Float32Array;
    return known.find((block) =>
      lies.every((value, i) => {
        const [group, pixel, lane] = [Math.floor(i / (2 * block)), Math.floor(i / block) % 2, i % block];
        return value === 2 * (group * block + lane) + pixel;
      }),
    );
  } catch {
    return undefined;
  } finally {
    await session?.close();
  }
}

const trial: Size = { width: 16, height: 12 };

/** Whether a small net in blocks paints what it paints as it is written, but for rounding. */
async function paintsAlike(runtime: Runtime, block: number): Promise<boolean> {
  const net = transformNet({ base: 8, residuals: 1 });
  const constants = new Map([...randomWeights(net, 'net'), ...randomWeights(net, 'style')]);
  const data = Uint8Array.from({ length: 3 * trial.width * trial.height }, (_, i) => (i * 89) & 255);
  const paint = async (lowered: Lowered<AnyNode>) => {
    const graph = onnxGraph(net, { outputs: ['picture'], constants, size: trial, lowered });
    const session = await Session.open(runtime, 'cpu', 'painter', graph);
    try {
      const made = await session.run({ [net.inputs[0]!]: session.bytes({ ...trial, data }) });
      return made.picture!.data as Uint8Array;
    } finally {
      await session.close();
    }
  };
  const written = asWritten(net, ['picture'], trial);
  try {
    const truth = await paint(written);
    const lowered = blocked(halfResolution(net, ['picture'], trial) ?? written, block);
    return (
      lowered !== undefined && (await paint(lowered)).every((byte, i) => Math.abs(byte - truth[i]!) <= 2)
    );
  } catch {
    return false;
  }
}
