import type { Tensor as OrtTensor } from 'onnxruntime-node';
import type { Bound, Painter } from '../engine.js';
import { type NetSpec, styleParams } from '../net.js';
import { blank, type Pixels, type Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { checkWeights, refuseBound, refuseClosed } from './checks.js';
import { graphOf } from './onnx-graph.js';
import { inHalves } from './onnx-halves.js';
import { attribute, elementType, encodeModel, type OnnxGraph } from './onnx-proto.js';
import type { Feeds, Session } from './onnx-session.js';
import { gpuBatch, groupByStyle, mostAtOnce, type StyleGroup, zeroStyle } from './painting.js';

const outputs = ['picture'];

/** Under which name a param is put out, to stay in the processor's memory. */
const heldName = (name: string) => `${name}/held`;

/** A graph that puts out what it is given, as halves or as it is: its outputs stay in the processor's memory. */
function uploading(net: NetSpec, halves: boolean): OnnxGraph {
  const params = styleParams(net);
  const dims = (name: string) => net.params[name]!.shape;
  return {
    name: `${net.name}/upload`,
    node: params.map((name) => ({
      name: heldName(name),
      opType: halves ? 'Cast' : 'Identity',
      input: [name],
      output: [heldName(name)],
      attribute: halves ? [attribute.int('to', elementType.half)] : [],
    })),
    initializer: [],
    input: params.map((name) => ({ name, elementType: elementType.float, dims: dims(name) })),
    output: params.map((name) => ({
      name: heldName(name),
      elementType: halves ? elementType.half : elementType.float,
      dims: dims(name),
    })),
  };
}

/** A style's weights, in the graphics processor's memory where they can stay there. */
class GpuBound implements Bound {
  constructor(
    readonly painter: OnnxGpuPainter,
    public feeds: Feeds | undefined,
    readonly forget: (bound: GpuBound) => void,
  ) {}

  [Symbol.dispose]() {
    this.forget(this);
    this.feeds = undefined;
  }
}

/** What to paint with. */
export interface OnnxGpuPainterOptions {
  readonly net: NetSpec;
  readonly base: Weights;
  readonly size: Size;
  /** Whether numbers are halves (float16), which the processor must be able to compute with. */
  readonly halves: boolean;
  /** Whether a style's weights stay in the processor's memory; else they go along with every call. */
  readonly holds: boolean;
  /** Compiles a graph; `holds`: what it puts out stays in the processor's memory. */
  readonly open: (graph: Uint8Array, holds: boolean) => Promise<Session>;
  readonly onClose?: (painter: OnnxGpuPainter) => void;
}

/**
 * Paints on a graphics processor. Starting a run costs more there than a small picture does, so pictures of one style
 * go in one run, and where they can the weights of a style are in its memory from the moment it is bound.
 */
export class OnnxGpuPainter implements Painter {
  readonly #bounds = new Set<GpuBound>();
  /** Styles on their way and pictures asked for. */
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  private constructor(
    readonly options: OnnxGpuPainterOptions,
    readonly session: Session,
    /** Brings weights into the processor's memory, where they can stay there and nets have style params. */
    readonly uploader: Session | undefined,
  ) {}

  /** Compiles the graph and paints one picture, so that the first frame finds shaders and buffers in place. */
  static async open(options: OnnxGpuPainterOptions): Promise<OnnxGpuPainter> {
    const { net, base, size, halves, holds, open } = options;
    const graph = graphOf(net, { outputs, constants: base, size, batches: true });
    const told = halves ? inHalves(graph, { pictures: net.inputs, norms: true, inputs: true }) : graph;
    const session = await open(encodeModel(told), false);
    const uploader =
      holds && styleParams(net).length > 0
        ? await open(encodeModel(uploading(net, halves)), true).catch(async (error) => {
            await session.close();
            throw error;
          })
        : undefined;
    const painter = new OnnxGpuPainter(options, session, uploader);
    try {
      using style = await painter.bind(zeroStyle(net));
      await painter.paint([{ pixels: blank(size), style }]);
      return painter;
    } catch (error) {
      await painter[Symbol.asyncDispose]();
      throw error;
    }
  }

  get size(): Size {
    return this.options.size;
  }

  get batch(): number {
    return gpuBatch(this.size);
  }

  async bind(style: Weights): Promise<GpuBound> {
    if (this.#closing) refuseClosed('painter');
    checkWeights(style, this.options.net, 'style');
    return this.#follow(this.#bind(style));
  }

  async #bind(style: Weights): Promise<GpuBound> {
    const feeds = await this.#upload(style);
    const bound = new GpuBound(this, feeds, (disposed) => this.#free(disposed));
    this.#bounds.add(bound);
    return bound;
  }

  async #upload(style: Weights): Promise<Feeds> {
    const { halves, holds } = this.options;
    const given = [...style].map(
      ([name, { data, shape }]) =>
        [
          name,
          halves && !holds ? this.session.halves(data, shape) : this.session.floats(data.slice(), shape),
        ] as const,
    );
    if (!this.uploader) return Object.fromEntries(given);
    const held = await this.uploader.run(Object.fromEntries(given));
    return Object.fromEntries([...style.keys()].map((name) => [name, held[heldName(name)] as OrtTensor]));
  }

  /** Frees a style's memory once the pictures that were asked for before are painted. */
  #free(bound: GpuBound): void {
    this.#bounds.delete(bound);
    const { feeds } = bound;
    if (!feeds) return;
    void this.session.afterwards(() => {
      for (const tensor of Object.values(feeds)) tensor.dispose();
    });
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    if (this.#closing) refuseClosed('painter');
    const groups = groupByStyle(batch, this.size, (style) => {
      if (!(style instanceof GpuBound) || style.painter !== this) refuseBound('foreign');
      return style.feeds ?? refuseBound('disposed');
    });
    const painted: Pixels[] = new Array(batch.length);
    await Promise.all(groups.map((group) => this.#follow(this.#paintGroup(group, painted))));
    return painted;
  }

  async #paintGroup({ style, pictures, places }: StyleGroup<Feeds>, painted: Pixels[]): Promise<void> {
    const most = mostAtOnce(this.size);
    const runs = Array.from({ length: Math.ceil(pictures.length / most) }, (_, i) =>
      this.#run(pictures.slice(i * most, (i + 1) * most), style),
    );
    for (const [i, picture] of (await Promise.all(runs)).flat().entries()) painted[places[i]!] = picture;
  }

  async #run(pictures: readonly Pixels[], feeds: Feeds): Promise<Pixels[]> {
    const [input] = this.options.net.inputs as [string];
    const { width, height } = this.size;
    const bytes = 3 * width * height;
    const all = new Uint8Array(pictures.length * bytes);
    for (const [i, { data }] of pictures.entries()) all.set(data, i * bytes);
    const { picture } = await this.session.run({
      ...feeds,
      [input]: new this.session.runtime.Tensor('uint8', all, [pictures.length, 3, height, width]),
    });
    const data = picture!.data as Uint8Array;
    // Each picture has memory of its own, which may be handed over to another thread.
    return pictures.map((_, i) => ({ width, height, data: data.slice(i * bytes, (i + 1) * bytes) }));
  }

  async #follow<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** Weights are freed before the session that they came through. */
  async #close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    for (const bound of [...this.#bounds]) bound[Symbol.dispose]();
    await this.session.close();
    await this.uploader?.close();
    this.options.onClose?.(this);
  }
}
