import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { KEYS } from '../keys.js';
import { toggleMidi } from '../midi-bind.js';
import { state } from '../state.js';
import { Dialog } from './dialog.js';
import { Icon } from './icon.js';

const NAMES: Readonly<Record<string, string>> = { ' ': 'Space', arrowup: '↑', arrowdown: '↓' };
const nameOf = (key: string) => NAMES[key] ?? key.toUpperCase();

/** Every key, and where to learn more. */
export function SheetDialog() {
  const midi = useCell(state.midi);
  const info = useCell(state.info);
  const rows = [
    ['1 – 9', t('key.styleNumber')] as const,
    ...KEYS.map(([key, action]) => [nameOf(key), t(`key.${action}` as 'key.sheet')] as const),
  ];
  return (
    <Dialog
      title={t('sheet.title')}
      wide
      onClose={() => {
        state.dialog.value = undefined;
      }}
    >
      <dl class="keys">
        {rows.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <p class="quiet">{t('sheet.drop')}</p>
      <div class="row wrap">
        <button type="button" class="plain" aria-pressed={midi === 'on'} onClick={toggleMidi}>
          <Icon name="midi" />
          {midi === 'on' ? t('midi.off') : t('midi.on')}
        </button>
        <span class="quiet">{t('midi.hint')}</span>
      </div>
      <p class="foot quiet">
        <a href="/docs" target="_blank" rel="noreferrer">
          {t('sheet.api')}
        </a>
        {info && (
          <span class="number">
            Livebrush {info.version} · {info.engine} · {info.model}
          </span>
        )}
      </p>
    </Dialog>
  );
}
