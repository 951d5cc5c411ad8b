import { t } from '../i18n/index.js';
import { needAdmin, useAdmin } from '../may.js';
import { Icon } from './icon.js';

/** The id of the note of the look, which is always on the page. */
export const LOOK_NOTE = 'look-note';

/** What makes a field of the look one that cannot be moved and says why; nothing for an admin. */
export const deniedTo = (admin: boolean) => (admin ? {} : { disabled: true, describedBy: LOOK_NOTE });

/** Says that a token for an admin is needed here, where the one in use is for less, and asks for it. */
export function AdminNote({ id }: { readonly id?: string }) {
  if (useAdmin()) return null;
  return (
    <button type="button" class="text-button admin-note" id={id} onClick={needAdmin}>
      <Icon name="warning" />
      {t('token.admin')}
    </button>
  );
}
