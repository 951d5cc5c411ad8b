import type { FunctionComponent } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { mark } from '../publish.js';
import { watchStats } from '../session.js';
import { state } from '../state.js';
import type { WatchStats } from '../whep.js';
import { usePublished } from './published.js';

/** What this page receives, asked for once a second. */
function useArriving(): WatchStats | undefined {
  const [stats, setStats] = useState<WatchStats>();
  useEffect(() => {
    const timer = setInterval(() => void watchStats().then(setStats), 1000);
    return () => clearInterval(timer);
  }, []);
  return stats;
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div class="figure">
      <dt>{label}</dt>
      <dd class="number">{value}</dd>
    </div>
  );
}

const DASH = '–';

const REASONS = ['busy', 'late', 'disordered', 'replaced', 'unsent'] as const;
const isReason = (why: string): why is (typeof REASONS)[number] =>
  (REASONS as readonly string[]).includes(why);

/** How many frames were dropped, and why. */
const dropped = (why: string, n: number) => (isReason(why) ? t(`drop.${why}`, { n }) : `${why} ${n}`);

const percent = (share: number) => `${(100 * share).toFixed(share < 0.995 && share > 0.005 ? 1 : 0)} %`;

function Figures() {
  const stats = useCell(state.stats);
  const glass = useCell(state.glass);
  const marking = useCell(state.marking);
  const published = usePublished();
  const arriving = useArriving();
  const { dropped: before = {}, unsent = 0 } = stats?.frames ?? {};
  const drops = Object.entries({ ...before, unsent }).filter(([, count]) => count > 0);
  return (
    <dl class="figures">
      <Figure
        label={t('numbers.latency')}
        value={stats ? `${Math.round(stats.latency.p50)} / ${Math.round(stats.latency.p95)} ms` : DASH}
      />
      <Figure
        label={t('numbers.frames')}
        value={
          stats ? `${stats.frames.painted.toLocaleString()} / ${stats.frames.in.toLocaleString()}` : DASH
        }
      />
      <Figure
        label={t('numbers.onTime')}
        value={typeof stats?.hitRate === 'number' ? percent(stats.hitRate) : DASH}
      />
      <Figure
        label={t('numbers.drops')}
        value={drops.map(([why, count]) => dropped(why, count)).join(', ') || '0'}
      />
      <Figure
        label={t('numbers.here')}
        value={
          arriving?.width
            ? `${arriving.width}x${arriving.height} · ${Math.round(arriving.fps)} fps · ${Math.round(arriving.kbps)} kb/s`
            : DASH
        }
      />
      {marking && published && (
        <Figure label={t('glass.label')} value={glass === null ? DASH : `${Math.round(glass)} ms`} />
      )}
    </dl>
  );
}

/** How fast, how late, how many lost. The plotting library comes when this is first shown. */
export function Numbers() {
  const marking = useCell(state.marking);
  const published = usePublished();
  const [Plots, setPlots] = useState<FunctionComponent>();
  useEffect(() => {
    void import('./plots.js').then((it) => setPlots(() => it.Plots));
  }, []);
  return (
    <div class="numbers">
      <Figures />
      {Plots ? <Plots /> : <div class="plots-room" />}
      <div class="row wrap">
        <label class="check">
          <input
            type="checkbox"
            checked={marking}
            disabled={!published && !marking}
            onChange={(event) => mark(event.currentTarget.checked)}
          />
          {t('glass.toggle')}
        </label>
        <span class="quiet">{published ? t('glass.hint') : t('glass.needsSource')}</span>
      </div>
    </div>
  );
}
