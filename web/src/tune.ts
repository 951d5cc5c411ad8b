import type { StyleInfo, TuningInfo } from '../../src/server/protocol.js';
import { api } from './api.js';
import { t } from './i18n/index.js';
import { Problem } from './problem.js';
import { state } from './state.js';
import { attempt, say } from './toast.js';

const POLL_MS = 1000;

/** Steps of a tuning, by how much time a person has. */
export const STEPS = { quick: 45, usual: 90, thorough: 240 } as const;

export const isActive = ({ state: how }: TuningInfo): boolean => how === 'queued' || how === 'running';

/** The newest tuning of a style, if there was one. */
export const tuningOf = (tunings: readonly TuningInfo[], style: string): TuningInfo | undefined =>
  tunings.find((tuning) => tuning.style === style);

let timer: ReturnType<typeof setTimeout> | undefined;

/** Tells what became of a tuning since it was last looked at. */
function tell(before: readonly TuningInfo[], after: TuningInfo): void {
  const known = before.find(({ id }) => id === after.id);
  if (!known || !isActive(known) || isActive(after)) return;
  const name = state.styles.value.find((style) => style.name === after.style)?.title ?? after.style;
  if (after.state === 'done') say('good', t('tune.done', { name }));
  if (after.state === 'failed') say('error', t('tune.failed', { name }), after.problem);
}

/** Looks how tunings stand, and goes on looking while one runs; who may not know is not bothered. */
export async function followTunings(): Promise<void> {
  clearTimeout(timer);
  if (state.info.value?.role !== 'admin') return;
  try {
    const before = state.tunings.value;
    const after = await api.tunings();
    state.tunings.value = after;
    for (const tuning of after) tell(before, tuning);
  } catch (thrown) {
    if (thrown instanceof Problem && (thrown.status === 401 || thrown.status === 403)) return;
  }
  if (state.tunings.value.some(isActive)) timer = setTimeout(followTunings, POLL_MS);
}

/** Tunes a style to its picture, on what comes into a stream. */
export async function tune(style: string, steps: number, stream: string): Promise<boolean> {
  const started = await attempt(() => api.tune({ style, stream, steps }));
  await followTunings();
  return started !== undefined;
}

export async function stopTuning(id: string): Promise<void> {
  await attempt(() => api.stopTuning(id));
  await followTunings();
}

/** Makes a style what its picture makes of it again. */
export async function untune({ name, title }: StyleInfo): Promise<void> {
  const undone = await attempt(async () => {
    await api.untune(name);
    return true;
  });
  if (undone) say('good', t('tune.undone', { name: title }));
}
