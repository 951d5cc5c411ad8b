import { type NetSpec, type Node, type NodeOf, nodesFor, type Op } from '../net.js';
import type { Size } from '../pixels.js';
import { type Shape, shapesOf } from './shapes.js';
import { rowMixes } from './winograd.js';

/**
 * A TransformNet as the steps of `native/painter.h`: the picture in, convolutions each with the norm behind it, the
 * painted picture out. A convolution behind an upsampling reads the small tensor, and what stands around a tensor is
 * written with it, so that nothing is padded, copied or enlarged.
 */

/** Numbers behind the last tensor that the last block of groups may read; and how many groups a block has at most. */
const SLACK = 8192;
const BLOCK = 40;
/** Pixels of a group at most. */
const MOST_GROUP = 16;
/** Tensors begin where a vector of the widest kind may. */
const ALIGNED = 16;

const kinds = { load: 0, layer: 1, picture: 2 } as const;
const borders = { reflect: 0, clamp: 1, zero: 2 } as const;

/** Fields of a step in the order of `Step` in `native/painter.h`, the last three of them floats. */
const fields = [
  ...(['kind', 'width', 'height', 'channels', 'out', 'border', 'borderMode'] as const),
  ...(['in', 'inGroup', 'inRow', 'rowStep', 'from'] as const),
  ...(['group', 'phases', 'rows', 'window', 'weight', 'depth', 'side', 'stride', 'pad', 'upsample'] as const),
  ...(['scale', 'shift', 'relu', 'add', 'bias', 'mix'] as const),
  ...(['weightScale', 'epsilon', 'sigmoid'] as const),
];
const FLOATS = 3;
type Step = Partial<Record<(typeof fields)[number], number>>;

/** Numbers of a step. */
export const STEP_SIZE = fields.length;

/** `Mix` in `native/painter.h`: numbers on a side of its matrices, and how many it has in all. */
const MOST_MIXED = 8;
export const MIX_SIZE = 2 + 3 * MOST_MIXED ** 2;

/** A way to multiply that `native/painter.c` is compiled for. */
export interface Way {
  readonly name: string;
  /** Numbers of a vector; and of a window, that are multiplied at once. */
  readonly lanes: number;
  readonly depth: number;
  /** What a vector costs that is multiplied by itself, where two share what they are multiplied by (measured). */
  readonly single: number;
  /** Whether rows are mixed, which takes fewer products but more digits. */
  readonly mixes: boolean;
}

/** What the addon needs to paint with a net. */
export interface NativeProgram {
  /** The steps, `STEP_SIZE` numbers each, and the ways to mix rows, `MIX_SIZE` each. */
  readonly steps: Int32Array;
  readonly mixes: Int32Array;
  /** Names of the weights that the steps call by index. */
  readonly weights: readonly string[];
  /** Numbers that all tensors take. */
  readonly tensors: number;
}

/** A tensor that convolutions read, and what has to stand around it. */
interface Stored {
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Whether its numbers are bytes rather than shares of 255. */
  readonly bytes: boolean;
  border: number;
  mode: keyof typeof borders | undefined;
  /** The last layer that reads it. */
  lastUse: number;
  offset: number;
  /** Index of the step that makes it. */
  step: number;
}

/** A convolution, what is done with its output, and what that becomes. */
interface Layer {
  readonly conv: NodeOf<'conv'>;
  readonly upsample: 1 | 2;
  readonly from: Stored;
  readonly out?: Stored;
  readonly norm?: NodeOf<'instanceNorm'>;
  readonly relu?: boolean;
  readonly add?: Stored;
  readonly sigmoid?: number;
}

/** Thrown inside and caught by `nativeProgram`: the net has something that the steps cannot say. */
class Beyond extends Error {}

/** Places in one memory, given back when what lies there is no longer read. */
class Arena {
  size = 0;
  #free: { offset: number; size: number }[] = [];

  take(size: number): number {
    const found = this.#free.find((gap) => gap.size >= size);
    if (!found) {
      this.size += size;
      return this.size - size;
    }
    this.#free = this.#free.filter((gap) => gap !== found);
    if (found.size > size) this.#free.push({ offset: found.offset + size, size: found.size - size });
    return found.offset;
  }

  give(offset: number, size: number): void {
    this.#free.push({ offset, size });
  }
}

const storedSize = ({ shape: [channels, height, width], border }: Stored): number =>
  Math.ceil((channels * (height + 2 * border) * (width + 2 * border)) / ALIGNED) * ALIGNED;

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
      for (const name of 'with' in node ? [node.in, node.with] : 'in' in node ? [node.in] : node.ins)
        this.#users.set(name, [...(this.#users.get(name) ?? []), node]);
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

/** Rows that are made at once where rows are mixed, and how many rows of a filter are mixed, by the rows that it has. */
const MIXED_ROWS = 6;
const mixedTaps: ReadonlyMap<number, number> = new Map([
  [2, 2],
  [3, 3],
  [9, 3],
]);

class Writer {
  readonly steps: Step[] = [];
  readonly weights: string[] = [];
  readonly arena = new Arena();
  readonly #taps: number[] = [];

  constructor(
    readonly net: NetSpec,
    readonly way: Way,
  ) {}

