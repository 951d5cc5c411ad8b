import { useState } from 'preact/hooks';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { withNewToken } from '../session.js';
import { state } from '../state.js';
import { setToken, token } from '../token.js';
import { Dialog } from './dialog.js';

/** Asks for the token that the server printed. */
export function TokenDialog() {
  const [remember, setRemember] = useState(false);
  const link = useCell(state.link);
  const why = token() === '' ? 'token.why' : link === 'denied' ? 'token.wrong' : 'token.more';
  return (
    <Dialog
      title={t('token.title')}
      onClose={() => {
        state.dialog.value = undefined;
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setToken(String(new FormData(event.currentTarget).get('token') ?? '').trim(), remember);
          withNewToken();
        }}
      >
        <p>{t(why)}</p>
        <p class="quiet">{t('token.where')}</p>
        <label class="field">
          {t('token.label')}
          <input
            name="token"
            type="password"
            required
            autofocus
            autocomplete="current-password"
            maxLength={512}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={remember}
            onChange={(event) => setRemember(event.currentTarget.checked)}
          />
          {t('token.remember')}
        </label>
        <div class="row end">
          <button type="submit" class="primary">
            {t('token.use')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
