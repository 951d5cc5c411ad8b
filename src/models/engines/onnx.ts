import { cpus } from 'node:os';
import { Unsupported } from '../../errors.js';
import type { Engine, Painter, PainterOptions, Styler } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Tensor, Weights } from '../weights.js';
import { checkPainter, checkStyles, checkWeights, generated, refuseClosed, stylePicture } from './checks.js';
import { isSoftwareGpu } from './gpu.js';
import { blockSize } from './onnx-block-size.js';
import { onnxGraph } from './onnx-graph.js';
import { OnnxPainter } from './onnx-painter.js';
import { laneCount, loadRuntime, type OnnxDevice, type Runtime, Session, threads } from './onnx-session.js';
import type { EngineProbe } from './probe.js';
import { tryOut } from './try-out.js';

export type { OnnxDevice } from './onnx-session.js';

const gpuHint =
  'Install the driver of the graphics processor (on Linux a Vulkan driver), or choose --engine onnx/cpu.';

class OnnxStyler implements Styler {
  constructor(
    readonly net: NetSpec,
    readonly session: Session,
  ) {}

  async weights(picture: Pixels): Promise<Weights> {
    const [input] = this.net.inputs as [string];
    const outputs = await this.session.run({
      [input]: this.session.bytes(stylePicture(this.net, picture)),
    });
    const made = new Map<string, Tensor>();
    for (const name of Object.keys(this.net.outputs))
      made.set(name, generated(this.net, name, Float32Array.from(outputs[name]!.data as Float32Array)));
    return made;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.session.close();
  }
}

/** Neural networks on ONNX Runtime, in the thread that asks: one lane, which leaves the others' cores to them. */
class OnnxEngine implements Engine {
  readonly lanes = 1;
  readonly #sessions = new Set<Session>();
  #closed = false;

  constructor(
    readonly device: OnnxDevice,
    readonly runtime: Runtime,
    readonly block: number | undefined,
  ) {}

  get name() {
    return `onnx/${this.device}`;
  }

  async painter(
    net: NetSpec,
    base: Weights,
    size: Size,
    { lanes = 1 }: PainterOptions = {},
  ): Promise<Painter> {
    checkPainter(net, base, size);
    const open = (graph: Uint8Array) => this.#open('painter', graph, threads(lanes));
    return OnnxPainter.open({ net, base, size, open, folds: this.device === 'cpu', block: this.block });
  }

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    checkStyles(net);
    checkWeights(base, net, 'net');
    return new OnnxStyler(net, await this.#open('styler', onnxGraph(net, { constants: base })));
  }

  async #open(what: Session['what'], graph: Uint8Array, threads?: number): Promise<Session> {
    if (this.#closed) refuseClosed('engine');
    const onClose = (closed: Session) => this.#sessions.delete(closed);
    const session = await Session.open(this.runtime, this.device, what, graph, { threads, onClose });
    this.#sessions.add(session);
    if (this.#closed) await session.close();
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }
}

/** The smallest net there is. */
const probeNet: NetSpec = {
  name: 'probe',
  inputs: ['x'],
  outputs: { y: 't' },
  nodes: [{ op: 'relu', in: 'x', out: 't' }],
  params: {},
  stride: 1,
};

/** Runs the smallest net once: a device that is named but not there shows itself only when used. */
async function tryDevice(runtime: Runtime, device: OnnxDevice): Promise<void> {
  const graph = onnxGraph(probeNet, { constants: new Map(), size: { width: 4, height: 4 } });
  const session = await Session.open(runtime, device, 'styler', graph);
  try {
    await session.run({ x: session.floats(new Float32Array(48), [1, 3, 4, 4]) });
  } finally {
    await session.close();
  }
}

const noGpu = (cause: unknown) =>
  new Unsupported('ONNX Runtime finds no graphics processor that WebGPU can use.', { hint: gpuHint, cause });

/** @throws Unsupported when ONNX Runtime is not installed or has no such device here. */
export async function openOnnx(device: OnnxDevice): Promise<Engine> {
  const runtime = await loadRuntime(device);
  try {
    await tryDevice(runtime, device);
  } catch (cause) {
    if (device === 'webgpu') throw noGpu(cause);
    throw new Unsupported('ONNX Runtime does not run on this processor.', { cause });
  }
  return new OnnxEngine(device, runtime, device === 'cpu' ? await blockSize(runtime) : undefined);
}

/** Tries WebGPU in a process of its own, since Dawn writes to standard error what it likes. @throws Unsupported */
async function tryWebgpu(): Promise<void> {
  await loadRuntime('webgpu');
  const graph = Buffer.from(onnxGraph(probeNet, { constants: new Map(), size: { width: 4, height: 4 } }));
  const code = `
    import { InferenceSession } from ${JSON.stringify(import.meta.resolve('onnxruntime-node'))};
    const graph = Buffer.from(${JSON.stringify(graph.toString('base64'))}, 'base64');
    const session = await InferenceSession.create(graph, { executionProviders: ['webgpu'], logSeverityLevel: 4 });
    await session.release();
    process.stdout.write('true');`;
  await tryOut(code, 'WebGPU').catch((cause) => {
    throw noGpu(cause);
  });
}

/** Whether `openOnnx` would succeed, and on what device. */
export async function probeOnnx(device: OnnxDevice): Promise<EngineProbe> {
  const name = `onnx/${device}`;
  try {
    if (device === 'webgpu') await tryWebgpu();
    else await (await openOnnx(device))[Symbol.asyncDispose]();
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { name, present: false, why: error.message, hint: error.hint };
  }
  if (device === 'cpu') {
    const model = cpus()[0]?.model.trim() || process.arch;
    const lanes = laneCount() > 1 ? `, ${laneCount()} pictures side by side` : '';
    return { name, present: true, device: `${model}, ${threads()} threads${lanes}` };
  }
  return isSoftwareGpu()
    ? { name, present: true, device: 'software Vulkan (no graphics processor)', software: true }
    : { name, present: true, device: 'graphics processor' };
}
