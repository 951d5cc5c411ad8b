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
 * layout. It does not say, so a small tensor is put in blocks and looked at.
 */
export async function blockSize(runtime: Runtime): Promise<number | undefined> {
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
