import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { retryNow } from '../session.js';
import { state } from '../state.js';
import { dismiss } from '../toast.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';

/** What a person should read, at the bottom of the page. */
export function Toasts() {
  const toasts = useCell(state.toasts);
  return (
    <div class="toasts" role="log" aria-label={t('toasts')}>
      {toasts.map(({ id, level, text, hint }) => (
        <div key={id} class={`toast ${level}`}>
          <Icon name={level === 'good' || level === 'info' ? 'check' : 'warning'} />
          <div class="grow">
            <strong>{text}</strong>
            {hint && <p>{hint}</p>}
          </div>
          <IconButton label={t('close')} icon="close" onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}

/** Across the top while the server cannot be reached; goes by itself. */
export function Banner() {
  const link = useCell(state.link);
  if (link !== 'lost' && link !== 'denied') return null;
  const denied = link === 'denied';
  return (
    <div class="banner" role="alert">
      <Icon name="warning" />
      <span>{denied ? t('link.deniedLong') : t('link.lost')}</span>
      <button
        type="button"
        class="plain"
        onClick={() => {
          if (denied) state.dialog.value = 'token';
          else retryNow();
        }}
      >
        {denied ? t('token.enter') : t('link.retry')}
      </button>
    </div>
  );
}
