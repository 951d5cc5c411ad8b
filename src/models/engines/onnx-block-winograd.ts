import { reflected } from '../pixels.js';
import type { BlockNodeOf } from './block-ops.js';
import { phaseCount, phasesApart } from './blocks.js';
import { conv } from './onnx-block-conv.js';
import { padColumns } from './onnx-block-pads.js';
import { byteScale } from './onnx-cells.js';
import { attribute, elementType } from './onnx-proto.js';
import type { GraphWriter } from './onnx-writer.js';
import { axisOf, type Phases, paddedCells, plain } from './phases.js';
import { inputTilesOf, tilesOf, type Winograd } from './winograd.js';

const { int, ints, text } = attribute;

type MixedBlockConv = BlockNodeOf<'mixedBlockConv'>;

/** How the rows of a picture lie: [groups, height], each of `width` numbers. */
interface Standing {
  /** Blocks of channels, or channels where they are not in blocks. */
  readonly groups: number;
  readonly height: number;
  readonly width: number;
  /** Those of rows stand in groups of their own, and those of columns before them. */
  readonly phases: Phases;
}

/** Groups that one row of pixels has. */
const acrossOf = ({ groups, phases }: Standing): number => groups / phases.y;

/** Where a row of pixels of one group lies among all. */
function rowAt({ groups, height, phases }: Standing, group: number, y: number): number {
  const each = groups / phaseCount(phases);
  const [column, within] = [Math.floor(group / each), group % each];
  return ((column * phases.y + (y % phases.y)) * each + within) * height + Math.floor(y / phases.y);
}

/** Rows of all tiles by their place in a tile, [rows of a tile, runs, groups, tiles]; beyond the border they are `source`'s. */
function tileRows(
  way: Winograd,
  from: Standing,
  { height, source }: { height: number; source: (y: number) => number },
): number[] {
  const [tiles, run] = [inputTilesOf(way, height), tilesOf(way, height) * way.rows];
  const count = <T>(n: number, each: (i: number) => T) => Array.from({ length: n }, (_, i) => each(i));
  return count(way.input.length, (k) =>
    count(way.runs, (r) =>
      count(acrossOf(from), (group) =>
        count(tiles, (t) => rowAt(from, group, source(r * run + t * way.step + k))),
      ),
    ),
  ).flat(3);
}

/** Where the output's rows are in [rows of a tile, runs, groups, tiles]; the last tile may have more than the output. */
function outputRows({ rows, runs }: Winograd, to: Standing, tiles: number): number[] {
  const places = new Array<number>(to.groups * to.height);
  for (let group = 0; group < acrossOf(to); group++)
    for (let y = 0; y < to.height * to.phases.y; y++) {
      const [tile, row] = [Math.floor(y / rows), y % rows];
      const run = row * runs + Math.floor(tile / tiles);
      places[rowAt(to, group, y)] = (run * acrossOf(to) + group) * tiles + (tile % tiles);
    }
  return places;
}

