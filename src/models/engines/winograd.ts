import type { NodeOf } from '../net.js';
import type { Tensor } from '../weights.js';
import { blockedShape, type Order } from './blocks.js';
import type { CellNodeOf } from './half-resolution.js';

/**
 * Convolutions with fewer products (Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks", arXiv
 * 1509.09308, F(rows, taps) along rows; columns stay as they are). Of each tile of rows + taps - 1 input rows `input`
 * makes as many mixtures, each of which one mixture of the filter's rows is for; `output` makes the tile's output rows
 * of what they yield. That takes rows + taps - 1 rows of products where rows * taps are written.
 *
 * A filter with more rows than `taps` is several, one below the other, whose products are summed before `output`: they
 * read the same tiles if one begins every `taps` rows, and an output tile every `rows` is made of those that begin with it.
 */
export interface Winograd {
  /** Rows of the whole filter. */
  readonly size: number;
  /** Rows of a filter that is mixed. */
  readonly taps: number;
  /** Filters that the whole one is made of. */
  readonly parts: number;
  /** Output rows of a tile. */
  readonly rows: number;
  /** Rows from an input tile to the next. */
  readonly step: number;
  /** Runs of tiles that are convolved side by side, each by filters of its own that are the same. */
  readonly runs: number;
  /** [mixtures, rows of a tile of the input], the transposed B of the paper. */
  readonly input: readonly (readonly number[])[];
  /** [mixtures, taps], G. */
  readonly filter: readonly (readonly number[])[];
  /** [rows, mixtures], the transposed A. */
  readonly output: readonly (readonly number[])[];
}

/** Where polynomials are evaluated, besides infinity: small powers of two, which keep their digits. */
const points = [0, 1, -1, 2, -2, 0.5, -0.5, 4];
/** The mixture that every output row has once: that of the point 1. */
const EVEN_MIXTURE = 1;

/** Coefficients of a polynomial times (x - root), the lowest power first. */
const timesRoot = (of: readonly number[], root: number): number[] =>
  Array.from({ length: of.length + 1 }, (_, power) => (of[power - 1] ?? 0) - root * (of[power] ?? 0));
const withRoots = (roots: readonly number[]): number[] => roots.reduce(timesRoot, [1]);

/** F(rows, taps) by Cook and Toom: a product of polynomials from its values at some points and at infinity. */
export function rowMixes(rows: number, taps: number): Pick<Winograd, 'input' | 'filter' | 'output'> {
  const at = points.slice(0, rows + taps - 2);
  const others = at.map((_, i) => at.filter((_, j) => j !== i));
  const powers = (x: number, count: number) => Array.from({ length: count }, (_, power) => x ** power);
  const last = (count: number) => powers(0, count).reverse();
  const slopes = at.map((x, i) => others[i]!.reduce((product, other) => product * (x - other), 1));
  const columns = [...at.map((x) => powers(x, rows)), last(rows)];
  return {
    input: [...others.map((roots) => [...withRoots(roots), 0]), withRoots(at)],
    filter: [...at.map((x, i) => powers(x, taps).map((value) => value / slopes[i]!)), last(taps)],
    output: Array.from({ length: rows }, (_, row) => columns.map((column) => column[row]!)),
  };
}

function winograd(size: number, rows: number, taps = size): Winograd {
  const parts = Math.ceil(size / taps);
  return { size, taps, parts, rows, step: parts > 1 ? taps : rows, runs: 1, ...rowMixes(rows, taps) };
}

const known = [winograd(2, 4), winograd(2, 6), winograd(3, 4), winograd(3, 6)];

/** Tiles of the output in a run, the last of which may have more rows than there are. */
export const tilesOf = ({ rows, runs }: Winograd, height: number): number => Math.ceil(height / rows / runs);
/** Tiles of the input in a run, which lie closer where a filter has several parts. */
export const inputTilesOf = (way: Winograd, height: number): number =>
  ((tilesOf(way, height) - 1) * way.rows) / way.step + way.parts;

/** With fewer channels, by the rows of the filter, mixtures take as long as they save (docs/performance.md). */
const manyChannels = (size: number, block: number): number => (size === 3 ? 4 : 8) * block;

/** Whether mixtures can do a convolution between blocks, all of them full, [out, in, height, width], in less time. */
function gains(
  conv: NodeOf<'conv'> | CellNodeOf<'cellConv'>,
  shape: readonly number[],
  block: number,
): boolean {
  const [outs, ins, size, width] = shape as [number, number, number, number];
  const alike =
    conv.op === 'cellConv'
      ? size === 2 && [conv.rows, conv.columns].every(({ first }) => first === -1)
      : size === 3 && conv.stride === 1 && conv.pad === 1 && conv.padMode === 'reflect';
  const many = (count: number) => count >= manyChannels(size, block) && count % block === 0;
  return alike && !conv.bias && width === size && many(outs) && many(ins);
}

/**
 * The way that takes the fewest products for a convolution whose filters, [out, in, 3, 3] or on cells [out, in, 2, 2],
 * yield `height` rows; undefined where none gains.
 */
export function winogradFor(
  conv: NodeOf<'conv'> | CellNodeOf<'cellConv'>,
  shape: readonly number[],
  height: number,
  block: number,
): Winograd | undefined {
  const products = (way: Winograd) => tilesOf(way, height) * way.input.length;
  if (!gains(conv, shape, block)) return undefined;
  return known
    .filter(({ size }) => size === shape[2])
    .reduce((best, other) => (products(other) < products(best) ? other : best));
}

const LARGE = 7;
/** Channels of a row of pixels; fewer were not measured. */
const LEAST_CHANNELS = 16;
const fillsRows = (channels: number, block: number) => channels >= LEAST_CHANNELS && channels % block === 0;

