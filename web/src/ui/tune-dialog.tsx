import { useState } from 'preact/hooks';
import type { TuningInfo } from '../../../src/server/protocol.js';
import { useCell } from '../cell.js';
import { clock, t } from '../i18n/index.js';
import { state } from '../state.js';
import { isActive, STEPS, stopTuning, tune, tuningOf, untune } from '../tune.js';
import { Dialog } from './dialog.js';
import { Icon } from './icon.js';

type Care = keyof typeof STEPS;
const CARES = Object.keys(STEPS) as Care[];

const close = () => {
  state.dialog.value = undefined;
  state.tuned.value = undefined;
};

function standing({ state: how, step, steps, left }: TuningInfo): string {
  if (how === 'queued') return t('tune.queued');
  if (step === 0) return t('tune.looking');
  const done = t('tune.step', { step, steps });
  return left ? `${done} · ${t('tune.left', { time: clock(left) })}` : done;
}

function Progress({ tuning }: { tuning: TuningInfo }) {
  return (
    <>
      <progress
        aria-label={t('tune.label')}
        value={tuning.step > 0 ? tuning.step : undefined}
        max={tuning.steps}
      />
      <div class="row wrap">
        <span class="quiet number grow" role="status">
          {standing(tuning)}
        </span>
        <button type="button" class="plain" onClick={() => stopTuning(tuning.id)}>
          {t('cancel')}
        </button>
      </div>
    </>
  );
}

/** A style of one's own is tuned to its picture while the stream goes on. */
export function TuneDialog() {
  const name = useCell(state.tuned);
  const style = useCell(state.styles).find((it) => it.name === name);
  const tuning = tuningOf(useCell(state.tunings), name ?? '');
  const [care, setCare] = useState<Care>('usual');
  if (!style) return null;
  const active = tuning && isActive(tuning);
  return (
    <Dialog title={t('tune.title', { name: style.title })} onClose={close}>
      <p class="quiet">{t('tune.hint')}</p>
      {active ? (
        <Progress tuning={tuning} />
      ) : (
        <>
          {tuning?.problem && <p class="problem">{tuning.problem}</p>}
          <label class="field">
            {t('tune.care')}
            <select value={care} onChange={(event) => setCare(event.currentTarget.value as Care)}>
              {CARES.map((it) => (
                <option key={it} value={it}>
                  {t(`tune.${it}`)}
                </option>
              ))}
            </select>
          </label>
          <div class="row end wrap">
            {style.tuned && (
              <button type="button" class="plain" onClick={() => untune(style)}>
                {t('tune.undo')}
              </button>
            )}
            <button
              type="button"
              class="primary"
              onClick={() => tune(style.name, STEPS[care], state.streamName.value)}
            >
              <Icon name="wand" />
              {style.tuned ? t('tune.again') : t('tune.start')}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
