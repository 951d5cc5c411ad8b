import type { NodeOf } from '../net.js';
import type { Tensor } from '../weights.js';
import type { CellNodeOf } from './half-resolution.js';

/**
 * Convolutions of 3 rows with fewer products (Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks",
 * arXiv 1509.09308, F(m, 3) along rows; columns stay as they are). Of each tile of m + 2 input rows `input` makes as
 * many mixtures, each of which one mixture of the filter's rows is for; `output` makes m rows of what they yield. That
 * takes m + 2 rows of products where 3 m are written.
 */
export interface Winograd {
  /** Output rows of a tile. */
  readonly rows: number;
  /** [m + 2, m + 2]: mixtures by rows of the input, the transposed B of the paper. */
  readonly input: readonly (readonly number[])[];
  /** [m + 2, 3]: mixtures by rows of a filter, G. */
  readonly filter: readonly (readonly number[])[];
  /** [m, m + 2]: rows of the output by mixtures, the transposed A. */
  readonly output: readonly (readonly number[])[];
}

const FILTER_ROWS = 3;
const AREA = FILTER_ROWS ** 2;
/** Where polynomials are evaluated, besides infinity: small powers of two, which keep their digits. */
const points = [0, 1, -1, 2, -2, 0.5, -0.5];

/** Coefficients of a polynomial times (x - root), the lowest power first. */
const timesRoot = (of: readonly number[], root: number): number[] =>
  Array.from({ length: of.length + 1 }, (_, power) => (of[power - 1] ?? 0) - root * (of[power] ?? 0));
const withRoots = (roots: readonly number[]): number[] => roots.reduce(timesRoot, [1]);

/** F(m, 3) by Cook and Toom: a product of polynomials from its values at m + 1 points and at infinity. */
function cookToom(rows: number): Winograd {
  const at = points.slice(0, rows + FILTER_ROWS - 2);
  const others = at.map((_, i) => at.filter((_, j) => j !== i));
  const powers = (x: number, count: number) => Array.from({ length: count }, (_, power) => x ** power);
  const last = (count: number) => powers(0, count).reverse();
  const slopes = at.map((x, i) => others[i]!.reduce((product, other) => product * (x - other), 1));
  const columns = [...at.map((x) => powers(x, rows)), last(rows)];
  return {
    rows,
    input: [...others.map((roots) => [...withRoots(roots), 0]), withRoots(at)],
    filter: [
      ...at.map((x, i) => powers(x, FILTER_ROWS).map((value) => value / slopes[i]!)),
      last(FILTER_ROWS),
    ],
    output: Array.from({ length: rows }, (_, row) => columns.map((column) => column[row]!)),
  };
}

const known = [4, 6].map(cookToom);

export const tilesOf = ({ rows }: Winograd, height: number): number => Math.ceil(height / rows);

/** With fewer channels the mixtures take nearly as long as they save (docs/performance.md). */
const MANY_CHANNELS = 64;

/** Whether mixtures can do a convolution, [out, in, height, width] and all blocks full, in less time. */
function gains(
  conv: NodeOf<'conv'> | CellNodeOf<'cellConv'>,
  [outs, ins, ...sides]: readonly number[],
  block: number,
): boolean {
  const alike = conv.op === 'conv' && conv.stride === 1 && conv.pad === 1 && conv.padMode === 'reflect';
  const fits = alike && !conv.bias && sides.every((side) => side === FILTER_ROWS);
  return fits && [outs!, ins!].every((count) => count >= MANY_CHANNELS && count % block === 0);
}

/** The way that takes the fewest products for a convolution with `height` output rows; undefined where none gains. */
export function winogradFor(
  conv: NodeOf<'conv'> | CellNodeOf<'cellConv'>,
  shape: readonly number[],
  height: number,
  block: number,
): Winograd | undefined {
  const products = (way: Winograd) => tilesOf(way, height) * way.input.length;
  if (!gains(conv, shape, block)) return undefined;
  return known.reduce((best, other) => (products(other) < products(best) ? other : best));
}

/** Shape of the filters of all mixtures, one after the other. */
export const mixedShape = ({ filter }: Winograd, [outs, ins]: readonly number[]): number[] => [
  filter.length * outs!,
  ins!,
  1,
  FILTER_ROWS,
];

/**
 * Filters [out, in, 3, 3], channels in whole blocks, as those of each mixture: [mixtures, out / block, in / block, 3,
 * block of in, block of out].
 */
export function mixedFilters(way: Winograd, { shape, data }: Tensor, block: number): Tensor {
  const [outs, ins] = shape as [number, number];
  const mixed = new Float32Array(way.filter.length * outs * ins * FILTER_ROWS);
  // A fade binds for every frame, so nothing is made in the loops, and what is written lies in a row.
  const taps = new Float32Array(AREA * block * block);
  let place = 0;
  for (let out = 0; out < outs; out += block)
    for (let input = 0; input < ins; input += block, place += taps.length / FILTER_ROWS) {
      for (let lane = 0; lane < block; lane++) {
        const first = ((out + lane) * ins + input) * AREA;
        readTaps(taps, data.subarray(first, first + block * AREA), lane, block);
      }
      for (let k = 0; k < way.filter.length; k++)
        mixRows(mixed, k * outs * ins * FILTER_ROWS + place, taps, way.filter[k]!);
    }
  return { shape: mixedShape(way, shape), data: mixed };
}

/** The filters of a block of inputs for the output of one lane → [3 rows, 3 columns, block of in, block of out]. */
function readTaps(taps: Float32Array, filters: Float32Array, lane: number, block: number): void {
  const step = block * block;
  for (let at = 0, input = lane; input < step; input += block)
    for (let tap = input; tap < taps.length; tap += step, at++) taps[tap] = filters[at]!;
}

function mixRows(mixed: Float32Array, place: number, taps: Float32Array, mixture: readonly number[]): void {
  const [x, y, z] = mixture as [number, number, number];
  const row = taps.length / FILTER_ROWS;
  for (let i = 0; i < row; i++) mixed[place + i] = x * taps[i]! + y * taps[row + i]! + z * taps[2 * row + i]!;
}
