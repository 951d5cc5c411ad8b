import { useEffect, useRef } from 'preact/hooks';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { openStream, retryNow } from '../session.js';
import { state } from '../state.js';
import { dismiss } from '../toast.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';

function raise(element: HTMLElement | null, filled: boolean): void {
  if (element?.matches(':popover-open')) element.hidePopover();
  if (filled) element?.showPopover();
}

/** What a person should read, at the bottom of the page. */
export function Toasts() {
  const element = useRef<HTMLDivElement>(null);
  const toasts = useCell(state.toasts);
  // Above a dialog that is open: what was shown last lies on top.
  useEffect(() => raise(element.current, toasts.length > 0), [toasts]);
  return (
    <div class="toasts" ref={element} popover="manual" role="log" aria-label={t('toasts')}>
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

/** What stands between the page and its stream, and what can be done about it. */
const troubles = {
  lost: { text: 'link.lost', action: 'link.retry', act: () => retryNow() },
  denied: {
    text: 'link.deniedLong',
    action: 'token.enter',
    act: () => {
      state.dialog.value = 'token';
    },
  },
  publish: {
    text: 'link.publish',
    action: 'token.another',
    act: () => {
      state.dialog.value = 'token';
    },
  },
  gone: { text: 'link.gone', action: 'link.again', act: () => openStream(state.streamName.value) },
} as const;

/** Across the top while the server or the stream cannot be reached; goes by itself. */
export function Banner() {
  const link = useCell(state.link);
  if (link === 'open' || link === 'connecting') return null;
  const { text, action, act } = troubles[link];
  return (
    <div class="banner" role="alert">
      <Icon name="warning" />
      <span>{t(text)}</span>
      <button type="button" class="plain" onClick={act}>
        {t(action)}
      </button>
    </div>
  );
}
