/** Which knob or pad moves which control: from `cc:channel:number` or `note:channel:number` to a target's name. */
export type MidiMap = Readonly<Record<string, string>>;

/** A message that matters: a knob's place or a pad's stroke. */
export interface Touch {
  readonly id: string;
  readonly kind: 'knob' | 'pad';
  /** 0 to 1. */
  readonly value: number;
}

/** Reads a control change or note on; everything else, the end of a note included, is undefined. */
export function touchOf(data: ArrayLike<number> | null | undefined): Touch | undefined {
  const [status = 0, number = 0, value = 0] = Array.from(data ?? []);
  const channel = (status & 15) + 1;
  if (status >> 4 === 0xb) return { id: `cc:${channel}:${number}`, kind: 'knob', value: value / 127 };
  if (status >> 4 === 0x9 && value > 0)
    return { id: `note:${channel}:${number}`, kind: 'pad', value: value / 127 };
  return undefined;
}

/** Whether a touch is a press: a pad's stroke, or a knob that is turned up past its middle from where it stood before. */
export const isPress = ({ kind, value }: Touch, before = 0): boolean =>
  kind === 'pad' || (before < 0.5 && value >= 0.5);

/** The map with a touch bound to a target, which it takes away from any other. */
export function learnt(map: MidiMap, touch: string, target: string): MidiMap {
  const others = Object.entries(map).filter(([id, bound]) => id !== touch && bound !== target);
  return { ...Object.fromEntries(others), [touch]: target };
}

export const forgotten = (map: MidiMap, target: string): MidiMap =>
  Object.fromEntries(Object.entries(map).filter(([, bound]) => bound !== target));

/** `CC 21` or `Note 36`, with the channel where it is not the first. */
export function touchLabel(id: string): string {
  const [kind, channel, number] = id.split(':');
  return `${kind === 'cc' ? 'CC' : 'Note'} ${number}${channel === '1' ? '' : ` / ${channel}`}`;
}

/**
 * Listens to every MIDI input, also those plugged in later.
 * @returns what ends it. @throws when the browser has no MIDI or the person refuses it.
 */
export async function listenMidi(take: (touch: Touch) => void): Promise<() => void> {
  if (!navigator.requestMIDIAccess)
    throw new DOMException('This browser has no Web MIDI.', 'NotSupportedError');
  const access = await navigator.requestMIDIAccess({ sysex: false });
  const heard = ({ data }: MIDIMessageEvent) => {
    const touch = touchOf(data);
    if (touch) take(touch);
  };
  const plug = () => {
    for (const input of access.inputs.values()) input.onmidimessage = heard;
  };
  plug();
  access.onstatechange = plug;
  return () => {
    access.onstatechange = null;
    for (const input of access.inputs.values()) input.onmidimessage = null;
  };
}
