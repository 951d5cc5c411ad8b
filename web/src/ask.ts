import { state } from './state.js';

/** Whether the person was asked since a token last worked. */
let asked = false;
let stopWaiting: (() => void) | undefined;

/** Opens the dialog for a token; once the one that is open is closed, so that nothing written there is lost. */
export function askToken(): void {
  asked = true;
  const { dialog } = state;
  if (dialog.value === 'token' || stopWaiting) return;
  if (!dialog.value) {
    dialog.value = 'token';
    return;
  }
  const stop = dialog.subscribe(() => {
    if (dialog.value && dialog.value !== 'token') return;
    stopWaiting?.();
    dialog.value = 'token';
  });
  stopWaiting = () => {
    stop();
    stopWaiting = undefined;
  };
}

/** The same where nobody did anything just now: whoever closed the dialog is left in peace. */
export function askTokenOnce(): void {
  if (!asked) askToken();
}

/** A token works, or another one is tried: the next refusal is news. */
export function forgetAsking(): void {
  asked = false;
  stopWaiting?.();
}
