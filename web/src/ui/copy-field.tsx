import { useId, useState } from 'preact/hooks';
import { t } from '../i18n/index.js';
import { IconButton } from './button.js';

/** Copies a text, also on pages without a secure context. */
async function copy(text: string, field: HTMLInputElement | null): Promise<void> {
  if (navigator.clipboard?.writeText) return navigator.clipboard.writeText(text);
  field?.select();
  document.execCommand('copy');
}

/** A text to be taken along: a label, the text, and a button that copies it. */
export function CopyField({ label, value, secret }: { label: string; value: string; secret?: boolean }) {
  const [copied, setCopied] = useState(false);
  const [shown, setShown] = useState(!secret);
  const id = useId();
  const take = () =>
    copy(value, document.getElementById(id) as HTMLInputElement | null).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), 1500);
      },
      () => setShown(true),
    );
  return (
    <div class="copy-field">
      <label for={id}>{label}</label>
      <div class="field-row">
        <input
          id={id}
          readOnly
          type={(shown ? 'text' : 'password') as 'text'}
          value={value}
          autocomplete="off"
          onFocus={(event) => event.currentTarget.select()}
        />
        {secret && (
          <IconButton
            label={shown ? t('hide') : t('show')}
            icon="eye"
            pressed={shown}
            onClick={() => setShown(!shown)}
          />
        )}
        <IconButton
          label={`${t('copy')}: ${label}`}
          icon={copied ? 'check' : 'copy'}
          class={copied ? 'good' : ''}
          onClick={take}
        />
      </div>
      <span class="sr" role="status">
        {copied ? t('copied') : ''}
      </span>
    </div>
  );
}
