import { Unsupported, Usage } from '../../errors.js';
import { tryOut } from '../../try-out.js';
import type { Engine, Painter } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { checkPainter, refuseClosed } from './checks.js';
import { hasCudaLibraries, isSoftwareGpu } from './gpu.js';
import { OnnxEngine, probeGraph, tryDevice } from './onnx-engine.js';
import { OnnxGpuPainter } from './onnx-gpu-painter.js';
import { loadRuntime, type OnnxDevice, type Runtime, Session } from './onnx-session.js';
import { GPU_BATCH } from './painting.js';
import type { EngineProbe } from './probe.js';

/** A way to a graphics processor. */
export interface GpuDevice {
  readonly device: OnnxDevice;
  readonly name: string;
  /** As people call it. */
  readonly title: string;
  /** What to do where it finds none. */
  readonly hint: string;
  /** Whether the weights of a style can stay in its memory; else they go along with every call. */
  readonly holds: boolean;
}

const ways = {
  webgpu: {
    device: 'webgpu',
    name: 'onnx/webgpu',
    title: 'WebGPU',
    hint: 'Install the driver of the graphics processor (on Linux a Vulkan driver), or choose --engine onnx/cpu.',
    holds: true,
  },
  cuda: {
    device: 'cuda',
    name: 'onnx/cuda',
    title: 'CUDA',
    hint: 'It needs the driver of an NVIDIA graphics processor, CUDA and cuDNN 9; onnx/webgpu needs the driver alone.',
    holds: false,
  },
} satisfies Record<string, GpuDevice>;
export type GpuWay = keyof typeof ways;

/** Painters compute in halves (float16) where the graphics processor can; stylers, which run once a style, in floats. */
export class OnnxGpuEngine extends OnnxEngine {
  readonly batch = GPU_BATCH;

  constructor(
    runtime: Runtime,
    readonly way: GpuDevice,
    readonly halves: boolean,
    name: string,
  ) {
    super(way.device, runtime, name);
  }

  async painter(net: NetSpec, base: Weights, size: Size): Promise<Painter> {
    checkPainter(net, base, size);
    const open = (graph: Uint8Array, holds: boolean) => {
      if (this.closed) refuseClosed('engine');
      return Session.open(this.runtime, this.device, 'painter', graph, { holds });
    };
    const { halves, forget: onClose } = this;
    const { holds } = this.way;
    return this.track(await OnnxGpuPainter.open({ net, base, size, halves, holds, open, onClose }));
  }
}

const noGpu = ({ title, hint }: GpuDevice, cause: unknown) =>
  new Unsupported(`ONNX Runtime finds no graphics processor that ${title} can use.`, { hint, cause });

/** @throws Unsupported when ONNX Runtime is not here, or lacks what the way needs. */
async function loadFor({ device }: GpuDevice): Promise<Runtime> {
  const runtime = await loadRuntime(device);
  if (device === 'cuda' && !hasCudaLibraries())
    throw new Unsupported("ONNX Runtime's libraries for CUDA are not installed.", {
      hint: 'Fetch them with: livebrush setup cuda',
    });
  return runtime;
}

const computesHalves = async (runtime: Runtime, device: OnnxDevice): Promise<boolean> =>
  tryDevice(runtime, device, true).then(
    () => true,
    () => false,
  );

const widths = ['half', 'float'];

/**
 * ONNX Runtime on a graphics processor, through WebGPU (Dawn) or CUDA.
 * @param only - `half` or `float`; left out: halves (float16) where the graphics processor can compute with them.
 * @throws Usage when there is no such width; Unsupported when ONNX Runtime is not installed, or finds no graphics
 * processor, or none that computes with halves where they are asked for.
 */
export async function openOnnxGpu(by: GpuWay, only?: string): Promise<Engine> {
  const way: GpuDevice = ways[by];
  const { name, device } = way;
  if (only !== undefined && !widths.includes(only))
    throw new Usage(`${name} does not compute with ${JSON.stringify(only.slice(0, 80))}.`, {
      hint: `It does with ${widths.join(' or ')}; left out, with halves where the graphics processor can.`,
    });
  const runtime = await loadFor(way);
  try {
    await tryDevice(runtime, device);
  } catch (cause) {
    throw noGpu(way, cause);
  }
  const halves = only !== 'float' && (await computesHalves(runtime, device));
  if (only === 'half' && !halves)
    throw new Unsupported('This graphics processor does not compute with halves (float16).', {
      hint: `Choose --engine ${name}, which then computes with floats.`,
    });
  return new OnnxGpuEngine(runtime, way, halves, only ? `${name}:${only}` : name);
}

/** Tries a way in a process of its own, since drivers write to standard error what they like. @throws Unsupported */
async function tryWay(way: GpuDevice): Promise<{ halves: boolean }> {
  await loadFor(way);
  const graphs = [probeGraph(false), probeGraph(true)].map((graph) => Buffer.from(graph).toString('base64'));
  const code = `
    import { InferenceSession, Tensor } from ${JSON.stringify(import.meta.resolve('onnxruntime-node'))};
    const options = { executionProviders: [${JSON.stringify(way.device)}], logSeverityLevel: 4 };
    const run = async (graph) => {
      const session = await InferenceSession.create(Buffer.from(graph, 'base64'), options);
      await session.run({ x: new Tensor('float32', new Float32Array(48), [1, 3, 4, 4]) });
    };
    const [floats, halves] = ${JSON.stringify(graphs)};
    await run(floats);
    const can = await run(halves).then(() => true, () => false);
    process.stdout.write(JSON.stringify({ halves: can }));`;
  try {
    return (await tryOut(code, way.title)) as { halves: boolean };
  } catch (cause) {
    throw noGpu(way, cause);
  }
}

/** Whether `openOnnxGpu` would succeed, and on what device. */
export async function probeOnnxGpu(by: GpuWay): Promise<EngineProbe> {
  const way: GpuDevice = ways[by];
  const { name } = way;
  try {
    const numbers = (await tryWay(way)).halves ? 'float16' : 'float32';
    if (by === 'cuda') return { name, present: true, device: `NVIDIA graphics processor, ${numbers}` };
    return isSoftwareGpu()
      ? { name, present: true, device: `software Vulkan (no graphics processor), ${numbers}`, software: true }
      : { name, present: true, device: `graphics processor, ${numbers}` };
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { name, present: false, why: error.message, hint: error.hint };
  }
}
