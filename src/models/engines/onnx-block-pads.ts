import type { Order } from './blocks.js';
import { modeAlong, modeOf, type Padding, type PadMode } from './onnx-cells.js';
import { attribute } from './onnx-proto.js';
import type { GraphWriter } from './onnx-writer.js';
import { type Folding, type Phases, paddedCells, phaseAt } from './phases.js';

const { int, text } = attribute;

/** A tensor in blocks, [1, channels, height, width] to ONNX, that is about to be padded. */
interface Padded {
  readonly name: string;
  readonly block: number;
  readonly order: Order;
  readonly phases: Phases;
}

/** What a place beyond the border shows, by phase, along one axis. */
interface Strip {
  readonly axis: 1 | 2;
  readonly padding: Padding;
  /** Phase of each channel along this axis. */
  readonly phaseOf: readonly number[];
}

/** The same memory as it lies: [channels / block, height, width, block]. */
const dims = (
  graph: GraphWriter,
  { name, block }: Pick<Padded, 'name' | 'block'>,
): [number, number, number, number] => {
  const [channels, height, width] = graph.shapes.get(name)! as [number, number, number];
  return [channels / block, height, width, block];
};

/** The cells beyond both borders, each phase from where it is reflected. */
function beyond(
  graph: GraphWriter,
  x: string,
  { axis, padding, phaseOf }: Strip,
  block: number,
  out: string,
): string[] {
  const { sources, before, after } = padding;
  const edges = sources.map((cells) => [...cells.slice(0, before), ...cells.slice(cells.length - after)]);
  const gathered = (phase: number) =>
    graph.node('Gather', [x, graph.integers(edges[phase]!)], `${out}/${phase}`, [int('axis', axis)]);
  let strips = gathered(0);
  for (let phase = 1; phase < edges.length; phase++) {
    const here = phaseOf.map((other) => other === phase);
    const mask = graph.flags(`${out}/mask${phase}`, [phaseOf.length / block, 1, 1, block], here);
    strips = graph.node('Where', [mask, gathered(phase), strips], `${out}/mixed${phase}`);
  }
  const part = (name: string, from: number, to: number) =>
    graph.node(
      'Slice',
      [strips, ...[[from], [to], [axis]].map((values) => graph.integers(values))],
      `${out}/${name}`,
    );
  return [
    before > 0 ? part('before', 0, before) : '',
    after > 0 ? part('after', before, before + after) : '',
  ];
}

function padAxis(graph: GraphWriter, x: string, strip: Strip, block: number, out: string): string {
  const { before, after } = strip.padding;
  if (before + after === 0) return x;
  const [first, last] = beyond(graph, x, strip, block, `${out}/beyond`);
  const parts = [first, x, last].filter((name) => name) as string[];
  return graph.node('Concat', parts, out, [int('axis', strip.axis)]);
}

/** A tensor with its border, [1, channels, height, width]. */
export interface Bordered {
  readonly x: string;
  readonly height: number;
  readonly width: number;
}

/** Phase of each channel along one direction. */
const phasesOf =
  ({ order, phases }: Padded) =>
  (direction: 'y' | 'x') =>
    order.map((channel) => phaseAt(channel, phases)[direction]);

/** Adds what a folded convolution reads beside a tensor in blocks, but nothing above and below. */
export function padColumns(graph: GraphWriter, padded: Padded, folding: Folding, out: string): Bordered {
  const { name, block } = padded;
  const [groups, height, width] = dims(graph, padded);
  const padding = paddedCells(folding, 'x', width)!;
  const { before, after } = padding;
  const mode = modeAlong(padding, width);
  if (mode) return padEvenly(graph, padded, [0, before, 0, after], mode, out);
  const view = graph.reshape(name, [groups, height, width, block], `${out}/view`);
  const strip: Strip = { axis: 2, padding, phaseOf: phasesOf(padded)('x') };
  const wide = padAxis(graph, view, strip, block, `${out}/wide`);
  return bordered(graph, wide, groups * block, [height, before + width + after], out);
}

/** Adds the padding of a folded convolution to a tensor in blocks. */
export function padBlocks(graph: GraphWriter, padded: Padded, folding: Folding, out: string): Bordered {
  const { name, block } = padded;
  const [groups, height, width] = dims(graph, padded);
  const rows = paddedCells(folding, 'y', height)!;
  const columns = paddedCells(folding, 'x', width)!;
  const mode = modeOf(rows, columns, { height, width });
  if (mode) {
    const margins = [rows.before, columns.before, rows.after, columns.after] as const;
    return padEvenly(graph, padded, margins, mode, out);
  }
  const view = graph.reshape(name, [groups, height, width, block], `${out}/view`);
  const phaseOf = phasesOf(padded);
  const across: Strip = { axis: 2, padding: columns, phaseOf: phaseOf('x') };
  const wide = padAxis(graph, view, across, block, `${out}/wide`);
  const high = padAxis(graph, wide, { axis: 1, padding: rows, phaseOf: phaseOf('y') }, block, `${out}/high`);
  const sides = [height + rows.before + rows.after, width + columns.before + columns.after] as const;
  return bordered(graph, high, groups * block, sides, out);
}

/** Pads all channels of a tensor in blocks alike: rows above, columns left, rows below, columns right. */
export function padEvenly(
  graph: GraphWriter,
  padded: Pick<Padded, 'name' | 'block'>,
  [top, left, bottom, right]: readonly [number, number, number, number],
  mode: PadMode,
  out: string,
): Bordered {
  const [groups, height, width, block] = dims(graph, padded);
  const view = graph.reshape(padded.name, [groups, height, width, block], `${out}/view`);
  const margins = graph.integers([0, top, left, 0, 0, bottom, right, 0]);
  const wide = graph.node('Pad', [view, margins], `${out}/wide`, [text('mode', mode)]);
  return bordered(graph, wide, groups * block, [height + top + bottom, width + left + right], out);
}

const bordered = (
  graph: GraphWriter,
  view: string,
  channels: number,
  [height, width]: readonly [number, number],
  out: string,
): Bordered => ({ x: graph.reshape(view, [1, channels, height, width], out), height, width });
