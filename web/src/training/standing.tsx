import { useEffect, useState } from 'preact/hooks';
import type { TrainingProgress } from '../../../src/server/protocol.js';
import { useCell } from '../cell.js';
import { clock } from '../i18n/index.js';
import { state } from './feed.js';
import { word } from './words.js';

/** The time, once a second. */
function useNow(): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

const count = (value: number) => value.toLocaleString('en');

function Figure({
  label,
  value,
  hint,
  bad = false,
}: {
  label: string;
  value: string;
  hint?: string;
  bad?: boolean;
}) {
  return (
    <div class={bad ? 'figure bad' : 'figure'}>
      <dt>{label}</dt>
      <dd class="number" title={hint}>
        {value}
        {hint && <span class="sr">{hint}</span>}
      </dd>
    </div>
  );
}

const speed = (rate: number) =>
  rate >= 1
    ? word('perSecond', { rate: Number(rate.toPrecision(3)) })
    : word('perStep', { seconds: Number((1 / rate).toPrecision(3)) });

/** Seconds left, counted down between two lines of the log. */
function leftOf({ state: standing, left, changed }: TrainingProgress, now: number): number | undefined {
  if (standing !== 'running' || left === null) return undefined;
  const since = changed === null ? 0 : Math.max(0, now - changed) / 1000;
  return Math.max(0, left - since);
}

function Figures({ progress }: { progress: TrainingProgress }) {
  const now = useNow();
  const left = leftOf(progress, now);
  const { seconds, stepsPerSecond: rate, saved, skips, skipped, unreadable } = progress;
  return (
    <dl class="figures">
      {rate !== null && rate > 0 && <Figure label={word('speed')} value={speed(rate)} />}
      {left !== undefined && <Figure label={word('left')} value={clock(left)} />}
      {seconds !== null && <Figure label={word('trained')} value={clock(seconds)} />}
      <Figure
        label={word('saved')}
        value={saved === null ? word('none') : word('savedAt', { step: count(saved) })}
      />
      <Figure
        label={word('skipped')}
        value={count(skips)}
        bad={skips > 0}
        {...(skipped.length > 0
          ? { hint: word('skippedHint', { steps: skipped.slice(-8).join(', ') }) }
          : {})}
      />
      {unreadable > 0 && <Figure label={word('unreadable')} value={count(unreadable)} bad />}
    </dl>
  );
}

/** How far the training is. */
export function Standing() {
  const progress = useCell(state.progress);
  if (!progress) return <section class="card standing" />;
  const { step, steps } = progress;
  const share = steps ? Math.min(1, step / steps) : undefined;
  return (
    <section class="card standing" aria-label={word('progress')}>
      <div class="standing-head">
        <p class="big number">
          <span class="quiet">{word('step')}</span>{' '}
          {steps === null ? count(step) : word('ofSteps', { step: count(step), steps: count(steps) })}
        </p>
        {share !== undefined && <p class="big number">{(100 * share).toFixed(share < 1 ? 1 : 0)} %</p>}
      </div>
      {share !== undefined && <progress value={step} max={steps!} aria-label={word('progress')} />}
      <Figures progress={progress} />
    </section>
  );
}

const DOTS = {
  ...{ waiting: 'connecting', running: 'live', quiet: 'retrying' },
  ...{ done: 'live', stopped: 'retrying', failed: 'failed' },
};

/** How the training stands, in a word; told to those who listen when it changes. */
export function Chip() {
  const progress = useCell(state.progress);
  const connected = useCell(state.connected);
  const now = useNow();
  const standing = progress?.state;
  const minutes = Math.max(1, Math.floor((now - (progress?.changed ?? now)) / 60_000));
  const words =
    connected === false
      ? word('lost')
      : standing === undefined
        ? word('connecting')
        : word(standing, { time: clock(60 * minutes) });
  const dot = connected === false ? 'failed' : standing ? DOTS[standing] : 'connecting';
  return (
    <p class="chip" role="status">
      <span class={`dot ${dot}`} />
      {words}
    </p>
  );
}
