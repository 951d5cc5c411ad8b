import type { Bound, Painter } from '../engine.js';
import { type NetSpec, sizeOf } from '../net.js';
import { blank, type Pixels, type Size } from '../pixels.js';
import type { Tensor, Weights } from '../weights.js';
import { checkPainted, checkWeights, refuseBound, refuseClosed } from './checks.js';
import { type HalfResolution, halfResolution } from './half-resolution.js';
import { onnxGraph } from './onnx-graph.js';
import type { Feeds, Session } from './onnx-session.js';

/** A style that has painted this many pictures in a row is worth a graph of its own. */
const BAKE_AFTER = 60;
/** Larger pictures have no second graph: each holds buffers for every layer. */
const BAKE_PIXELS = 1920 * 1080;

/** A style's weights apart from their owner's numbers, as the graph's inputs. */
export class OnnxBound implements Bound {
  feeds: Feeds | undefined;

  constructor(
    readonly painter: OnnxPainter,
    readonly weights: Weights,
    session: Session,
  ) {
    const fed = painter.folded?.fold(weights) ?? weights;
    this.feeds = Object.fromEntries(
      [...fed].map(([name, { data, shape }]) => [name, session.floats(data, shape)]),
    );
  }

  [Symbol.dispose]() {
    this.feeds = undefined;
    this.painter.forget(this);
  }
}

/** What to paint with, and which ways to save time suit the device. */
export interface OnnxPainterOptions {
  readonly net: NetSpec;
  readonly base: Weights;
  readonly size: Size;
  readonly open: (graph: Uint8Array) => Promise<Session>;
  /** Whether a style that stays gets a graph with its weights as constants: 1.2 times as fast on processors. */
  readonly bakes: boolean;
  /** Whether full-size layers run in cells: 1.2 to 1.7 times as fast on processors, see docs/performance.md. */
  readonly folds: boolean;
}

const outputs = ['picture'];

const copied = (weights: Weights): Weights =>
  new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));

/** Paints with one graph whose style weights are inputs, and with a second one for a style that stays. */
export class OnnxPainter implements Painter {
  #row: { style: OnnxBound | undefined; length: number } = { style: undefined, length: 0 };
  #baked: { readonly style: OnnxBound; readonly session: Session } | undefined;

  private constructor(
    readonly options: OnnxPainterOptions,
    readonly folded: HalfResolution | undefined,
    readonly session: Session,
  ) {}

  /** Compiles the graph and paints one picture, so that the first frame finds all buffers in place. */
  static async open(options: OnnxPainterOptions): Promise<OnnxPainter> {
    const { net, base, size, open, folds } = options;
    const folded = folds ? halfResolution(net, outputs, size) : undefined;
    const graph = onnxGraph(net, { outputs, constants: base, size, folded });
    const painter = new OnnxPainter(options, folded, await open(graph));
    try {
      await painter.#warm();
      return painter;
    } catch (error) {
      await painter[Symbol.asyncDispose]();
      throw error;
    }
  }

  get size(): Size {
    return this.options.size;
  }

  async bind(style: Weights): Promise<OnnxBound> {
    if (this.session.closed) refuseClosed('painter');
    checkWeights(style, this.options.net, 'style');
    return new OnnxBound(this, copied(style), this.session);
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    if (this.session.closed) refuseClosed('painter');
    const work = batch.map(({ pixels, style }) => {
      checkPainted(pixels, this.size);
      if (!(style instanceof OnnxBound) || style.painter !== this) refuseBound('foreign');
      return { pixels, style, feeds: style.feeds ?? refuseBound('disposed') };
    });
    return Promise.all(work.map(({ pixels, style, feeds }) => this.#paint(pixels, style, feeds)));
  }

  async #paint(pixels: Pixels, style: OnnxBound, feeds: Feeds): Promise<Pixels> {
    if (this.#stays(style)) await this.#bake(style);
    const baked = this.#baked?.style === style ? this.#baked.session : undefined;
    const [input] = this.options.net.inputs as [string];
    const picture = blank(this.size);
    await (baked ?? this.session).run(
      { ...(baked ? {} : feeds), [input]: this.session.bytes(pixels) },
      { picture: this.session.bytes(picture) },
    );
    return picture;
  }

  /** Counts pictures of one style in a row; true once, when the style has earned a graph of its own. */
  #stays(style: OnnxBound): boolean {
    const { width, height } = this.size;
    if (!this.options.bakes || width * height > BAKE_PIXELS) return false;
    this.#row = { style, length: this.#row.style === style ? this.#row.length + 1 : 1 };
    return this.#row.length === BAKE_AFTER && this.#baked?.style !== style;
  }

  async #bake(style: OnnxBound): Promise<void> {
    const { net, base, size, open } = this.options;
    const constants = new Map([...base, ...style.weights]);
    const { folded } = this;
    const session = await open(onnxGraph(net, { outputs, constants, size, folded }));
    if (this.session.closed || !style.feeds) return session.close();
    const before = this.#baked;
    this.#baked = { style, session };
    await before?.session.close();
  }

  /** Closes the graph that holds a style, if there is one. */
  forget(style: OnnxBound): void {
    if (this.#row.style === style) this.#row = { style: undefined, length: 0 };
    if (this.#baked?.style !== style) return;
    void this.#baked.session.close();
    this.#baked = undefined;
  }

  async #warm(): Promise<void> {
    const zeros = new Map<string, Tensor>();
    for (const [name, { shape, from }] of Object.entries(this.options.net.params))
      if (from === 'style') zeros.set(name, { shape, data: new Float32Array(sizeOf(shape)) });
    using style = await this.bind(zeros);
    await this.paint([{ pixels: blank(this.size), style }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.session.close(), this.#baked?.session.close()]);
  }
}
