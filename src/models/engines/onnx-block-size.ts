import { NetBuilder, type NetSpec } from '../net.js';
import type { Size } from '../pixels.js';
import { randomWeights } from '../random-weights.js';
import type { AnyNode } from './block-ops.js';
import { blocked } from './blocked.js';
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

/** Each kind of layer of a TransformNet once, the inner one as wide as those of large nets. */
function trialNet(): NetSpec {
  const net = new NetBuilder();
  const normed = (x: string, name: string, ends: { in: number; out: number; size: number }, stride = 1) =>
    net.push('instanceNorm', { in: net.conv(x, name, ends, { stride }), epsilon: 1e-5 });
  const bytes = net.push('fromRgb8', { in: 'content' });
  const first = net.push('relu', { in: normed(bytes, 'first', { in: 3, out: 8, size: 9 }) });
  const down = net.push('relu', { in: normed(first, 'down', { in: 8, out: 64, size: 3 }, 2) });
  const sum = net.push('add', { in: down, with: normed(down, 'inner', { in: 64, out: 64, size: 3 }) });
  const large = net.push('upsample', { in: sum, scale: 2 });
  const up = net.push('relu', { in: normed(large, 'up', { in: 64, out: 8, size: 3 }) });
  const last = net.conv(up, 'last', { in: 8, out: 3, size: 9 }, { bias: net.param('last.bias', [3]) });
  const picture = net.push('toRgb8', { in: net.push('sigmoid', { in: last }) });
  return net.build({ name: 'trial', inputs: ['content'], outputs: { picture }, stride: 2 });
}

/** Whether a small net in blocks paints what it paints as it is written, but for rounding. */
async function paintsAlike(runtime: Runtime, block: number): Promise<boolean> {
  const net = trialNet();
  const constants = randomWeights(net, 'net');
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
