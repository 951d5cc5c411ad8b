import type { LookState } from '../../src/server/protocol.js';
import { api } from './api.js';
import { addCue, type CueStack, goTo, lacking, readStack, type StackCue, step } from './cue-stack.js';
import { t } from './i18n/index.js';
import type { Action } from './keys.js';
import { needAdmin } from './may.js';
import { MOST_ON_PAD, padFrom, padOf, sharesOf } from './mix.js';
import { smallPicture } from './picture.js';
import { change, looks, refreshStyles } from './session.js';
import { state } from './state.js';
import { keep, kept } from './storage.js';
import { attempt, say } from './toast.js';

/** The style that weighs most. */
export const mainStyle = ({ mix }: LookState): string =>
  mix.reduce((most, share) => (share.weight > most.weight ? share : most), mix[0] ?? { style: '', weight: 0 })
    .style;

export const titleOf = (name: string): string =>
  state.styles.value.find((style) => style.name === name)?.title ?? name;

export function pickStyle(name: string | undefined): void {
  if (!name) return;
  const { show } = state.look.value;
  change({ style: name, ...(show === 'paint' ? {} : { show: 'paint' }) });
}

export function stepStyle(by: 1 | -1): void {
  const styles = state.styles.value;
  const at = styles.findIndex(({ name }) => name === mainStyle(state.look.value));
  pickStyle(styles[(Math.max(at, by < 0 ? 0 : -1) + by + styles.length) % Math.max(1, styles.length)]?.name);
}

/** The values that sliders and knobs set. */
export type Dial = 'strength' | 'keepColor' | 'steady';

export function setDial(dial: Dial, value: number): void {
  if (!needAdmin()) return;
  looks.change({ [dial]: Math.round(Math.max(0, Math.min(1, value)) * 1000) / 1000, fadeMs: 0 });
}

export const toggleShow = (show: 'bypass' | 'blackout'): boolean =>
  change({ show: state.look.value.show === show ? 'paint' : show, fadeMs: 0 });

/** Fade of a change made by a moving hand: smooth between two messages. */
const DRAG_MS = 50;

export function setMix(styles: readonly string[], weights: readonly number[]): void {
  if (!needAdmin()) return;
  state.pad.value = { styles, weights };
  const style = sharesOf(styles, weights);
  if (style.length > 0) looks.change({ style, fadeMs: DRAG_MS });
}

/** Puts a style on the mix pad or takes it off. */
export function togglePad(name: string): void {
  const { styles, weights } = state.pad.value;
  if (styles.includes(name)) state.pad.value = padOf(state.pad.value, (style) => style !== name);
  else if (styles.length < MOST_ON_PAD)
    state.pad.value = { styles: [...styles, name], weights: [...weights, styles.length ? 0 : 1] };
}

const styleNames = () => state.styles.value.map(({ name }) => name);

/** Puts what is painted on the pad, and the styles after it, to begin with. */
export function startPad(): void {
  const names = styleNames();
  const { mix } = state.look.value;
  state.pad.value = padFrom(
    mix.filter(({ style }) => names.includes(style)),
    names,
  );
}

const cuesKey = () => `cues.${state.streamName.value}`;
/** The cues as this browser has them now: another tab may have written since this one read them. */
const readCues = () => readStack(kept(cuesKey(), state.cues.value));

export function setCues(edit: (stack: CueStack) => CueStack): void {
  const stack = edit(readCues());
  state.cues.value = stack;
  keep(cuesKey(), stack);
}

/** Styles that a cue paints with and that were deleted. */
export const lackingNow = (cue: StackCue): string[] => lacking(cue, styleNames());

const tellLacking = (key: 'cues.notPlayed' | 'cues.leftOut', cue: StackCue) =>
  say('warning', t(key, { name: cue.name }), t('cues.lacks', { style: lackingNow(cue).join(', ') }));

/** Plays the cue that is picked; it holds only once it was sent. @returns whether it was. */
function playCue(pick: (stack: CueStack) => CueStack): boolean {
  const { cues, at } = pick(readCues());
  const cue = cues[at];
  if (!cue) return false;
  if (lackingNow(cue).length > 0) {
    tellLacking('cues.notPlayed', cue);
    return false;
  }
  const { mix, strength, keepColor, steady, fadeMs } = cue;
  if (!change({ style: [...mix], strength, keepColor, steady, fadeMs })) return false;
  setCues(pick);
  return true;
}

export const playCueAt = (index: number): boolean => playCue((stack) => goTo(stack, index));

