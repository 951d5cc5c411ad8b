import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { forgotten, touchLabel } from '../midi.js';
import { state } from '../state.js';
import { keep } from '../storage.js';
import { Icon } from './icon.js';

/** Beside a control while MIDI is on: a click waits for a knob or pad, another one on a bound control lets it go. */
export function Learn({ target, name }: { target: string; name: string }) {
  const midi = useCell(state.midi);
  const learning = useCell(state.learning);
  const map = useCell(state.midiMap);
  if (midi === 'off') return null;
  const bound = Object.entries(map).find(([, it]) => it === target)?.[0];
  const waiting = learning === target;
  const label = waiting
    ? t('midi.waiting')
    : bound
      ? t('midi.forget', { name, touch: touchLabel(bound) })
      : t('midi.learn', { name });
  const click = () => {
    if (waiting) state.learning.value = undefined;
    else if (bound) {
      state.midiMap.value = forgotten(map, target);
      keep('midi', state.midiMap.value);
    } else state.learning.value = target;
  };
  return (
    <button
      type="button"
      class={`learn ${waiting ? 'waiting' : ''} ${bound ? 'bound' : ''}`}
      aria-label={label}
      title={label}
      onClick={click}
    >
      <Icon name="knob" />
      {bound && <span>{touchLabel(bound)}</span>}
    </button>
  );
}
