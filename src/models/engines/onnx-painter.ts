import type { Bound, Painter } from '../engine.js';
import type { NetSpec } from '../net.js';
import { blank, type Pixels, type Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import type { AnyNode } from './block-ops.js';
import { checkPainted, checkWeights, refuseBound, refuseClosed } from './checks.js';
import { lower, type Savings } from './lower.js';
import type { Lowered } from './lowered.js';
import { onnxGraph } from './onnx-graph.js';
import type { Feeds, Session } from './onnx-session.js';
import { zeroStyle } from './painting.js';

const outputs = ['picture'];

/** A style's weights apart from their owner's numbers, as the graph's inputs. */
export class OnnxBound implements Bound {
  feeds: Feeds | undefined;

  constructor(
    readonly painter: OnnxPainter,
    style: Weights,
    session: Session,
  ) {
    const fed = painter.lowered?.fold(style) ?? style;
    const own = (name: string, data: Float32Array) => (data === style.get(name)?.data ? data.slice() : data);
    this.feeds = Object.fromEntries(
      [...fed].map(([name, { data, shape }]) => [name, session.floats(own(name, data), shape)]),
    );
  }

  [Symbol.dispose]() {
    this.feeds = undefined;
  }
}

/** What to paint with, and which ways to save time suit the device. */
export interface OnnxPainterOptions extends Savings {
  readonly net: NetSpec;
  readonly base: Weights;
  readonly size: Size;
  readonly open: (graph: Uint8Array) => Promise<Session>;
}

/** Paints with a graph whose style weights are inputs, so that every picture may have its own style. */
export class OnnxPainter implements Painter {
  private constructor(
    readonly options: OnnxPainterOptions,
    readonly lowered: Lowered<AnyNode> | undefined,
    readonly session: Session,
  ) {}

  /** Compiles the graph and paints one picture, so that the first frame finds all buffers in place. */
  static async open(options: OnnxPainterOptions): Promise<OnnxPainter> {
    const { net, base, size, open } = options;
    const lowered = lower(net, outputs, size, options);
    const graph = onnxGraph(net, { outputs, constants: base, size, lowered });
    const painter = new OnnxPainter(options, lowered, await open(graph));
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
    return new OnnxBound(this, style, this.session);
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    if (this.session.closed) refuseClosed('painter');
    const work = batch.map(({ pixels, style }) => {
      checkPainted(pixels, this.size);
      if (!(style instanceof OnnxBound) || style.painter !== this) refuseBound('foreign');
      return { pixels, feeds: style.feeds ?? refuseBound('disposed') };
    });
    return Promise.all(work.map(({ pixels, feeds }) => this.#paint(pixels, feeds)));
  }

  async #paint(pixels: Pixels, feeds: Feeds): Promise<Pixels> {
    const [input] = this.options.net.inputs as [string];
    const picture = blank(this.size);
    await this.session.run(
      { ...feeds, [input]: this.session.bytes(pixels) },
      { picture: this.session.bytes(picture) },
    );
    return picture;
  }

  async #warm(): Promise<void> {
    using style = await this.bind(zeroStyle(this.options.net));
    await this.paint([{ pixels: blank(this.size), style }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.close();
  }
}
