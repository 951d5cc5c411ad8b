import { useState } from 'preact/hooks';
import { useCell } from '../cell.js';
import { keep, kept } from '../storage.js';
import { Slider } from '../ui/slider.js';
import { Chart } from './chart.js';
import { state } from './feed.js';
import { word } from './words.js';

/** What is no loss: how the course went. */
export const COURSE = ['norm', 'largest', 'rate', 'stepsPerSecond'];
/** Numbers that stand in another one's chart. */
const WITHIN = ['unchanged'];
/** What is read better by its differences than by its size. */
const LINEAR = new Set(['rate', 'stepsPerSecond', 'largest']);

/** What has no noise to be smoothed. */
const SMOOTH = new Set(['rate', 'stepsPerSecond']);

/** The names of all numbers: losses, the total first, and the course. */
function namesOf(all: Iterable<string>): { losses: string[]; course: string[] } {
  const names = [...new Set(all)].filter((name) => !WITHIN.includes(name));
  const losses = names.filter((name) => !COURSE.includes(name));
  return {
    losses: losses.sort((a, b) => Number(b === 'total') - Number(a === 'total')),
    course: COURSE.filter((name) => names.includes(name)),
  };
}

function Look({
  log,
  smoothing,
  onLog,
  onSmoothing,
}: {
  readonly log: boolean;
  readonly smoothing: number;
  readonly onLog: (log: boolean) => void;
  readonly onSmoothing: (smoothing: number) => void;
}) {
  return (
    <div class="looks">
      <label class="check">
        <input type="checkbox" checked={log} onChange={(event) => onLog(event.currentTarget.checked)} />
        {word('logScale')}
      </label>
      <Slider
        label={word('smooth')}
        value={smoothing}
        max={0.98}
        step={0.02}
        shown={`${Math.round(100 * smoothing)} %`}
        onInput={onSmoothing}
      />
    </div>
  );
}

/** Every number of the log over steps. */
export function Charts() {
  const { training, heldOut } = useCell(state.curves);
  const runs = useCell(state.runs);
  const [log, setLog] = useState(() => kept('training.log', true));
  const [smoothing, setSmoothing] = useState(() => kept('training.smoothing', 0.8));
  const { losses, course } = namesOf([...training.values.keys(), ...heldOut.values.keys()]);
  const [first, ...rest] = losses;
  const draw = (name: string, large = false) => (
    <Chart
      key={name}
      name={name}
      large={large}
      look={{ log: log && !LINEAR.has(name), smoothing: SMOOTH.has(name) ? 0 : smoothing }}
    />
  );
  return (
    <section aria-labelledby="losses" class="charts">
      <div class="section-head">
        <h2 id="losses">{word('losses')}</h2>
        <Look
          log={log}
          smoothing={smoothing}
          onLog={(value) => {
            setLog(value);
            keep('training.log', value);
          }}
          onSmoothing={(value) => {
            setSmoothing(value);
            keep('training.smoothing', value);
          }}
        />
      </div>
      {first === undefined ? <p class="card empty quiet">{word('noCurves')}</p> : draw(first, true)}
      <div class="chart-grid">{rest.map((name) => draw(name))}</div>
      {runs.length > 1 && <p class="quiet">{word('legendRuns')}</p>}
      {course.length > 0 && <h2>{word('others')}</h2>}
      <div class="chart-grid">{course.map((name) => draw(name))}</div>
    </section>
  );
}
