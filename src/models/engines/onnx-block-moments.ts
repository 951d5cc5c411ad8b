import { conv, domain } from './onnx-block-conv.js';
import { attribute } from './onnx-proto.js';
import type { GraphWriter } from './onnx-writer.js';
import type { Phases } from './phases.js';

const { int, ints } = attribute;

const mean = (graph: GraphWriter, x: string, out: string) =>
  graph.node('GlobalAveragePool', [x], out, [], domain);

/** The same of a few numbers, for which no second thread is woken: `count` pixels of each channel → [1, channels]. */
export function meanOf(
  graph: GraphWriter,
  x: string,
  [channels, count, block]: readonly [number, number, number],
  out: string,
): string {
  const view = graph.reshape(x, [channels / block, count, block], `${out}/view`);
  const means = graph.node('ReduceMean', [view], `${out}/blocks`, [ints('axes', [1]), int('keepdims', 0)]);
  return graph.reshape(means, [1, channels], out);
}

/** How the numbers lie whose moments are wanted. */
interface Lying {
  readonly block: number;
  /** Of each channel, where they are corners: one row and one column of each do not count. */
  readonly corners?: readonly Phases[];
}

/**
 * Mean of each channel and of its squares over the rows, [1, channels]. Both are summed row by row first, which two
 * cores share and which rounds less; the squares are a convolution of each row with itself.
 */
export function moments(
  graph: GraphWriter,
  x: string,
  { block, corners }: Lying,
  out: string,
): { mean: string; squares: string } {
  const [channels, height, width] = graph.shapes.get(x)! as [number, number, number];
  const count = channels * height;
  const rows = graph.reshape(x, [1, count, 1, width], `${out}/rows`);
  const filters = graph.reshape(x, [count, 1, 1, width], `${out}/filters`);
  const squares = conv(graph, [rows, filters], `${out}/squares/rows`, {
    kernel: [1, width],
    strides: [1, 1],
    group: count,
  });
  const means = mean(graph, rows, `${out}/mean/rows`);
  if (corners) return cornerMoments(graph, { x, means, squares }, { block, corners }, out);
  return {
    mean: meanOf(graph, means, [channels, height, block], `${out}/mean`),
    squares: meanOf(graph, squares, [channels, height, block], `${out}/squares/mean`),
  };
}

/** Sums over rows, and what of them is not to count. */
interface RowSums {
  readonly x: string;
  readonly means: string;
  readonly squares: string;
}

/** The same of corners: from each row's sum the number that is not among its cells is taken, then a row is left out. */
function cornerMoments(
  graph: GraphWriter,
  { x, means, squares }: RowSums,
  { block, corners }: Required<Lying>,
  out: string,
): { mean: string; squares: string } {
  const [channels, height, width] = graph.shapes.get(x)! as [number, number, number];
  const part = (name: string) => `${out}/${name}`;
  const groups = channels / block;
  const shape = [groups, height, 1, block];
  const view = graph.reshape(x, [groups, height, width, block], part('view'));
  const column = (at: number) =>
    graph.node('Gather', [view, graph.integers([at])], part(`column${at}`), [int('axis', 2)]);
  const right = graph.flags(
    part('right'),
    [groups, 1, 1, block],
    corners.map(({ x }) => x === 1),
  );
  const beside = graph.node('Where', [right, column(0), column(width - 1)], part('beside'));
  const counting = rowsThatCount(corners, height, block);
  const rows = graph.floats(part('rows/count'), shape, counting);
  const total = (sums: string, without: string, name: string) => {
    const cells = graph.node('Sub', [sums, without], part(`${name}/cells`));
    const counted = graph.node('Mul', [cells, rows], part(`${name}/counted`));
    const inputs = [counted, graph.integers([1])];
    const sum = graph.node('ReduceSum', inputs, part(`${name}/blocks`), [int('keepdims', 0)]);
    return graph.reshape(sum, [1, channels], part(`${name}/sum`));
  };
  const inRows = graph.reshape(means, shape, part('means'));
  const sums = graph.node('Mul', [inRows, graph.number(width)], part('sums'));
  const average = [total(sums, beside, 'mean'), graph.number(1 / (width - 1))];
  const besideSquared = graph.node('Mul', [beside, beside], part('beside/squared'));
  return {
    mean: graph.node('Mul', average, part('mean')),
    squares: total(graph.reshape(squares, shape, part('squares/shaped')), besideSquared, 'squares'),
  };
}

/** [channels / block, height, 1, block]: what each row counts for a mean over those from a channel's own corner on. */
function rowsThatCount(corners: readonly Phases[], height: number, block: number): Float32Array {
  const counting = new Float32Array(corners.length * height);
  for (const [channel, { y }] of corners.entries()) {
    const [group, lane] = [Math.floor(channel / block), channel % block];
    for (let row = y; row < height - 1 + y; row++)
      counting[(group * height + row) * block + lane] = 1 / (height - 1);
  }
  return counting;
}