/** `rows` of a tensor, each as a whole. */
function gather(
  graph: GraphWriter,
  x: string,
  {
    rows,
    from,
    name,
  }: { rows: readonly number[]; from: readonly [count: number, width: number]; name: string },
  out: string,
): string {
  const view = graph.reshape(x, from, `${out}/view`);
  return graph.node('Gather', [view, graph.integers(rows, name)], out, [int('axis', 0)]);
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

/**
 * Each channel of a tensor with its border moved to about zero by the mean of its middle row. Mixtures take rows from
 * each other, and what those have in common leaves a rounding error; of a flat picture nothing else would be left, and
 * the norm that follows would make a pattern of it. It takes the move itself out again.
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

/** The byte nearest to the mean of each colour's middle row: the same move for bytes, which they can make by themselves. */
function middleByte(graph: GraphWriter, x: string, out: string): string {
  const [, height] = graph.shapes.get(x)! as [number, number, number];
  const part = (name: string) => `${out}/${name}`;
  const row = graph.node('Gather', [x, graph.integers([Math.floor(height / 2)])], part('row'), [
    int('axis', 2),
  ]);
  const floats = graph.node('Cast', [row], part('floats'), [int('to', elementType.float)]);
  const means = graph.node('ReduceMean', [floats], part('means'), [
    ints('axes', [0, 2, 3]),
    int('keepdims', 0),
  ]);
  const whole = graph.node('Round', [means], part('whole'));
  return graph.node('Cast', [whole], out, [int('to', elementType.uint8)]);
}

/** Tiles of what is read, [rows of a tile, groups, tiles, width] as it lies, and how it stood. */
interface Tiled {
  readonly x: string;
  readonly from: Standing;
}
type Tiles = (from: Standing) => readonly number[];

function tilesOfBlocks(graph: GraphWriter, node: MixedBlockConv, rows: Tiles): Tiled {
  const { in: x, out, block, order, from: stands = order, folding, levelled, cells } = node;
  const part = (name: string) => `${out}/${name}`;
  const bordered = padColumns(
    graph,
    { name: x, block, order: stands, phases: folding.from },
    folding,
    part('padded'),
  );
  const { height } = bordered;
  const moved = levelled
    ? centred(graph, x, { bordered: bordered.x, block, out: part('centred') })
    : bordered.x;
  const groups = stands.length / block;
  const phases = cells ? plain : phasesApart(stands, folding.from);
  const from: Standing = { groups, height, width: bordered.width * block, phases };
  const name = `tiles of ${node.way.input.length} by ${node.way.rows} from ${groups} by ${height}`;
  const lying = [groups * height, from.width] as const;
  return { x: gather(graph, moved, { rows: rows(from), from: lying, name }, part('tiles')), from };
}

function tilesOfBytes(graph: GraphWriter, node: MixedBlockConv, rows: Tiles): Tiled {
  const { in: x, out, folding, levelled, way } = node;
  const part = (name: string) => `${out}/${name}`;
  const [groups, height, width] = graph.shapes.get(x)! as [number, number, number];
  const { before, after } = paddedCells(folding, 'x', width)!;
  const margins = graph.integers([0, 0, 0, before, 0, 0, 0, after]);
  const wide = graph.node('Pad', [x, margins], part('wide'), [text('mode', 'reflect')]);
  const from: Standing = { groups, height, width: before + width + after, phases: plain };
  const places = rows(from);
  const lying = [groups * height, from.width] as const;
  const gathered = {
    rows: places,
    from: lying,
    name: `tiles of ${way.input.length} from bytes of ${height}`,
  };
  const bytes = gather(graph, wide, gathered, part('bytes'));
  const runs = way.input.length * way.runs;
  const each = (places.length / runs / groups) * from.width;
  const colours = graph.reshape(bytes, [runs, groups, each], part('colours'));
  const scales = graph.node('Expand', [byteScale(graph), graph.integers([groups])], part('scales'));
  const zeros = levelled ? [middleByte(graph, x, part('middle'))] : [];
  return {
    x: graph.node('DequantizeLinear', [colours, scales, ...zeros], part('tiles'), [int('axis', 1)]),
    from,
  };
}

/** Adds a convolution by mixtures of rows to a graph. */
export function convByMixtures(node: MixedBlockConv, graph: GraphWriter): string {
  const { way, weight, bias, out, block, order, folding, cells } = node;
  const part = (name: string) => `${out}/${name}`;
  const [channels, height, width] = graph.shapes.get(out)! as [number, number, number];
  const phases = cells ? plain : phasesApart(order, folding.to);
  const to: Standing = { groups: order.length / block, height, width: width * block, phases };
  const [count, high] = [way.input.length * way.runs, height * phases.y];
  const [tiles, inputTiles] = [tilesOf(way, high), inputTilesOf(way, high)];

  const [, innerHeight] = graph.shapes.get(node.in)! as [number, number];
  const whole = cells ? innerHeight : innerHeight * folding.from.y;
  const before = cells ? 1 : (folding.size - 1) / 2;
  const source = (y: number) =>
    cells ? Math.min(whole - 1, Math.max(0, y - before)) : reflected(y - before, whole);
  const tiled = (node.from ? tilesOfBlocks : tilesOfBytes)(graph, node, (from) =>
    tileRows(way, from, { height: high, source }),
  );
  const across = acrossOf(tiled.from);
  const mixed = mix(
    graph,
    tiled.x,
    way.input,
    way.runs * across * inputTiles * tiled.from.width,
    part('mixtures'),
  );
  const inner = node.from ? block : 1;
  const shape = [1, count * across * inner, inputTiles, tiled.from.width / inner];
  const [, , ...kernel] = graph.params[weight]!.shape;
  const params = [weight, ...(bias ? [bias] : [])].map((name) => graph.param(name));
  const products = conv(
    graph,
    [graph.reshape(mixed, shape, part('mixtures/shaped')), ...params],
    part('products'),
    {
      kernel,
      strides: [way.rows / way.step, cells ? 1 : axisOf(folding, 'x')!.stride],
      group: count,
    },
  );
  const made = mix(graph, products, way.output, way.runs * acrossOf(to) * tiles * to.width, part('made'));
  const rows = outputRows(way, to, tiles);
  const name = `rows of ${to.groups} by ${height} in ${phases.y} by ${phases.x} from tiles of ${way.rows}`;
  const lying = [way.rows * way.runs * acrossOf(to) * tiles, to.width] as const;
  const ordered = gather(graph, made, { rows, from: lying, name }, part('ordered'));
  return graph.reshape(ordered, [1, channels, height, width], out);
}
