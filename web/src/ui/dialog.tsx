import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { t } from '../i18n/index.js';
import { IconButton } from './button.js';

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly wide?: boolean;
}

/** A dialog over the page: Escape, its button or a click beside it closes it. */
export function Dialog({ title, onClose, children, wide }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  const shut = useRef(false);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  // Not by its event alone, which comes late: another dialog may be open by then.
  const close = () => {
    if (shut.current) return;
    shut.current = true;
    element.current?.close();
    onClose();
  };
  return (
    <dialog
      ref={element}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={id}
      onClose={close}
      onCancel={(event: Event) => {
        event.preventDefault();
        close();
      }}
      onMouseDown={(event: MouseEvent) => {
        if (event.target === element.current) close();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <IconButton label={t('close')} icon="close" onClick={close} />
        </header>
        {children}
      </div>
    </dialog>
  );
}
