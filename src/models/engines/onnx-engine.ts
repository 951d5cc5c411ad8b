import type { Engine, Painter, PainterOptions, Styler } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Tensor, Weights } from '../weights.js';
import { checkStyles, checkWeights, generated, refuseClosed, stylePicture } from './checks.js';
import { graphOf, onnxGraph } from './onnx-graph.js';
import { inHalves } from './onnx-halves.js';
import { encodeModel } from './onnx-proto.js';
import { type OnnxDevice, type Runtime, Session } from './onnx-session.js';

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
export abstract class OnnxEngine implements Engine {
  readonly lanes = 1;
  /** Sessions, and painters that close theirs themselves. */
  readonly #opened = new Set<AsyncDisposable>();
  protected closed = false;

  constructor(
    readonly device: OnnxDevice,
    readonly runtime: Runtime,
    readonly name: string,
  ) {}

  abstract painter(net: NetSpec, base: Weights, size: Size, options?: PainterOptions): Promise<Painter>;

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    checkStyles(net);
    checkWeights(base, net, 'net');
    return new OnnxStyler(net, await this.open('styler', onnxGraph(net, { constants: base })));
  }

  protected async open(what: Session['what'], graph: Uint8Array, threads?: number): Promise<Session> {
    if (this.closed) refuseClosed('engine');
    const onClose = (closed: Session) => this.#opened.delete(closed);
    return this.track(await Session.open(this.runtime, this.device, what, graph, { threads, onClose }));
  }

  /** Has something closed with the engine. */
  protected async track<T extends AsyncDisposable>(opened: T): Promise<T> {
    this.#opened.add(opened);
    if (this.closed) await opened[Symbol.asyncDispose]();
    return opened;
  }

  protected readonly forget = (closed: AsyncDisposable): void => {
    this.#opened.delete(closed);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    await Promise.all([...this.#opened].map((opened) => opened[Symbol.asyncDispose]()));
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

/** The smallest net as a file, in halves or floats. */
export const probeGraph = (halves: boolean): Uint8Array => {
  const graph = graphOf(probeNet, { constants: new Map(), size: { width: 4, height: 4 } });
  return encodeModel(halves ? inHalves(graph, { pictures: [] }) : graph);
};

/**
 * Runs the smallest net once: a device that is named but not there shows itself only when used, and so does what it
 * cannot compute with.
 */
export async function tryDevice(runtime: Runtime, device: OnnxDevice, halves = false): Promise<void> {
  const session = await Session.open(runtime, device, 'styler', probeGraph(halves));
  try {
    await session.run({ x: session.floats(new Float32Array(48), [1, 3, 4, 4]) });
  } finally {
    await session.close();
  }
}
