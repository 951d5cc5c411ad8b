import { Unsupported, Usage } from '../../errors.js';
import { tryOut } from '../../try-out.js';
import type { Engine, Painter } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { checkPainter, refuseClosed } from './checks.js';
import { isSoftwareGpu } from './gpu.js';
import { OnnxEngine, probeGraph, tryDevice } from './onnx-engine.js';
import { OnnxGpuPainter } from './onnx-gpu-painter.js';
import { loadRuntime, type Runtime, Session } from './onnx-session.js';
import { GPU_BATCH } from './painting.js';
import type { EngineProbe } from './probe.js';

const NAME = 'onnx/webgpu';
const gpuHint =
  'Install the driver of the graphics processor (on Linux a Vulkan driver), or choose --engine onnx/cpu.';

/** Painters compute in halves (float16) where the graphics processor can; stylers, which run once a style, in floats. */
class OnnxGpuEngine extends OnnxEngine {
  readonly batch = GPU_BATCH;

  constructor(
    runtime: Runtime,
    readonly halves: boolean,
    name: string,
  ) {
    super('webgpu', runtime, name);
  }

  async painter(net: NetSpec, base: Weights, size: Size): Promise<Painter> {
    checkPainter(net, base, size);
    const open = (graph: Uint8Array, holds: boolean) => {
      if (this.closed) refuseClosed('engine');
      return Session.open(this.runtime, this.device, 'painter', graph, { holds });
    };
    const { halves, forget: onClose } = this;
    return this.track(await OnnxGpuPainter.open({ net, base, size, halves, open, onClose }));
  }
}

const noGpu = (cause: unknown) =>
  new Unsupported('ONNX Runtime finds no graphics processor that WebGPU can use.', { hint: gpuHint, cause });

const computesHalves = async (runtime: Runtime): Promise<boolean> =>
  tryDevice(runtime, 'webgpu', true).then(
    () => true,
    () => false,
  );

const widths = ['half', 'float'];

/**
 * ONNX Runtime on a graphics processor, through WebGPU (Dawn).
 * @param only - `half` or `float`; left out: halves (float16) where the graphics processor can compute with them.
 * @throws Usage when there is no such width; Unsupported when ONNX Runtime is not installed, or finds no graphics
 * processor, or none that computes with halves where they are asked for.
 */
export async function openOnnxGpu(only?: string): Promise<Engine> {
  if (only !== undefined && !widths.includes(only))
    throw new Usage(`${NAME} does not compute with ${JSON.stringify(only.slice(0, 80))}.`, {
      hint: `It does with ${widths.join(' or ')}; left out, with halves where the graphics processor can.`,
    });
  const runtime = await loadRuntime('webgpu');
  try {
    await tryDevice(runtime, 'webgpu');
  } catch (cause) {
    throw noGpu(cause);
  }
  const halves = only !== 'float' && (await computesHalves(runtime));
  if (only === 'half' && !halves)
    throw new Unsupported('This graphics processor does not compute with halves (float16).', {
      hint: `Choose --engine ${NAME}, which then computes with floats.`,
    });
  return new OnnxGpuEngine(runtime, halves, only ? `${NAME}:${only}` : NAME);
}

/** Tries WebGPU in a process of its own, since Dawn writes to standard error what it likes. @throws Unsupported */
async function tryWebgpu(): Promise<{ halves: boolean }> {
  await loadRuntime('webgpu');
  const graphs = [probeGraph(false), probeGraph(true)].map((graph) => Buffer.from(graph).toString('base64'));
  const code = `
    import { InferenceSession, Tensor } from ${JSON.stringify(import.meta.resolve('onnxruntime-node'))};
    const options = { executionProviders: ['webgpu'], logSeverityLevel: 4 };
    const run = async (graph) => {
      const session = await InferenceSession.create(Buffer.from(graph, 'base64'), options);
      await session.run({ x: new Tensor('float32', new Float32Array(48), [1, 3, 4, 4]) });
    };
    const [floats, halves] = ${JSON.stringify(graphs)};
    await run(floats);
    const can = await run(halves).then(() => true, () => false);
    process.stdout.write(JSON.stringify({ halves: can }));`;
  try {
    return (await tryOut(code, 'WebGPU')) as { halves: boolean };
  } catch (cause) {
    throw noGpu(cause);
  }
}

/** Whether `openOnnxGpu` would succeed, and on what device. */
export async function probeOnnxGpu(): Promise<EngineProbe> {
  try {
    const numbers = (await tryWebgpu()).halves ? 'float16' : 'float32';
    return isSoftwareGpu()
      ? {
          name: NAME,
          present: true,
          device: `software Vulkan (no graphics processor), ${numbers}`,
          software: true,
        }
      : { name: NAME, present: true, device: `graphics processor, ${numbers}` };
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { name: NAME, present: false, why: error.message, hint: error.hint };
  }
}
