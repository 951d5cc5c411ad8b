import { reflected } from '../pixels.js';
import type { Tensor } from '../weights.js';

/**
 * Convolutions on pictures folded into cells. A picture of C channels in `y` by `x` phases is one of C * x * y
 * channels whose sides are `y` and `x` times smaller: pixel (row, column) of channel c stands in channel
 * (c * x + column mod x) * y + row mod y, at (floor(row / y), floor(column / x)). A convolution on the picture is
 * one on its cells with other filters, so a full-size layer of few channels becomes a small one of many, which fills
 * the vectors of a processor. The sums are the same, in another order.
 */
export interface Phases {
  readonly y: number;
  readonly x: number;
}

export const plain: Phases = { y: 1, x: 1 };
export const isPlain = ({ y, x }: Phases): boolean => y === 1 && x === 1;
export const samePhases = (a: Phases, b: Phases): boolean => a.y === b.y && a.x === b.x;

/** Which phase a channel of cells holds. */
export const phaseAt = (channel: number, { y, x }: Phases): Phases => ({
  y: Math.max(channel, 0) % y,
  x: Math.floor(Math.max(channel, 0) / y) % x,
});

/** A convolution with reflection padding, told in the pixels of the picture that it stands for. */
export interface Folding {
  /** Side of the filter, odd; it pads half of that, so stride 1 keeps the size. */
  readonly size: number;
  readonly stride: number;
  /** How often each pixel of the input is repeated in both directions before it is convolved. */
  readonly repeat: number;
  readonly from: Phases;
  readonly to: Phases;
}

/** Where filter row (or column) `k` for output phase `to` reads: cell relative to the output's, phase in the cell. */
interface Tap {
  readonly to: number;
  readonly k: number;
  readonly cell: number;
  readonly phase: number;
}

/** One direction of a folded convolution, in cells. */
export interface Axis {
  readonly taps: readonly Tap[];
  readonly from: number;
  readonly to: number;
  /** Cells from the output's own to the first that its filter reads: 0 or less. */
  readonly first: number;
  readonly size: number;
  readonly stride: number;
}

/** One direction of a folding; undefined where cells of the input and the output do not step together. */
export function axisOf({ size, stride, repeat, ...phases }: Folding, direction: 'y' | 'x'): Axis | undefined {
  const [from, to] = [phases.from[direction], phases.to[direction]];
  const step = (stride * to) / (repeat * from);
  if (!Number.isInteger(step)) return undefined;
  const taps: Tap[] = [];
  for (let phase = 0; phase < to; phase++)
    for (let k = 0; k < size; k++) {
      const pixel = Math.floor((stride * phase + k - (size - 1) / 2) / repeat);
      const cell = Math.floor(pixel / from);
      taps.push({ to: phase, k, cell, phase: pixel - cell * from });
    }
  const cells = taps.map(({ cell }) => cell);
  const first = Math.min(...cells);
  return { taps, from, to, first, size: Math.max(...cells) - first + 1, stride: step };
}

/** The direction of a filter that is not folded, of pixels on pixels. */
export const wholeAxis = (size: number): Axis => ({
  taps: Array.from({ length: size }, (_, k) => ({ to: 0, k, cell: k, phase: 0 })),
  ...{ from: 1, to: 1, first: 0, size, stride: 1 },
});

/**
 * For each phase, which cell stands at each place of the padded row, `from` -first before the row to as far as the
 * last filter reads. Undefined when one place would need two different cells, or one of another phase.
 */
export function paddedCells(
  folding: Folding,
  direction: 'y' | 'x',
  cells: number,
): { sources: number[][]; before: number; after: number } | undefined {
  const axis = axisOf(folding, direction);
  if (!axis) return undefined;
  const { taps, from, to, first, size, stride } = axis;
  const pixels = cells * from * folding.repeat;
  const outCells = pixels / folding.stride / to;
  const before = -first;
  const after = Math.max(0, stride * (outCells - 1) + first + size - cells);
  const clamped = (place: number) => Math.min(cells - 1, Math.max(0, place - before));
  const sources = Array.from({ length: from }, () =>
    Array.from({ length: before + cells + after }, (_, place) => clamped(place)),
  );
  const known = new Map<string, number>();
  for (let out = 0; out < outCells; out++)
    for (const tap of taps) {
      const place = stride * out + tap.cell + before;
      if (place >= before && place < before + cells) continue;
      const pixel = folding.stride * (to * out + tap.to) + tap.k - (folding.size - 1) / 2;
      const source = Math.floor(reflected(pixel, pixels) / folding.repeat);
      const cell = Math.floor(source / from);
      const key = `${place} ${tap.phase}`;
      if (source - cell * from !== tap.phase || (known.get(key) ?? cell) !== cell) return undefined;
      known.set(key, cell);
      sources[tap.phase]![place] = cell;
    }
  return { sources, before, after };
}

/** Filters [out, in, size, size] as filters on cells, [out * to.x * to.y, in * from.x * from.y, rows, columns]. */
export function foldFilters({ shape, data }: Tensor, rows: Axis, columns: Axis): Tensor {
  const [outs, ins, height, width] = shape as [number, number, number, number];
  const channels = ins * columns.from * rows.from;
  const folded = new Float32Array(outs * columns.to * rows.to * channels * rows.size * columns.size);
  for (let out = 0; out < outs; out++)
    for (let channel = 0; channel < ins; channel++) {
      const filter = (out * ins + channel) * height * width;
      for (const row of rows.taps)
        for (const column of columns.taps) {
          const to = (out * columns.to + column.to) * rows.to + row.to;
          const from = (channel * columns.from + column.phase) * rows.from + row.phase;
          const y = row.cell - rows.first;
          const x = column.cell - columns.first;
          const at = ((to * channels + from) * rows.size + y) * columns.size + x;
          folded[at] = folded[at]! + data[filter + row.k * width + column.k]!;
        }
    }
  return { shape: foldedShape(shape, rows, columns), data: folded };
}

export const foldedShape = ([outs, ins]: readonly number[], rows: Axis, columns: Axis): number[] => [
  outs! * columns.to * rows.to,
  ins! * columns.from * rows.from,
  rows.size,
  columns.size,
];

/** Numbers per channel [C] as numbers per channel of cells. */
export function foldBias({ data }: Tensor, { y, x }: Phases): Tensor {
  const folded = Float32Array.from({ length: data.length * x * y }, (_, i) => data[Math.floor(i / (x * y))]!);
  return { shape: [folded.length], data: folded };
}