  #weight(name: string | undefined): number {
    if (name === undefined) return -1;
    const known = this.weights.indexOf(name);
    return known >= 0 ? known : this.weights.push(name) - 1;
  }

  #made(out: Stored): Step {
    const [channels, height, width] = out.shape;
    out.offset = this.arena.take(storedSize(out));
    out.step = this.steps.length;
    const borderMode = borders[out.mode ?? 'zero'];
    return { width, height, channels, out: out.offset, border: out.border, borderMode };
  }

  load(out: Stored): void {
    this.steps.push({ kind: kinds.load, ...this.#made(out) });
  }

  /** How many output pixels share a window: as many as make the fewest products. @throws Beyond */
  #group(width: number, channels: number, windowOf: (group: number) => number, step: number): number {
    const { lanes, depth, single } = this.way;
    const cost = (group: number) => {
      const vectors = Math.ceil((group * channels) / lanes);
      return (
        (Math.ceil(windowOf(group) / depth) * (vectors - (vectors % 2) + (vectors % 2) * single)) / group
      );
    };
    const groups = Array.from({ length: MOST_GROUP / step }, (_, i) => step * (i + 1)).filter(
      (n) => width % n === 0,
    );
    if (groups.length === 0) throw new Beyond();
    return groups.reduce((best, other) => (cost(other) < cost(best) ? other : best));
  }

  /** Which mix the rows of a layer go through. What lies around must be like the rest, which zeros are not. */
  #mix({ conv, from }: Layer, rows: number, height: number): number {
    const taps = mixedTaps.get(rows);
    if (!this.way.mixes || !taps || conv.stride !== 1 || from.mode === 'zero' || height < MIXED_ROWS)
      return -1;
    const known = this.#taps.indexOf(taps);
    return known >= 0 ? known : this.#taps.push(taps) - 1;
  }

  layer(layer: Layer, [channels, height, width]: Stored['shape']): void {
    const { conv, upsample, from, norm } = layer;
    const [, depth, side] = this.net.params[conv.weight]!.shape as [number, number, number, number];
    if (!norm && channels !== 3) throw new Beyond();
    const { stride, pad } = conv;
    const windowOf = (group: number) =>
      depth * (upsample === 2 ? group / 2 + pad + 1 : (group - 1) * stride + side);
    const group = this.#group(width, channels, windowOf, upsample);
    const window = windowOf(group);
    const inGroup = depth * (upsample === 2 ? group / 2 : group * stride);
    if (BLOCK * (inGroup + this.way.depth) + window > SLACK) throw new Beyond();
    const inRow = depth * (from.shape[2] + 2 * from.border);
    const before = from.border - (upsample === 2 ? (pad + 1) / 2 : pad);
    const rows = upsample === 2 ? pad + 1 : side;
    const reads: Step = {
      ...{ in: from.offset + before * (inRow + depth), inGroup, inRow, from: from.step },
      rowStep: upsample === 2 ? 1 : stride,
      ...{ group, phases: upsample, rows, window },
      ...{ weight: this.#weight(conv.weight), depth, side, stride, pad, upsample },
      ...{ mix: this.#mix(layer, rows, height / upsample), weightScale: from.bytes ? 1 / 255 : 1 },
    };
    if (norm && layer.out)
      this.steps.push({
        kind: kinds.layer,
        ...this.#made(layer.out),
        ...reads,
        ...{ scale: this.#weight(norm.scale), shift: this.#weight(norm.shift), epsilon: norm.epsilon },
        ...{ relu: layer.relu ? 1 : 0, add: layer.add?.step ?? -1, bias: -1 },
      });
    else
      this.steps.push({
        ...{ kind: kinds.picture, width, height, channels, ...reads },
        ...{ scale: -1, shift: -1, add: -1, bias: this.#weight(conv.bias), sigmoid: layer.sigmoid ?? 0 },
      });
  }

  #mixes(): Int32Array {
    const numbers = new Int32Array(this.#taps.length * MIX_SIZE);
    for (const [i, taps] of this.#taps.entries()) {
      const { input, filter, output } = rowMixes(MIXED_ROWS, taps);
      numbers.set([MIXED_ROWS, taps], i * MIX_SIZE);
      for (const [k, matrix] of [input, filter, output].entries())
        new Float32Array(numbers.buffer).set(matrix.flat(), i * MIX_SIZE + 2 + k * MOST_MIXED ** 2);
    }
    return numbers;
  }

  program(): NativeProgram {
    const steps = new Int32Array(this.steps.length * STEP_SIZE);
    const floats = new Float32Array(steps.buffer);
    for (const [i, step] of this.steps.entries())
      for (const [k, field] of fields.entries())
        (k < STEP_SIZE - FLOATS ? steps : floats)[i * STEP_SIZE + k] = step[field] ?? 0;
    return { steps, mixes: this.#mixes(), weights: this.weights, tensors: this.arena.size };
  }
}

const MOST_NUMBERS = 2 ** 31 - 1;

/** The steps that paint pictures of a size with a net; undefined where it has something that they cannot say. */
export function nativeProgram(net: NetSpec, size: Size, way: Way): NativeProgram | undefined {
  try {
    const shapes = shapesOf(net, size);
    const { layers, stored } = new Reader(net, shapes);
    const [picture] = stored;
    if (!picture?.bytes || stored.filter(({ bytes }) => bytes).length > 1) throw new Beyond();
    const writer = new Writer(net, way);
    writer.load(picture);
    for (const [i, layer] of layers.entries()) {
      writer.layer(layer, shapes.get(layer.conv.out) as Stored['shape']);
      for (const tensor of stored)
        if (tensor.lastUse === i) writer.arena.give(tensor.offset, storedSize(tensor));
    }
    if (layers.at(-1)?.norm || layers.slice(0, -1).some(({ norm }) => !norm)) throw new Beyond();
    if (writer.arena.size + SLACK > MOST_NUMBERS) throw new Beyond();
    return writer.program();
  } catch (error) {
    if (error instanceof Beyond) return undefined;
    throw error;
  }
}