/** The runtime takes as many channels as fill blocks: runs of tiles are made of a picture until they do. */
const runCounts = [1, 2];

/**
 * The way for a large filter on a picture of few channels, [out, in, size, size], of which it makes whole blocks for
 * each row: `outs` channels. Its input is small, and may be mixed for many tiles; of its output there is much.
 */
export function fewInputsWay(
  [, ins, size]: readonly number[],
  outs: number,
  block: number,
): Winograd | undefined {
  const way = winograd(size!, 6, 3);
  const runs = runCounts.find((count) => (count * way.input.length * ins!) % block === 0);
  return runs && size! >= LARGE && fillsRows(outs, block) ? { ...way, runs } : undefined;
}

/**
 * The same for one on rows of `ins` channels in whole blocks, which makes few channels. Its input is large: it is mixed
 * for as few tiles as can be.
 */
export const fewOutputsWay = (
  [, , size]: readonly number[],
  ins: number,
  block: number,
): Winograd | undefined => (size! >= LARGE && fillsRows(ins, block) ? winograd(size!, 5, 5) : undefined);

/** Which channels the filters of mixtures have in blocks (see `blocks.ts`). */
export interface Blocks {
  readonly block: number;
  readonly outs: Order;
  /** Undefined where the input is plain. */
  readonly ins: Order | undefined;
}

/** Shape of the filters of all mixtures, one after the other. */
export function mixedShape(way: Winograd, shape: readonly number[], { outs, ins }: Blocks): number[] {
  const [, channels, , columns] = blockedShape(shape, outs, ins);
  return [way.filter.length * way.runs * outs.length, channels!, way.parts, columns!];
}

/** Taps that are mixed at a time. */
const ABREAST = 3;

/**
 * Filters [out, in, size, columns] as those of each mixture, in blocks: [mixtures, runs, out / block, in / block, parts,
 * columns, block of in, block of out].
 */
export function mixedFilters(way: Winograd, { shape, data }: Tensor, blocks: Blocks): Tensor {
  const [, ins, size, columns] = shape as [number, number, number, number];
  const { block, outs, ins: from = Array.from({ length: ins }, (_, i) => i) } = blocks;
  const inner = blocks.ins ? block : 1;
  const row = columns * inner * block;
  const chunks = (outs.length / block) * (from.length / inner);
  const mixed = new Float32Array(way.filter.length * chunks * way.parts * row);
  // A fade binds for every frame, so nothing is made in the loops, and what is written lies in a row.
  const taps = new Float32Array((way.parts * way.taps + ABREAST) * row);
  let chunk = 0;
  for (let out = 0; out < outs.length; out += block)
    for (let input = 0; input < from.length; input += inner, chunk++) {
      for (let lane = 0; lane < block; lane++)
        for (let i = 0; i < inner; i++) {
          const [o, channel] = [outs[out + lane]!, from[input + i]!];
          const known = o >= 0 && channel >= 0;
          const filter = known ? (o * ins + channel) * size * columns : -1;
          readTaps(taps, i * block + lane, inner * block, size * columns, data, filter);
        }
      for (let k = 0; k < way.filter.length; k++)
        for (let part = 0; part < way.parts; part++) {
          const place = ((k * chunks + chunk) * way.parts + part) * row;
          mixRows(mixed, place, taps, row, part * way.taps, way.filter[k]!);
        }
    }
  return { shape: mixedShape(way, shape, blocks), data: forRuns(way, mixed) };
}

/** Writes `count` numbers of a filter, zeros where there is none (-1), `step` apart. */
function readTaps(
  taps: Float32Array,
  first: number,
  step: number,
  count: number,
  data: Float32Array,
  filter: number,
): void {
  for (let i = 0, to = first; i < count; i++, to += step) taps[to] = filter < 0 ? 0 : data[filter + i]!;
}

/** Writes a mixture of the rows of taps from `first` on. */
function mixRows(
  mixed: Float32Array,
  place: number,
  taps: Float32Array,
  row: number,
  first: number,
  mixture: readonly number[],
): void {
  for (let tap = 0; tap < mixture.length; tap += ABREAST) {
    const [x, y, z] = [mixture[tap]!, mixture[tap + 1] ?? 0, mixture[tap + 2] ?? 0];
    const at = (first + tap) * row;
    const [second, third] = [at + row, at + 2 * row];
    if (tap === 0)
      for (let i = 0; i < row; i++)
        mixed[place + i] = x * taps[at + i]! + y * taps[second + i]! + z * taps[third + i]!;
    else
      for (let i = 0; i < row; i++)
        mixed[place + i] =
          mixed[place + i]! + x * taps[at + i]! + y * taps[second + i]! + z * taps[third + i]!;
  }
}

/** What each mixture has, once for every run. */
function forRuns({ runs, input }: Winograd, mixed: Float32Array): Float32Array {
  if (runs === 1) return mixed;
  const each = mixed.length / input.length;
  const repeated = new Float32Array(mixed.length * runs);
  for (let i = 0; i < input.length * runs; i++) {
    const mixture = Math.floor(i / runs) * each;
    repeated.set(mixed.subarray(mixture, mixture + each), i * each);
  }
  return repeated;
}

/** Numbers per channel as a bias of each mixture, [mixtures, runs, channels], which adds them once to every row. */
export function mixedBias(way: Winograd, { data }: Tensor): Tensor {
  const mixed = new Float32Array(way.input.length * data.length);
  mixed.set(data, EVEN_MIXTURE * data.length);
  const biases = forRuns(way, mixed);
  return { shape: [biases.length], data: biases };
}
