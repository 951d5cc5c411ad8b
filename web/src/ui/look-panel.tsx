import { type Dial, setDial } from '../actions.js';
import { useCell } from '../cell.js';
import { percent, seconds, t } from '../i18n/index.js';
import { useAdmin } from '../may.js';
import { MOST_FADE_MS, setFade } from '../midi-bind.js';
import { state } from '../state.js';
import { AdminNote, deniedTo, LOOK_NOTE } from './admin-note.js';
import { Slider } from './slider.js';

const DIALS: readonly Dial[] = ['strength', 'keepColor', 'steady'];

/** How strongly, in whose colours, how steadily; and how long a change takes. */
export function LookPanel() {
  const look = useCell(state.look);
  const fadeMs = useCell(state.fadeMs);
  const denied = deniedTo(useAdmin());
  return (
    <section class="card look" aria-label={t('look.label')}>
      <header>
        <h2>{t('look.label')}</h2>
        <AdminNote id={LOOK_NOTE} />
      </header>
      {DIALS.map((dial) => (
        <Slider
          key={dial}
          label={t(`look.${dial}`)}
          hint={t(`look.${dial}.hint`)}
          value={look[dial]}
          max={1}
          step={0.01}
          shown={percent(look[dial])}
          target={dial}
          onInput={(value) => setDial(dial, value)}
          {...denied}
        />
      ))}
      <Slider
        label={t('look.fade')}
        hint={t('look.fade.hint')}
        value={fadeMs}
        max={MOST_FADE_MS}
        step={50}
        shown={seconds(fadeMs)}
        target="fade"
        onInput={setFade}
        {...denied}
      />
    </section>
  );
}
