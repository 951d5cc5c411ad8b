import { availableParallelism } from 'node:os';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { Unsupported } from '../../errors.js';
import { Turns } from '../../turns.js';
import { floatToHalf } from '../half.js';
import type { Pixels } from '../pixels.js';
import { refuseClosed } from './checks.js';
import { silenceTelemetry } from './telemetry.js';

/** What ONNX Runtime computes on: the processor, or a graphics processor through WebGPU (Dawn) or CUDA. */
export type OnnxDevice = 'cpu' | 'webgpu' | 'cuda';
export type Runtime = typeof import('onnxruntime-node');
export type Feeds = Record<string, OrtTensor>;

/** More threads than this do not make a picture of ours faster. */
const MOST_THREADS = 16;
/**
 * How many threads paint a picture where `lanes` pictures are painted at the same time. The runtime's own choice counts
 * physical cores and is 1 on a small virtual machine.
 */
export const threads = (lanes = 1) =>
  Math.max(1, Math.floor(Math.min(availableParallelism(), MOST_THREADS) / lanes));

/**
 * How many pictures to paint at the same time. The threads of one picture wait for each other a hundred times: on two
 * cores two pictures side by side take three quarters of the time that they take one after the other, and less where
 * other programs run (docs/performance.md). A picture of its own takes longer, though, so large machines share.
 */
export const laneCount = () => Math.floor(threads() / Math.floor(Math.sqrt(threads())));

/**
 * How long threads that wait for work spin before they sleep, in microseconds. A picture is a hundred short pieces of
 * work for all threads: waking them for each costs a sixth of its time in a virtual machine, and spinning on between
 * pictures would take the cores from decoding and encoding.
 */
const SPIN_US = 1000;

const installHint =
  'Install it with: npm install onnxruntime-node (Linux x64 and arm64, macOS arm64, Windows).';

/** @throws Unsupported when the package is missing, does not load, or was built without the device. */
export async function loadRuntime(device: OnnxDevice): Promise<Runtime> {
  silenceTelemetry();
  let runtime: Runtime;
  try {
    runtime = await import('onnxruntime-node');
  } catch (cause) {
    throw new Unsupported('ONNX Runtime does not load on this machine.', { hint: installHint, cause });
  }
  // What fails is thrown as well, and need not stand on standard error first.
  runtime.env.logLevel = 'fatal';
  if (!runtime.listSupportedBackends().some(({ name }) => name === device))
    throw new Unsupported(`The installed ONNX Runtime has no ${device} device.`, {
      hint: device === 'cuda' ? 'It knows CUDA on Linux x64 alone.' : installHint,
    });
  return runtime;
}

function sessionOptions(device: OnnxDevice, threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '1', spin_duration_us: `${SPIN_US}` } } },
  };
}

/** How a session is opened. */
export interface SessionOptions {
  /** Left out: one for every core. */
  readonly threads?: number;
  /** Whether what the graph puts out stays in the memory of the graphics processor, until it is disposed. */
  readonly holds?: boolean;
  readonly onClose?: (session: Session) => void;
}

/** A compiled graph that runs one picture at a time and can be closed at any moment, twice. */
export class Session implements AsyncDisposable {
  readonly #turns = new Turns();
  #closing: Promise<void> | undefined;

  private constructor(
    readonly runtime: Runtime,
    readonly what: 'painter' | 'styler',
    readonly session: InferenceSession,
    readonly onClose: (session: Session) => void,
  ) {}

  /** Compiles a graph. `what` it serves is named when it is used after it is closed. */
  static async open(
    runtime: Runtime,
    device: OnnxDevice,
    what: 'painter' | 'styler',
    graph: Uint8Array,
    { threads: wanted = threads(), holds = false, onClose = () => {} }: SessionOptions = {},
  ): Promise<Session> {
    const session = await runtime.InferenceSession.create(graph, {
      ...sessionOptions(device, wanted),
      ...(holds ? { preferredOutputLocation: 'gpu-buffer' } : {}),
    });
    return new Session(runtime, what, session, onClose);
  }

  /**
   * Runs the graph; outputs named in `into` are written there, others into fresh memory.
   * @throws BadInput when it is closed.
   */
  run(feeds: Feeds, into?: Feeds): Promise<InferenceSession.OnnxValueMapType> {
    if (this.#closing) refuseClosed(this.what);
    return this.#turns.take(() => (into ? this.session.run(feeds, into) : this.session.run(feeds)));
  }

  /** Does something once all that was asked for before is done. */
  afterwards(task: () => void): Promise<void> {
    return this.#turns.take(async () => task());
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Releases the graph's memory after what was asked for before. */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = this.#turns.take(() => this.session.release());
      this.onClose(this);
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A picture as the runtime takes it, over the same bytes. */
  bytes({ data, width, height }: Pixels): OrtTensor {
    return new this.runtime.Tensor('uint8', data, [1, 3, height, width]);
  }

  /** A picture as floats in [0, 1]. */
  floatPicture({ data, width, height }: Pixels): OrtTensor {
    return this.floats(
      Float32Array.from(data, (byte) => byte / 255),
      [1, 3, height, width],
    );
  }

  /** Numbers as halves (float16). */
  halves(data: Float32Array, shape: readonly number[]): OrtTensor {
    return new this.runtime.Tensor('float16', Uint16Array.from(data, floatToHalf), shape);
  }

  floats(data: Float32Array, shape: readonly number[]): OrtTensor {
    return new this.runtime.Tensor('float32', data, shape);
  }
}
