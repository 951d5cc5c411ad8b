import { askToken, askTokenOnce } from './ask.js';
import { t } from './i18n/index.js';
import { asProblem, type Problem } from './problem.js';
import { state, type Toast } from './state.js';

let count = 0;
const SHOWN_MS = { info: 4000, good: 3000, warning: 9000, error: 12_000 };
const MOST = 4;

export function say(level: Toast['level'], text: string, hint?: string): void {
  const same = state.toasts.value.filter((toast) => toast.text !== text);
  const toast: Toast = { id: ++count, level, text, ...(hint ? { hint } : {}) };
  state.toasts.value = [...same.slice(1 - MOST), toast];
  setTimeout(() => dismiss(toast.id), SHOWN_MS[level]);
}

export function dismiss(id: number): void {
  state.toasts.value = state.toasts.value.filter((toast) => toast.id !== id);
}

/** A problem in the person's language, with a way out. The server's own words stand in the hint. */
export function wordsOf(problem: Problem): { text: string; hint: string } {
  const way = t(`problem.${problem.code}.way`);
  const text = t(`problem.${problem.code}`);
  const own = ['offline', 'camera'].includes(problem.code) ? '' : problem.message;
  return { text, hint: [own, problem.code === 'camera' ? '' : problem.hint, way].filter(Boolean).join(' ') };
}

/** Shows what was thrown; asks for a token where one is missing. */
export function complain(thrown: unknown): void {
  const problem = asProblem(thrown);
  if (problem.status === 401 || problem.status === 403) problem.reading ? askTokenOnce() : askToken();
  const { text, hint } = wordsOf(problem);
  say('error', text, hint);
}

/** Runs something a person asked for; what goes wrong is shown to them. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    if ((thrown as Error)?.name !== 'AbortError') complain(thrown);
    return undefined;
  }
}