/** Plays the next or the last cue that can be played, and says which were left out on the way. */
export function stepCue(by: 1 | -1): void {
  const { at: from } = readCues();
  if (!playCue((stack) => step(stack, by, (cue) => lackingNow(cue).length === 0))) return;
  const { cues, at } = state.cues.value;
  for (const cue of cues.slice(Math.min(from, at) + 1, Math.max(from, at))) tellLacking('cues.leftOut', cue);
}

export function storeCue(): void {
  const look = state.look.value;
  const name = look.mix
    .map(({ style }) => titleOf(style))
    .join(' + ')
    .slice(0, 60);
  const id = crypto.randomUUID?.() ?? String(Date.now());
  setCues((stack) => addCue(stack, look, name, state.fadeMs.value, id));
  say('good', t('toast.cueStored', { name }));
}

const running = () =>
  state.stream.value?.outputs.find(
    ({ kind, state: how }) => kind === 'record' && ['starting', 'running', 'retrying'].includes(how),
  );

/** Streams whose recording is being begun or ended: until that is answered, asking again would begin a second one. */
const asked = new Set<string>();

export async function toggleRecord(what: 'painted' | 'source' = 'painted'): Promise<void> {
  const name = state.streamName.value;
  if (asked.has(name) || !needAdmin()) return;
  asked.add(name);
  const output = running();
  await attempt(async () => {
    if (output) {
      await api.removeOutput(name, output.id);
      say('good', t('toast.recorded'));
    } else await api.addOutput(name, { kind: 'record', what });
    const stream = await api.stream(name);
    if (state.streamName.value === name) state.stream.value = stream;
  });
  asked.delete(name);
}

/** Saves a file through the browser's own downloads. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(':', '-');

export async function snapshot(): Promise<void> {
  const video = state.video.value;
  if (!video?.videoWidth) return say('warning', t('toast.noPicture'));
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob) save(blob, `livebrush-${state.streamName.value}-${stamp()}.png`);
  const flash = video.parentElement;
  flash?.classList.remove('flash');
  requestAnimationFrame(() => flash?.classList.add('flash'));
}

/** The log of what was changed, as `transcode --cues` reads it. */
export const downloadCues = (): Promise<unknown> =>
  attempt(async () => {
    const cues = await api.cues(state.streamName.value);
    const text = JSON.stringify(cues, undefined, 2);
    save(
      new Blob([text], { type: 'application/json' }),
      `livebrush-${state.streamName.value}-${stamp()}.cues.json`,
    );
  });

/** Makes a style of a picture and paints a stream with it, whichever is shown by then. */
export async function addStyle(picture: Blob, title: string, stream: string): Promise<string | undefined> {
  const style = await attempt(async () => {
    const most = state.info.value?.limits.imageBytes ?? 20e6;
    return api.addStyle(await smallPicture(picture, most), title);
  });
  if (!style) return undefined;
  await refreshStyles();
  if (stream === state.streamName.value) pickStyle(style.name);
  else await attempt(() => api.changeLook(stream, { style: style.name, show: 'paint' }));
  say('good', t('toast.styleAdded', { name: style.title }));
  return style.name;
}

export function fullscreen(): void {
  const stage = document.querySelector('.stage');
  if (document.fullscreenElement) void document.exitFullscreen();
  else void stage?.requestFullscreen?.().catch(() => {});
}

const STEP = 0.05;

/** Does what a key, a pad or a button asks for. */
export function perform(action: Action): void {
  const { strength } = state.look.value;
  const deeds: Partial<Record<Action, () => unknown>> = {
    previousStyle: () => stepStyle(-1),
    nextStyle: () => stepStyle(1),
    strengthUp: () => setDial('strength', strength + STEP),
    strengthDown: () => setDial('strength', strength - STEP),
    fullscreen,
    record: () => toggleRecord(),
    snapshot,
    blackout: () => toggleShow('blackout'),
    bypass: () => toggleShow('bypass'),
    compare: () => {
      state.compare.value = !state.compare.value;
    },
    nextCue: () => stepCue(1),
    previousCue: () => stepCue(-1),
    storeCue,
    mute: () => {
      state.muted.value = !state.muted.value;
    },
    sheet: () => {
      state.dialog.value = state.dialog.value === 'sheet' ? undefined : 'sheet';
    },
  };
  const number = /^style(\d)$/.exec(action)?.[1];
  if (number) pickStyle(state.styles.value[Number(number) - 1]?.name);
  else deeds[action]?.();
}
