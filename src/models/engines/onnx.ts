import { availableParallelism, cpus } from 'node:os';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { Unsupported } from '../../errors.js';
import type { Bound, Engine, Painter, Styler } from '../engine.js';
import { type NetSpec, sizeOf } from '../net.js';
import { blank, type Pixels, type Size } from '../pixels.js';
import type { Tensor, Weights } from '../weights.js';
import {
  checkPainted,
  checkPaints,
  checkSize,
  checkStyles,
  checkWeights,
  generated,
  refuseBound,
  refuseClosed,
  stylePicture,
} from './checks.js';
import { isSoftwareGpu } from './gpu.js';
import { onnxGraph } from './onnx-graph.js';
import type { EngineProbe } from './probe.js';
import { Turns } from './turns.js';

/** Neural networks on ONNX Runtime: the processor, or a graphics processor through WebGPU (Dawn). */
export type OnnxDevice = 'cpu' | 'webgpu';
type Runtime = typeof import('onnxruntime-node');
type Feeds = Record<string, OrtTensor>;

/** More threads than this do not make a picture of ours faster. */
const MOST_THREADS = 16;
const threads = () => Math.min(availableParallelism(), MOST_THREADS);

const installHint =
  'Install it with: npm install onnxruntime-node (Linux x64 and arm64, macOS arm64, Windows).';

const gpuHint =
  'Install the driver of the graphics processor (on Linux a Vulkan driver), or choose --engine onnx/cpu.';

async function loadRuntime(device: OnnxDevice): Promise<Runtime> {
  let runtime: Runtime;
  try {
    runtime = await import('onnxruntime-node');
  } catch (cause) {
    throw new Unsupported('ONNX Runtime does not load on this machine.', { hint: installHint, cause });
  }
  if (!runtime.listSupportedBackends().some(({ name }) => name === device))
    throw new Unsupported(`The installed ONNX Runtime has no ${device} device.`, { hint: installHint });
  return runtime;
}

function sessionOptions(device: OnnxDevice): InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads(),
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  };
}

/** A compiled graph that runs one picture at a time and can be closed at any moment, twice. */
class Session {
  readonly #turns = new Turns();
  #closing: Promise<void> | undefined;

  private constructor(
    readonly runtime: Runtime,
    readonly what: 'painter' | 'styler',
    readonly session: InferenceSession,
  ) {}

  static async open(
    runtime: Runtime,
    device: OnnxDevice,
    what: 'painter' | 'styler',
    graph: Uint8Array,
  ): Promise<Session> {
    const session = await runtime.InferenceSession.create(graph, sessionOptions(device));
    return new Session(runtime, what, session);
  }

  /** Runs the graph; outputs named in `into` are written there, others into fresh memory. */
  run(feeds: Feeds, into?: Feeds): Promise<InferenceSession.OnnxValueMapType> {
    if (this.#closing) refuseClosed(this.what);
    return this.#turns.take(() => (into ? this.session.run(feeds, into) : this.session.run(feeds)));
  }

  close(): Promise<void> {
    this.#closing ??= this.#turns.take(() => this.session.release());
    return this.#closing;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  bytes({ data, width, height }: Pixels): OrtTensor {
    return new this.runtime.Tensor('uint8', data, [1, 3, height, width]);
  }
}

class OnnxBound implements Bound {
  feeds: Feeds | undefined;
  constructor(
    readonly painter: OnnxPainter,
    feeds: Feeds,
  ) {
    this.feeds = feeds;
  }
  [Symbol.dispose]() {
    this.feeds = undefined;
  }
}

class OnnxPainter implements Painter {
  constructor(
    readonly net: NetSpec,
    readonly size: Size,
    readonly session: Session,
  ) {}

