import { availableParallelism } from 'node:os';
import { Unsupported } from '../../errors.js';
import { onnxGraph } from '../../models/engines/onnx-graph.js';
import { elementType, encodeModel } from '../../models/engines/onnx-proto.js';
import { silenceTelemetry } from '../../models/engines/telemetry.js';
import { productFlops } from './arithmetic.js';
import type { Rival } from './contenders.js';

/** Of a processor, this is what keeps all its cores busy and its caches warm. */
const PRODUCT_SIDE = 1024;

type Runtime = typeof import('onnxruntime-node');

/** Its own choice counts physical cores, which is 1 on a small virtual machine. */
const options = () => ({
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all' as const,
  intraOpNumThreads: Math.min(16, availableParallelism()),
  logSeverityLevel: 3 as const,
});

/** A graph that multiplies a square input by a constant matrix, so that the runtime may lay that out as it likes. */
function productGraph(side: number, constant: Float32Array): Uint8Array {
  const dims = [side, side];
  const rawData = new Uint8Array(constant.buffer);
  return encodeModel({
    name: 'product',
    node: [{ name: 'c', opType: 'MatMul', input: ['a', 'b'], output: ['c'], attribute: [] }],
    initializer: [{ name: 'b', dims, dataType: elementType.float, rawData }],
    input: [{ name: 'a', elementType: elementType.float, dims }],
    output: [{ name: 'c', elementType: elementType.float, dims }],
  });
}

async function load(): Promise<Runtime> {
  try {
    silenceTelemetry();
    return await import('onnxruntime-node');
  } catch (cause) {
    throw new Unsupported('ONNX Runtime does not load on this machine.', {
      hint: 'Leave it out with --against none.',
      cause,
    });
  }
}

/**
 * ONNX Runtime as anyone would use it: the net as it is written, all weights constants, every optimisation of its
 * own. Also the dense product, with the same threads. @throws Unsupported
 */
export async function openOnnxRuntime(): Promise<Rival> {
  const runtime = await load();
  const { InferenceSession, Tensor } = runtime;
  const name = 'onnxruntime-node, net as written';
  return {
    name,
    kind: 'opponent',
    device: 'processor',
    async open({ net, weights, pixels }) {
      const graph = onnxGraph(net, { outputs: ['picture'], constants: weights, size: pixels });
      const session = await InferenceSession.create(graph, options());
      const [input] = net.inputs as [string];
      const feeds = { [input]: new Tensor('uint8', pixels.data, [1, 3, pixels.height, pixels.width]) };
      return {
        name,
        async run() {
          await session.run(feeds);
          return undefined;
        },
        picture: async () => (await session.run(feeds)).picture!.data as Uint8Array,
        [Symbol.asyncDispose]: () => session.release(),
      };
    },
    async product() {
      const side = PRODUCT_SIDE;
      const numbers = Float32Array.from({ length: side * side }, (_, i) => ((i * 7) % 31) / 31 - 0.5);
      const session = await InferenceSession.create(productGraph(side, numbers), options());
      const feeds = { a: new Tensor('float32', numbers.slice(), [side, side]) };
      return {
        name: `dense product ${side}³, onnxruntime-node`,
        flops: productFlops(side),
        async run() {
          await session.run(feeds);
          return undefined;
        },
        [Symbol.asyncDispose]: () => session.release(),
      };
    },
    async [Symbol.asyncDispose]() {},
  };
}
