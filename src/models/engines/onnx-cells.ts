import { reflected } from '../pixels.js';
import type { CellNode, CellNodeOf, CellOps } from './half-resolution.js';
import { normParams } from './onnx-ops.js';
import { attribute } from './onnx-proto.js';
import type { GraphWriter } from './onnx-writer.js';
import { type Folding, type Phases, paddedCells } from './phases.js';

const { int, float, text, ints } = attribute;

/** A tensor in cells that is about to be padded. */
export interface Cells {
  readonly name: string;
  /** Channels of the picture. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly phases: Phases;
}

export type Padding = NonNullable<ReturnType<typeof paddedCells>>;

const sourceOf = {
  edge: (i: number, n: number) => Math.min(n - 1, Math.max(0, i)),
  reflect: reflected,
} as const;
export type PadMode = keyof typeof sourceOf;
const modes = Object.keys(sourceOf) as PadMode[];

/** Whether all phases are padded alike, along one direction of `n` cells, by what ONNX calls so. */
const follows = (mode: PadMode, { sources, before }: Padding, n: number): boolean =>
  sources.every((cells) => cells.every((cell, place) => cell === sourceOf[mode](place - before, n)));

/** `edge` or `reflect` where that is how one direction of `n` cells is padded. */
export const modeAlong = (padding: Padding, n: number): PadMode | undefined =>
  modes.find((mode) => follows(mode, padding, n));

/** The same where it is how both are. */
export const modeOf = (
  rows: Padding,
  columns: Padding,
  { height, width }: Pick<Cells, 'height' | 'width'>,
): PadMode | undefined => modes.find((mode) => follows(mode, rows, height) && follows(mode, columns, width));

/**
 * Columns beside a picture, [channels, x, rows, columns] → [channels, x, rows, n]: in each phase its own ones,
 * which `sources` names by phase.
 */
function besides(
  graph: GraphWriter,
  x: string,
  sources: readonly (readonly number[])[],
  out: string,
): string {
  const n = sources[0]!.length;
  const all = graph.node('Gather', [x, graph.integers(sources.flat())], `${out}/all`, [int('axis', 3)]);
  const parts = sources.map((_, phase) => {
    const from = graph.integers([phase, phase * n]);
    const to = graph.integers([phase + 1, (phase + 1) * n]);
    return graph.node('Slice', [all, from, to, graph.integers([1, 3])], `${out}/${phase}`);
  });
  return graph.node('Concat', parts, out, [int('axis', 1)]);
}

/** Pads where phases differ in what stands beyond the border: columns are put beside, rows gathered. */
function padEach(graph: GraphWriter, cells: Cells, rows: Padding, columns: Padding, out: string): string {
  const { channels, height, width, phases } = cells;
  let x = graph.reshape(cells.name, [channels, phases.x, phases.y * height, width], `${out}/columns`);
  const left = columns.sources.map((row) => row.slice(0, columns.before));
  const right = columns.sources.map((row) => row.slice(row.length - columns.after));
  const sides = [
    ...(columns.before ? [besides(graph, x, left, `${out}/left`)] : []),
    x,
    ...(columns.after ? [besides(graph, x, right, `${out}/right`)] : []),
  ];
  if (sides.length > 1) x = graph.node('Concat', sides, `${out}/wide`, [int('axis', 3)]);
  const places = rows.sources.flatMap((row, phase) => row.map((cell) => phase * height + cell));
  x = graph.node('Gather', [x, graph.integers(places)], `${out}/rows`, [int('axis', 2)]);
  const padded = (n: number, { before, after }: Padding) => before + n + after;
  const shape = [1, channels * phases.x * phases.y, padded(height, rows), padded(width, columns)];
  return graph.reshape(x, shape, out);
}

/** Adds the padding of a folded convolution to a tensor in cells. */
export function padCells(graph: GraphWriter, name: string, folding: Folding, out: string): string {
  const [count, height, width] = graph.shapes.get(name)! as [number, number, number];
  const phases = folding.from;
  const cells: Cells = { name, channels: count / phases.x / phases.y, height, width, phases };
  const rows = paddedCells(folding, 'y', height)!;
  const columns = paddedCells(folding, 'x', width)!;
  const mode = modeOf(rows, columns, cells);
  if (!mode) return padEach(graph, cells, rows, columns, out);
  const margins = [0, 0, rows.before, columns.before, 0, 0, rows.after, columns.after];
  return graph.node('Pad', [name, graph.integers(margins)], out, [text('mode', mode)]);
}

/** What one step of a byte is worth. */
export const byteScale = (graph: GraphWriter) => graph.number(1 / 255);

type CellTable = {
  readonly [K in keyof CellOps]: (node: CellNodeOf<K>, graph: GraphWriter) => unknown;
};

const steps: CellTable = {
  cellConv: ({ in: input, out, weight, bias, bytes, folding, rows, columns }, graph) => {
    const cells = padCells(graph, input, folding, `${out}/padded`);
    const padded = bytes ? graph.node('DequantizeLinear', [cells, byteScale(graph)], `${out}/floats`) : cells;
    const params = [weight, ...(bias ? [bias] : [])].map((name) => graph.param(name));
    graph.node('Conv', [padded, ...params], out, [
      ints('kernel_shape', [rows.size, columns.size]),
      ints('strides', [rows.stride, columns.stride]),
    ]);
  },
  cellNorm: (node, graph) => {
    const { in: input, out, phases, epsilon } = node;
    const [count, height, width] = graph.shapes.get(input)! as [number, number, number];
    const each = phases.x * phases.y;
    const together = graph.reshape(input, [1, count / each, each * height, width], `${out}/together`);
    const params = normParams(node, count / each, graph);
    const normed = graph.node('InstanceNormalization', [together, ...params], `${out}/normed`, [
      float('epsilon', epsilon),
    ]);
    graph.reshape(normed, [1, count, height, width], out);
  },
  quantize: ({ in: input, out }, graph) => {
    graph.node('QuantizeLinear', [input, byteScale(graph)], out);
  },
  /** In two moves of one axis each, several times as fast here as DepthToSpace or one move of both. */
  unfold: ({ in: input, out, phases: { x, y } }, graph) => {
    const [count, height, width] = graph.shapes.get(input)! as [number, number, number];
    const channels = count / x / y;
    const part = (name: string) => `${out}/${name}`;
    const columns = graph.reshape(input, [channels, x, y * height * width], part('columns'));
    const wide = graph.node('Transpose', [columns], part('wide'), [ints('perm', [0, 2, 1])]);
    const rows = graph.reshape(wide, [channels, y, height, width * x], part('rows'));
    const high = graph.node('Transpose', [rows], part('high'), [ints('perm', [0, 2, 1, 3])]);
    graph.reshape(high, [1, channels, height * y, width * x], out);
  },
};

/** Adds an op on cells to a graph. */
export function applyCell(node: CellNode, graph: GraphWriter): void {
  (steps[node.op] as (node: CellNode, graph: GraphWriter) => unknown)(node, graph);
}

export const isCellNode = (node: { readonly op: string }): node is CellNode => node.op in steps;
