import type { NetSpec } from '../net.js';
import type { Size } from '../pixels.js';
import { Beyond, type Layer, readLayers, type Stored } from './native-layers.js';
import { shapesOf } from './shapes.js';
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
    const { layers, stored } = readLayers(net, shapes);
    const writer = new Writer(net, way);
    writer.load(stored[0]!);
    for (const [i, layer] of layers.entries()) {
      writer.layer(layer, shapes.get(layer.conv.out) as Stored['shape']);
      for (const tensor of stored)
        if (tensor.lastUse === i) writer.arena.give(tensor.offset, storedSize(tensor));
    }
    if (writer.arena.size + SLACK > MOST_NUMBERS) throw new Beyond();
    return writer.program();
  } catch (error) {
    if (error instanceof Beyond) return undefined;
    throw error;
  }
}
