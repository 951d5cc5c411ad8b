import { useState } from 'preact/hooks';
import { mainStyle } from '../actions.js';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { change } from '../session.js';
import { state } from '../state.js';
import { Icon } from './icon.js';

const MOST_FRAMES = 100_000;
/** Faster than this may flicker hard enough to harm somebody. */
const CALM_FRAMES = 8;

/** A new style every so many frames. */
export function CyclePanel() {
  const styles = useCell(state.styles);
  const stream = useCell(state.stream);
  const look = useCell(state.look);
  const running = stream?.cycle;
  const [chosen, setChosen] = useState<readonly string[]>(running?.styles ?? []);
  const [frames, setFrames] = useState(running?.everyFrames ?? 50);
  const start = () => change({ cycle: { styles: [...chosen], everyFrames: frames }, fadeMs: 0 });
  const toggle = (name: string) =>
    setChosen(chosen.includes(name) ? chosen.filter((it) => it !== name) : [...chosen, name]);
  return (
    <div class="cycle">
      <div class="row wrap">
        <label class="inline">
          {t('cycle.every')}
          <input
            type="number"
            min={1}
            max={MOST_FRAMES}
            value={frames}
            onInput={(event) =>
              setFrames(
                Math.max(1, Math.min(MOST_FRAMES, Math.round(Number(event.currentTarget.value)) || 1)),
              )
            }
          />
          {t('cycle.frames')}
        </label>
        <span class="grow" />
        <button type="button" class="primary" disabled={chosen.length < 2} onClick={start}>
          <Icon name="play" fill />
          {t('cycle.start')}
        </button>
        <button
          type="button"
          class="plain"
          disabled={!running}
          onClick={() => change({ style: mainStyle(look) || chosen[0] })}
        >
          {t('cycle.stop')}
        </button>
      </div>
      {frames < CALM_FRAMES && (
        <p class="note">
          <Icon name="warning" />
          {t('cycle.flicker')}
        </p>
      )}
      <div class="row wrap">
        <button
          type="button"
          class="text-button"
          onClick={() => setChosen(styles.map(({ name }) => name).slice(0, 64))}
        >
          {t('cycle.all')}
        </button>
        <button type="button" class="text-button" onClick={() => setChosen([])}>
          {t('cycle.none')}
        </button>
      </div>
      <ul class="chips" aria-label={t('cycle.choose')}>
        {styles.map(({ name, title }) => (
          <li key={name}>
            <button
              type="button"
              class="choice"
              aria-pressed={chosen.includes(name)}
              onClick={() => toggle(name)}
            >
              {chosen.includes(name) && <span class="order">{chosen.indexOf(name) + 1}</span>}
              {title}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
