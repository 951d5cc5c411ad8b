import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useCell } from '../cell.js';
import type { Moment } from '../history.js';
import { t } from '../i18n/index.js';
import { state } from '../state.js';

const HEIGHT = 86;
const COLOURS = ['--plot-1', '--plot-2', '--plot-3', '--plot-4', '--plot-5', '--plot-6'];
const AXIS_FONT = '11px system-ui, sans-serif';

interface Line {
  readonly label: string;
  readonly of: (moment: Moment) => number | null;
}

/** Fits beside a small plot: 1500 is 1.5k. */
const short = (value: number) => (value < 1000 ? String(value) : `${value / 1000}k`);

function options(title: string, lines: readonly Line[], width: number, element: Element): uPlot.Options {
  const css = getComputedStyle(element);
  const axis = {
    stroke: css.getPropertyValue('--quiet'),
    font: AXIS_FONT,
    grid: { stroke: css.getPropertyValue('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    title,
    padding: [6, 10, 4, 0],
    width,
    height: HEIGHT,
    cursor: { points: { show: false }, drag: { x: false, y: false } },
    legend: { live: false, show: lines.length > 1 },
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.15)] } },
    axes: [
      { ...axis, show: false },
      { ...axis, size: 30, space: 24, values: (_, ticks) => ticks.map(short) },
    ],
    series: [
      {},
      ...lines.map(({ label }, i) => ({
        label,
        stroke: css.getPropertyValue(COLOURS[i % COLOURS.length] as string),
        width: 1.75,
        points: { show: false },
      })),
    ],
  };
}

/** Lines over the last two minutes. */
function Plot({
  title,
  lines,
  moments,
}: {
  title: string;
  lines: readonly Line[];
  moments: readonly Moment[];
}) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const data = [
    moments.map(({ seconds }) => seconds),
    ...lines.map(({ of }) => moments.map(of)),
  ] as uPlot.AlignedData;
  const names = lines.map(({ label }) => label).join();
  useEffect(() => {
    const room = element.current;
    if (!room) return;
    const own = new uPlot(options(title, lines, room.clientWidth || 300, room), data, room);
    plot.current = own;
    const watch = new ResizeObserver(() => own.setSize({ width: room.clientWidth, height: HEIGHT }));
    watch.observe(room);
    return () => {
      watch.disconnect();
      own.destroy();
    };
  }, [title, names]);
  useEffect(() => plot.current?.setData(data), [moments]);
  return <div class="plot" ref={element} role="img" aria-label={title} />;
}

export function Plots() {
  const moments = useCell(state.moments);
  const stages = Object.keys(moments.at(-1)?.stages ?? {});
  return (
    <div class="plots">
      <Plot
        title={t('numbers.fps')}
        moments={moments}
        lines={[
          { label: t('numbers.painted'), of: ({ fps }) => fps },
          { label: t('numbers.arrived'), of: ({ inFps }) => inFps },
        ]}
      />
      <Plot
        title={t('numbers.latency')}
        moments={moments}
        lines={[
          { label: 'p50', of: ({ latency }) => latency },
          { label: 'p95', of: ({ latencyHigh }) => latencyHigh },
          { label: t('glass.label'), of: ({ glass }) => glass },
        ]}
      />
      <Plot
        title={t('numbers.stages')}
        moments={moments}
        lines={stages.map((name) => ({ label: name, of: ({ stages: of }) => of[name] ?? null }))}
      />
      <Plot
        title={t('numbers.dropped')}
        moments={moments}
        lines={[{ label: t('numbers.dropped'), of: ({ drops }) => drops }]}
      />
    </div>
  );
}