  /** Copies the weights: their owner may change them afterwards. */
  async bind(style: Weights): Promise<OnnxBound> {
    if (this.session.closed) refuseClosed('painter');
    checkWeights(style, this.net, 'style');
    const { Tensor } = this.session.runtime;
    const feeds: Feeds = {};
    for (const [name, { data, shape }] of style) feeds[name] = new Tensor('float32', data.slice(), shape);
    return new OnnxBound(this, feeds);
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    const work = batch.map(({ pixels, style }) => {
      checkPainted(pixels, this.size);
      if (!(style instanceof OnnxBound) || style.painter !== this) refuseBound('foreign');
      return { pixels, feeds: style.feeds ?? refuseBound('disposed') };
    });
    return Promise.all(work.map(({ pixels, feeds }) => this.#paint(pixels, feeds)));
  }

  async #paint(pixels: Pixels, feeds: Feeds): Promise<Pixels> {
    const picture = blank(this.size);
    const [input] = this.net.inputs as [string];
    await this.session.run(
      { ...feeds, [input]: this.session.bytes(pixels) },
      { picture: this.session.bytes(picture) },
    );
    return picture;
  }

  async warm(): Promise<void> {
    const zeros = new Map<string, Tensor>();
    for (const [name, { shape, from }] of Object.entries(this.net.params))
      if (from === 'style')
        zeros.set(name, {
          shape,
          data: new Float32Array(sizeOf(shape)),
        });
    using style = await this.bind(zeros);
    await this.paint([{ pixels: blank(this.size), style }]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.session.close();
  }
}

class OnnxStyler implements Styler {
  constructor(
    readonly net: NetSpec,
    readonly session: Session,
  ) {}

  async weights(picture: Pixels): Promise<Weights> {
    const [input] = this.net.inputs as [string];
    const feeds = { [input]: this.session.bytes(stylePicture(this.net, picture)) };
    const outputs = await this.session.run(feeds);
    const made = new Map<string, Tensor>();
    for (const name of Object.keys(this.net.outputs))
      made.set(name, generated(this.net, name, Float32Array.from(outputs[name]!.data as Float32Array)));
    return made;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.session.close();
  }
}

class OnnxEngine implements Engine {
  readonly #sessions = new Set<Session>();
  #closed = false;

  constructor(
    readonly device: OnnxDevice,
    readonly runtime: Runtime,
  ) {}

  get name() {
    return `onnx/${this.device}`;
  }

  async painter(net: NetSpec, base: Weights, size: Size): Promise<Painter> {
    checkPaints(net);
    checkSize(net, size);
    checkWeights(base, net, 'net');
    const session = await this.#open(
      'painter',
      onnxGraph(net, { outputs: ['picture'], constants: base, size }),
    );
    const painter = new OnnxPainter(net, size, session);
    try {
      await painter.warm();
    } catch (error) {
      await session.close();
      throw error;
    }
    return painter;
  }

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    checkStyles(net);
    checkWeights(base, net, 'net');
    return new OnnxStyler(net, await this.#open('styler', onnxGraph(net, { constants: base })));
  }

  async #open(what: 'painter' | 'styler', graph: Uint8Array): Promise<Session> {
    if (this.#closed) refuseClosed('engine');
    const session = await Session.open(this.runtime, this.device, what, graph);
    this.#sessions.add(session);
    return session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#sessions].map((session) => session.close()));
    this.#sessions.clear();
  }
}

/** The smallest net there is, run once: a device that is named but not there shows itself only when used. */
async function tryDevice(runtime: Runtime, device: OnnxDevice): Promise<void> {
  const net: NetSpec = {
    name: 'probe',
    inputs: ['x'],
    outputs: { y: 't' },
    nodes: [{ op: 'relu', in: 'x', out: 't' }],
    params: {},
    stride: 1,
  };
  const size = { width: 4, height: 4 };
  const session = await runtime.InferenceSession.create(
    onnxGraph(net, { constants: new Map(), size }),
    sessionOptions(device),
  );
  try {
    await session.run({ x: new runtime.Tensor('float32', new Float32Array(48), [1, 3, 4, 4]) });
  } finally {
    await session.release();
  }
}

/** @throws Unsupported when ONNX Runtime is not installed or has no such device here. */
export async function openOnnx(device: OnnxDevice): Promise<Engine> {
  const runtime = await loadRuntime(device);
  try {
    await tryDevice(runtime, device);
  } catch (cause) {
    throw device === 'webgpu'
      ? new Unsupported('ONNX Runtime finds no graphics processor that WebGPU can use.', {
          hint: gpuHint,
          cause,
        })
      : new Unsupported('ONNX Runtime does not run on this processor.', { cause });
  }
  return new OnnxEngine(device, runtime);
}

/** Whether `openOnnx` would succeed, and on what device. */
export async function probeOnnx(device: OnnxDevice): Promise<EngineProbe> {
  const name = `onnx/${device}`;
  try {
    await using _ = await openOnnx(device);
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { name, present: false, why: error.message, hint: error.hint };
  }
  if (device === 'cpu') {
    const model = cpus()[0]?.model.trim() || process.arch;
    return { name, present: true, device: `${model}, ${threads()} threads` };
  }
  return isSoftwareGpu()
    ? { name, present: true, device: 'software Vulkan (no graphics processor)', software: true }
    : { name, present: true, device: 'graphics processor' };
}
