import { type Dial, perform, pickStyle, setDial, setMix } from './actions.js';
import { t } from './i18n/index.js';
import { type Action, KEYS } from './keys.js';
import { isPress, learnt, listenMidi, type Touch } from './midi.js';
import { withWeight } from './mix.js';
import { state } from './state.js';
import { keep } from './storage.js';
import { say } from './toast.js';

/** Longest fade that a slider or knob sets, in milliseconds. */
export const MOST_FADE_MS = 5000;

export function setFade(fadeMs: number): void {
  state.fadeMs.value = Math.round(fadeMs / 50) * 50;
  keep('fadeMs', state.fadeMs.value);
}

const isAction = (name: string): name is Action => KEYS.some(([, action]) => action === name);

/** Where each knob stood last. */
const places = new Map<string, number>();

/** Moves a control as a knob or pad says. Targets: a dial, `fade`, `pad:<number>`, `style:<name>`, or an action. */
function move(target: string, touch: Touch): void {
  const { id, value } = touch;
  const pressed = isPress(touch, places.get(id));
  places.set(id, value);
  const [what, name = ''] = target.split(':');
  if (what === 'fade') setFade(value * MOST_FADE_MS);
  else if (what === 'pad') {
    const { styles, weights } = state.pad.value;
    if (styles[Number(name)]) setMix(styles, withWeight(weights, Number(name), value));
  } else if (['strength', 'keepColor', 'steady'].includes(target)) setDial(target as Dial, value);
  else if (!pressed) return;
  else if (what === 'style') pickStyle(name);
  else if (isAction(target)) perform(target);
}

function heard(touch: Touch): void {
  const { learning, midiMap } = state;
  if (learning.value) {
    midiMap.value = learnt(midiMap.value, touch.id, learning.value);
    keep('midi', midiMap.value);
    learning.value = undefined;
    return;
  }
  const target = midiMap.value[touch.id];
  if (target) move(target, touch);
}

let end: (() => void) | undefined;

export async function toggleMidi(): Promise<void> {
  state.learning.value = undefined;
  if (end) {
    end();
    end = undefined;
    state.midi.value = 'off';
    keep('midiOn', false);
    return;
  }
  try {
    end = await listenMidi(heard);
    state.midi.value = 'on';
    keep('midiOn', true);
  } catch {
    say('warning', t('toast.noMidi'), t('toast.noMidiWay'));
  }
}
