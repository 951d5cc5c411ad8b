import { reflected } from '../pixels.js';
import { conv } from './onnx-block-conv.js';
import { padEvenly } from './onnx-block-pads.js';
import { attribute } from './onnx-proto.js';
import type { GraphWriter } from './onnx-writer.js';
import { tilesOf, type Winograd } from './winograd.js';

const { int, ints } = attribute;

/** What a convolution by mixtures of rows reads and how it goes about it. */
interface Mixing {
  readonly in: string;
  /** Filters of all mixtures (see `mixedFilters`). */
  readonly weight: string;
  readonly out: string;
  readonly block: number;
  readonly way: Winograd;
}

/** [channels / block, rows, columns of all of a block] */
type Sides = readonly [groups: number, height: number, width: number];

/**
 * Each channel of a tensor, or of that with its border, moved to about zero by the mean of its middle row. Mixtures take
 * rows from each other, and what those have in common leaves a rounding error; of a flat picture nothing else would be
 * left, and the norm that follows would make a pattern of it. It takes the move itself out again.
 */
function centred(
  graph: GraphWriter,
  x: string,
  { bordered, block, out }: { bordered: string; block: number; out: string },
): string {
  const [channels, height, width] = graph.shapes.get(x)! as [number, number, number];
  const part = (name: string) => `${out}/${name}`;
  const view = graph.reshape(x, [channels / block, height, width, block], part('view'));
  const row = graph.node('Gather', [view, graph.integers([Math.floor(height / 2)])], part('row'), [
    int('axis', 1),
  ]);
  const means = graph.node('ReduceMean', [row], part('means'), [ints('axes', [1, 2]), int('keepdims', 0)]);
  const away = graph.node('Neg', [graph.reshape(means, [channels], part('mean'))], part('away'));
  const ones = graph.floats(`ones ${channels}`, [channels, 1, 1, 1], new Float32Array(channels).fill(1));
  return conv(graph, [bordered, ones, away], out, { kernel: [1, 1], strides: [1, 1], group: channels });
}

/** `rows` of a tensor, or of several that lie one after the other, each as a whole. */
function rowsOf(
  graph: GraphWriter,
  x: string,
  { rows, count, width, name }: { rows: readonly number[]; count: number; width: number; name: string },
  out: string,
): string {
  const view = graph.reshape(x, [count, width], `${out}/view`);
  return graph.node('Gather', [view, graph.integers(rows, name)], out, [int('axis', 0)]);
}

/** Rows of all tiles by their place in a tile, [rows of a tile, groups, tiles] of the input's; a border is reflected. */
function tileRows(way: Winograd, [groups, height]: Sides): number[] {
  const tiles = Array.from({ length: tilesOf(way, height) }, (_, tile) => tile * way.rows - 1);
  return way.input.flatMap((_, k) =>
    Array.from({ length: groups }, (_, group) =>
      tiles.map((first) => group * height + reflected(first + k, height)),
    ).flat(),
  );
}

/** Where the output's rows are in [rows of a tile, groups, tiles]; the last tile may have more than the output. */
function outputRows(way: Winograd, [groups, height]: Sides): number[] {
  const tiles = tilesOf(way, height);
  return Array.from({ length: groups * height }, (_, row) => {
    const [group, y] = [Math.floor(row / height), row % height];
    return ((y % way.rows) * groups + group) * tiles + Math.floor(y / way.rows);
  });
}

/** One product of a small matrix and everything, [rows, all else] → [rows of the matrix, all else]. */
function mix(
  graph: GraphWriter,
  x: string,
  matrix: readonly (readonly number[])[],
  size: number,
  out: string,
) {
  const dims = [matrix.length, matrix[0]!.length];
  const values = graph.floats(`mixing ${dims.join(' of ')}`, dims, Float32Array.from(matrix.flat()));
  return graph.node('MatMul', [values, graph.reshape(x, [dims[1]!, size], `${out}/rows`)], out);
}

/** Adds a convolution of 3x3 with a reflected border, by mixtures of rows, to a graph; a norm reads it. */
export function convByMixtures(graph: GraphWriter, { in: x, weight, out, block, way }: Mixing): string {
  const part = (name: string) => `${out}/${name}`;
  const [outs, height, width] = graph.shapes.get(out)! as [number, number, number];
  const [ins] = graph.shapes.get(x)! as [number];
  const [count, tiles] = [way.input.length, tilesOf(way, height)];
  const from: Sides = [ins / block, height, (width + 2) * block];
  const to: Sides = [outs / block, height, width * block];

  const bordered = padEvenly(graph, { name: x, block }, [0, 1, 0, 1], 'reflect', part('padded')).x;
  const centre = centred(graph, x, { bordered, block, out: part('centred') });
  const source = { rows: tileRows(way, from), count: from[0] * height, width: from[2] };
  const tiled = rowsOf(graph, centre, { ...source, name: `tiles of ${from} by ${way.rows}` }, part('tiles'));
  const mixed = mix(graph, tiled, way.input, from[0] * tiles * from[2], part('mixtures'));
  const shaped = graph.reshape(mixed, [1, count * ins, tiles, width + 2], part('mixtures/blocks'));
  const kernel = { kernel: [1, 3], strides: [1, 1], group: count };
  const products = conv(graph, [shaped, weight], part('products'), kernel);
  const made = mix(graph, products, way.output, to[0] * tiles * to[2], part('made'));
  const target = { rows: outputRows(way, to), count: way.rows * to[0] * tiles, width: to[2] };
  const rows = rowsOf(graph, made, { ...target, name: `rows of ${to} by ${way.rows}` }, part('ordered'));
  return graph.reshape(rows, [1, outs, height, width], out);
}
