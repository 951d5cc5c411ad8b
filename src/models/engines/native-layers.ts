import { inputsOf, type NetSpec, type Node, type NodeOf, nodesFor, type Op } from '../net.js';
import type { Shape } from './shapes.js';

/** A tensor that convolutions read, and what has to stand around it. */
export interface Stored {
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Whether its numbers are bytes rather than shares of 255. */
  readonly bytes: boolean;
  border: number;
  mode: 'reflect' | 'clamp' | 'zero' | undefined;
  /** The last layer that reads it. */
  lastUse: number;
  offset: number;
  /** Index of the step that makes it. */
  step: number;
}

/** A convolution, what is done with its output, and what that becomes. */
export interface Layer {
  readonly conv: NodeOf<'conv'>;
  readonly upsample: 1 | 2;
  readonly from: Stored;
  readonly out?: Stored;
  readonly norm?: NodeOf<'instanceNorm'>;
  readonly relu?: boolean;
  readonly add?: Stored;
  readonly sigmoid?: number;
}

/** The net has something that the kernels do not know; caught by `nativeProgram`. */
export class Beyond extends Error {}

/** The net's layers in order, each with all that follows its convolution. @throws Beyond */
class Reader {
  readonly layers: Layer[] = [];
  readonly stored: Stored[] = [];
  readonly #users = new Map<string, Node[]>();
  readonly #known = new Map<string, { readonly at: Stored; readonly upsample: 1 | 2 }>();
  readonly #done = new Set<Node>();

  constructor(
    readonly net: NetSpec,
    readonly shapes: ReadonlyMap<string, Shape>,
  ) {
    const nodes = nodesFor(net, ['picture']);
    for (const node of nodes)
      for (const name of inputsOf(node)) this.#users.set(name, [...(this.#users.get(name) ?? []), node]);
    for (const node of nodes) if (!this.#done.has(node)) this.#read(node);
  }

  /** The one node that reads a tensor, if it has one of these ops. */
  #next<K extends Op>(name: string, ...ops: K[]): NodeOf<K> | undefined {
    const [user, another] = this.#users.get(name) ?? [];
    if (!user || another || !(ops as Op[]).includes(user.op)) return undefined;
    this.#done.add(user);
    return user as unknown as NodeOf<K>;
  }

  #store(name: string, bytes = false): Stored {
    const shape = this.shapes.get(name) as Stored['shape'];
    const at: Stored = { shape, bytes, border: 0, mode: undefined, lastUse: -1, offset: 0, step: -1 };
    this.stored.push(at);
    this.#known.set(name, { at, upsample: 1 });
    return at;
  }

  #read(node: Node): void {
    if (node.op === 'fromRgb8') this.#store(node.out, true);
    else if (node.op === 'upsample' && node.scale === 2) {
      const known = this.#known.get(node.in);
      if (known?.upsample !== 1) throw new Beyond();
      this.#known.set(node.out, { at: known.at, upsample: 2 });
    } else if (node.op === 'conv') this.#layer(node);
    else throw new Beyond();
  }

  #layer(conv: NodeOf<'conv'>): void {
    const known = this.#known.get(conv.in);
    if (!known) throw new Beyond();
    const { at: from, upsample } = known;
    this.#surround(from, conv, upsample);
    const norm = this.#next(conv.out, 'instanceNorm');
    this.layers.push(
      norm
        ? { conv, upsample, from, norm, ...this.#after(norm) }
        : { conv, upsample, from, ...this.#end(conv) },
    );
  }

  /** Asks for what a convolution reads around a tensor. */
  #surround(from: Stored, { pad, padMode, stride, weight }: NodeOf<'conv'>, upsample: 1 | 2): void {
    const [, , side] = this.net.params[weight]!.shape as [number, number, number, number];
    if (upsample === 2 && (stride !== 1 || side !== 2 * pad + 1 || pad % 2 === 0)) throw new Beyond();
    // Around an enlarged tensor, reflection shows the edge once more: twice the same pixel, for one pixel around.
    if (upsample === 2 && padMode === 'reflect' && pad !== 1) throw new Beyond();
    const mode = upsample === 2 && padMode === 'reflect' ? 'clamp' : padMode;
    if (pad > 0 && from.mode && from.mode !== mode) throw new Beyond();
    if (pad > 0) from.mode = mode;
    from.border = Math.max(from.border, upsample === 2 ? (pad + 1) / 2 : pad);
    from.lastUse = this.layers.length;
  }

  /** What follows a norm: nothing, an activation, or another tensor that is added. */
  #after({ out }: NodeOf<'instanceNorm'>): Pick<Layer, 'out' | 'relu' | 'add'> {
    const add = this.#next(out, 'add');
    if (!add) {
      const relu = this.#next(out, 'relu');
      return { relu: relu !== undefined, out: this.#store(relu?.out ?? out) };
    }
    const other = this.#known.get(add.in === out ? add.with : add.in);
    if (other?.upsample !== 1 || other.at.bytes) throw new Beyond();
    other.at.lastUse = this.layers.length;
    const relu = this.#next(add.out, 'relu');
    return { add: other.at, relu: relu !== undefined, out: this.#store(relu?.out ?? add.out) };
  }

  /** What turns the last convolution's output into the picture. */
  #end({ out }: NodeOf<'conv'>): Pick<Layer, 'sigmoid'> {
    const activation = this.#next(out, 'sigmoid', 'tanh');
    let name = activation?.out ?? out;
    if (activation?.op === 'tanh') {
      // (1 + tanh x) / 2 is the sigmoid of 2 x.
      const half = this.#next(name, 'affine');
      if (half?.scale !== 0.5 || half.shift !== 0.5) throw new Beyond();
      name = half.out;
    }
    const bytes = this.#next(name, 'toRgb8');
    if (bytes?.out !== this.net.outputs.picture) throw new Beyond();
    return { sigmoid: activation ? (activation.op === 'tanh' ? 2 : 1) : 0 };
  }
}

/**
 * The part of a net that its picture needs as layers in order, the last of which makes the picture, and the tensors
 * between them, the first of which is the picture that comes in.
 * @throws Beyond
 */
export function readLayers(
  net: NetSpec,
  shapes: ReadonlyMap<string, Shape>,
): Pick<Reader, 'layers' | 'stored'> {
  const { layers, stored } = new Reader(net, shapes);
  const [picture, ...others] = stored;
  if (!picture?.bytes || others.some(({ bytes }) => bytes)) throw new Beyond();
  if (layers.at(-1)?.norm || layers.slice(0, -1).some(({ norm }) => !norm)) throw new Beyond();
  return { layers, stored };
}
