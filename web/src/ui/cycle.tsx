import { useState } from 'preact/hooks';
import { mainStyle } from '../actions.js';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { change } from '../session.js';
import { type CycleDraft, state } from '../state.js';
import { Icon } from './icon.js';

const MOST_FRAMES = 100_000;
/** Faster than this may flicker hard enough to harm somebody. */
const CALM_FRAMES = 8;
const NONE: CycleDraft = { styles: [], everyFrames: 50 };

/** A number that is read when it is finished: half of one is none yet. */
function FramesField({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  const [text, setText] = useState<string>();
  return (
    <label class="inline">
      {t('cycle.every')}
      <input
        type="number"
        min={1}
        max={MOST_FRAMES}
        value={text ?? value}
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={({ currentTarget: { value: typed } }) => {
          setText(undefined);
          if (typed) onChange(Math.max(1, Math.min(MOST_FRAMES, Math.round(Number(typed)))));
        }}
        onBlur={() => setText(undefined)}
      />
      {t('cycle.frames')}
    </label>
  );
}

/** A new style every so many frames. */
export function CyclePanel() {
  const styles = useCell(state.styles);
  const stream = useCell(state.stream);
  const look = useCell(state.look);
  const running = stream?.cycle;
  const own = useCell(state.cycle);
  const { styles: chosen, everyFrames: frames } = own ?? running ?? NONE;
  const draft = (change: Partial<CycleDraft>) => {
    state.cycle.value = { styles: chosen, everyFrames: frames, ...change };
  };
  const start = () => {
    draft({});
    change({ cycle: { styles: [...chosen], everyFrames: frames }, fadeMs: 0 });
  };
  // What ran stays chosen, to be started again.
  const stop = () => {
    draft({});
    change({ style: mainStyle(look) || chosen[0] });
  };
  const toggle = (name: string) =>
    draft({ styles: chosen.includes(name) ? chosen.filter((it) => it !== name) : [...chosen, name] });
  return (
    <div class="cycle">
      <div class="row wrap">
        <FramesField value={frames} onChange={(everyFrames) => draft({ everyFrames })} />
        <span class="grow" />
        <button type="button" class="primary" disabled={chosen.length < 2} onClick={start}>
          <Icon name="play" fill />
          {t('cycle.start')}
        </button>
        <button type="button" class="plain" disabled={!running} onClick={stop}>
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
          onClick={() => draft({ styles: styles.map(({ name }) => name).slice(0, 64) })}
        >
          {t('cycle.all')}
        </button>
        <button type="button" class="text-button" onClick={() => draft({ styles: [] })}>
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
