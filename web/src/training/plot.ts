import type uPlot from 'uplot';

/** A line of a chart. */
export interface Line {
  readonly label: string;
  /** CSS variable of its colour. */
  readonly colour: string;
  readonly width: number;
  readonly opacity?: number;
  readonly dash?: number[];
  /** Points are drawn where there are few. */
  readonly points?: boolean;
}

export interface Look {
  readonly lines: readonly Line[];
  readonly log: boolean;
  readonly height: number;
  /** Steps to mark with a line from top to bottom. */
  readonly marks: () => readonly number[];
  /** Called with the index under the pointer, null outside. */
  readonly onPoint: (index: number | null) => void;
}

const FONT = '11px system-ui, sans-serif';
const MOST_TICKS = 7;

/** Ticks at even distances of 1, 2 or 5 times a power of ten, some four of them. */
function evenTicks(min: number, max: number): number[] {
  const rough = (max - min) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10);
  const first = Math.ceil(min / step);
  const count = Math.max(0, Math.floor(max / step) - first + 1);
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

/**
 * Ticks at 1, 2 and 5 times powers of ten; at the powers alone where those are many, at even distances where they are
 * few.
 */
export function logTicks(min: number, max: number): number[] {
  const ticks = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++)
    for (const times of [1, 2, 5]) ticks.push({ times, value: times * 10 ** power });
  const within = ticks.filter(({ value }) => value >= min && value <= max);
  if (within.length < 3) return evenTicks(min, max);
  const powers = within.filter(({ times }) => times === 1);
  return (within.length > MOST_TICKS ? powers : within).map(({ value }) => Number(value.toPrecision(3)));
}

const tick = (value: number): string => {
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 1000) return `${Number((value / 1000).toPrecision(4))}k`;
  return size < 1e-3 ? value.toExponential(0) : String(Number(value.toPrecision(3)));
};

/** Room above and below the data, on either scale; a chart of one number has some too. */
function range(log: boolean) {
  return (_: uPlot, min: number | null, max: number | null): [number, number] => {
    if (min === null || max === null) return log ? [0.1, 1] : [0, 1];
    if (log) {
      const room = max > min * 1.05 ? (max / min) ** 0.06 : 1.2;
      return [min / room, max * room];
    }
    const room = (max - min) * 0.06 || Math.abs(max) * 0.1 || 1;
    return [min >= 0 ? Math.max(0, min - room) : min - room, max + room];
  };
}

/** A CSS colour, made translucent. */
function faded(colour: string, opacity = 1): string {
  const share = Math.round(100 * opacity);
  return share === 100 ? colour : `color-mix(in srgb, ${colour} ${share}%, transparent)`;
}

function drawMarks(plot: uPlot, marks: readonly number[], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const step of marks) {
    const x = Math.round(plot.valToPos(step, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** What uPlot draws in an element, in the colours of the page. */
export function options(look: Look, element: Element): uPlot.Options {
  const css = getComputedStyle(element);
  const colour = (name: string) => css.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--quiet'),
    font: FONT,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  const ticks = look.log
    ? {
        splits: (_: uPlot, __: number, min: number, max: number) => logTicks(min, max),
        filter: (_: uPlot, all: number[]) => all,
      }
    : {};
  return {
    width: element.clientWidth || 300,
    height: look.height,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'training' }, y: false, points: { size: 7 }, drag: { x: true, y: false } },
    scales: { x: { time: false }, y: { distr: look.log ? 3 : 1, range: range(look.log) } },
    axes: [
      { ...axis, size: 26, space: 60, values: (_, all) => all.map(tick) },
      { ...axis, size: 46, space: 28, values: (_, all) => all.map(tick), ...ticks },
    ],
    series: [
      {},
      ...look.lines.map(({ label, colour: name, width, opacity, dash, points }) => ({
        label,
        stroke: faded(colour(name), opacity),
        width,
        ...(dash ? { dash } : {}),
        spanGaps: points ?? false,
        points: points ? { size: 5, fill: colour(name), stroke: colour(name) } : { show: false },
      })),
    ],
    hooks: {
      setCursor: [({ cursor }) => look.onPoint(cursor.idx ?? null)],
      draw: [(plot) => drawMarks(plot, look.marks(), colour('--quiet'))],
    },
  };
}
