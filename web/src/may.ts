import { askToken } from './ask.js';
import { useCell } from './cell.js';
import { t } from './i18n/index.js';
import { state } from './state.js';
import { say } from './toast.js';

/*
 * What only an admin may do: fields that change something as they are moved are disabled, with a hint; buttons and keys
 * ask for a token.
 */

/** Whether what a token for an admin allows is allowed, as far as is known. */
export const isAdmin = (): boolean => {
  const role = state.role.value;
  return role === undefined || role === 'admin';
};

/** The same for what is drawn. */
export function useAdmin(): boolean {
  useCell(state.role);
  return isAdmin();
}

function ask(): false {
  // A dialog that is open goes first: what is asked for then has to be said above it.
  if (state.dialog.value && state.dialog.value !== 'token')
    say('error', t('problem.denied'), t('token.more'));
  askToken();
  return false;
}

/** Whether a person may do what only an admin may; who may not is asked for a token. */
export const needAdmin = (): boolean => isAdmin() || ask();

/** The same for publishing. */
export const needPublish = (): boolean => state.role.value === 'publish' || needAdmin();
