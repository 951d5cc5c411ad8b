import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useCell } from '../cell.js';
import { language } from '../i18n/index.js';
import { type Curves, state } from './feed.js';
import { type Line, options } from './plot.js';
import { type Column, shown, smoothed, type Table } from './table.js';
import { nameOf, word } from './words.js';

export interface ChartLook {
  readonly log: boolean;
  /** 0 shows the numbers as they are. */
  readonly smoothing: number;
}

/** A curve of a chart: its line, its numbers, and what they are joined from. */
interface Curve {
  readonly line: Line;
  readonly steps: readonly number[];
  readonly column: Column;
  /** Whether the legend shows it: the numbers as they are, not smoothed. */
  readonly named: boolean;
}

const curveOf = (table: Table, name: string, line: Line, column = table.values.get(name)): Curve[] =>
  column?.some((value) => value !== null) ? [{ line, steps: table.steps, column, named: true }] : [];

/** What a chart of one number shows: training, smoothed over its own faint trace, and held-out beside it. */
function curvesOf({ training, heldOut }: Curves, name: string, smoothing: number): Curve[] {
  const raw = training.values.get(name);
  const label = word('training');
  const line = { label, colour: '--plot-1', width: 2 };
  const held = { label: word('heldOut'), colour: '--plot-2', width: 2, points: true };
  const faint = { ...line, width: 1, opacity: 0.35 };
  const trace = smoothing > 0 ? curveOf(training, name, faint) : [];
  const own =
    raw && smoothing > 0
      ? curveOf(training, name, line, smoothed(raw, smoothing)).map((curve) => ({ ...curve, named: false }))
      : curveOf(training, name, line);
  const quiet = { label: word('unchanged'), colour: '--quiet', width: 1.5, dash: [6, 5], points: true };
  return [
    ...trace,
    ...own,
    ...curveOf(heldOut, name, held),
    ...(name === 'total' ? curveOf(heldOut, 'unchanged', quiet) : []),
  ];
}

/** Curves on one row of steps; on a log scale what is not above zero is left out. */
function dataOf(curves: readonly Curve[], log: boolean): uPlot.AlignedData {
  const drawable = (column: Column) =>
    log ? column.map((value) => (value !== null && value > 0 ? value : null)) : column;
  if (curves.length === 0) return [[]];
  return uPlot.join(curves.map(({ steps, column }) => [[...steps], drawable(column)] as uPlot.AlignedData));
}

interface Props {
  readonly name: string;
  readonly look: ChartLook;
  readonly large?: boolean;
}

/** Redraws when the page turns dark or light. */
function useScheme(): boolean {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const [is, set] = useState(dark.matches);
  useEffect(() => {
    const listen = () => set(dark.matches);
    dark.addEventListener('change', listen);
    return () => dark.removeEventListener('change', listen);
  }, []);
  return is;
}

/** One number over steps. Its newest values stand beside its name as text, and in the table of figures. */
export function Chart({ name, look, large = false }: Props) {
  const curves = useCell(state.curves);
  const runs = useCell(state.runs);
  const dark = useScheme();
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const marks = useRef<readonly number[]>([]);
  const [point, setPoint] = useState<number | null>(null);
  marks.current = runs.slice(1).map(({ step }) => step);
  const drawn = curvesOf(curves, name, look.smoothing);
  const data = dataOf(drawn, look.log);
  const lines = drawn.map(({ line }) => line);
  const height = large ? 300 : 160;
  useEffect(() => {
    const room = element.current;
    if (!room) return;
    const own = new uPlot(
      options({ lines, log: look.log, height, marks: () => marks.current, onPoint: setPoint }, room),
      data,
      room,
    );
    plot.current = own;
    const watch = new ResizeObserver(() => own.setSize({ width: room.clientWidth, height }));
    watch.observe(room);
    return () => {
      watch.disconnect();
      own.destroy();
    };
  }, [
    name,
    lines.map(({ label, colour, opacity }) => `${label}${colour}${opacity}`).join(),
    look.log,
    height,
    dark,
  ]);
  useEffect(() => plot.current?.setData(data), [curves, runs, look.smoothing]);
  const at = point === null ? undefined : (data[0][point] as number | undefined);
  const values = drawn.flatMap(({ line, named }, i) => {
    const column = data[i + 1] as Column;
    const value = at === undefined ? column.findLast((it) => it != null) : column[point!];
    return named ? [{ ...line, value: value ?? undefined }] : [];
  });
  const said = values.map(({ label, value }) => `${label} ${value === undefined ? '–' : shown(value)}`);
  return (
    <figure class={large ? 'chart card large' : 'chart card'}>
      <figcaption class="chart-head">
        <h3>{nameOf(name)}</h3>
        <ul class="chart-values">
          {at !== undefined && <li class="quiet number">{word('at', { step: at.toLocaleString('en') })}</li>}
          {values.map(({ label, colour, dash, value }) => (
            <li key={label} class="number">
              <span class={dash ? 'key dashed' : 'key'} style={{ '--key': `var(${colour})` }} />
              <span class="quiet">{label}</span> {value === undefined ? '–' : shown(value)}
            </li>
          ))}
        </ul>
      </figcaption>
      <div
        class="chart-room"
        ref={element}
        role="img"
        aria-label={word('chart', { name: nameOf(name), newest: said.join(', ') })}
        lang={language.value === 'zh' ? 'zh-CN' : 'en'}
      />
    </figure>
  );
}
