import { downloadCues, lackingNow, playCueAt, setCues, stepCue, storeCue } from '../actions.js';
import { useCell } from '../cell.js';
import { type CueStack, editCue, moveCue, removeCue, type StackCue } from '../cue-stack.js';
import { t } from '../i18n/index.js';
import { state } from '../state.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';
import { Learn } from './learn.js';

function Row({ cue, index, current }: { cue: StackCue; index: number; current: boolean }) {
  const stack = useCell(state.cues);
  useCell(state.styles);
  const lacks = lackingNow(cue).join(', ');
  /** Finds the cue by its id: another tab may have moved it. */
  const alter = (how: (stack: CueStack, at: number) => CueStack) =>
    setCues((present) => {
      const at = present.cues.findIndex(({ id }) => id === cue.id);
      return at < 0 ? present : how(present, at);
    });
  const edit = (it: Partial<StackCue>) => alter((present, at) => editCue(present, at, it));
  return (
    <li
      class={`cue ${current ? 'current' : ''} ${lacks ? 'lacking' : ''}`}
      aria-current={current ? 'step' : undefined}
    >
      <button
        type="button"
        class="cue-go"
        aria-label={`${index + 1}: ${t('cues.play', { name: cue.name })}`}
        title={t('cues.play', { name: cue.name })}
        onClick={() => playCueAt(index)}
      >
        {index + 1}
      </button>
      <input
        class="cue-name"
        aria-label={t('cues.name')}
        value={cue.name}
        maxLength={60}
        onChange={(event) => edit({ name: event.currentTarget.value })}
      />
      <label class="inline">
        <span class="sr">{t('look.fade')}</span>
        <input
          type="number"
          min={0}
          max={600}
          step={0.1}
          value={cue.fadeMs / 1000}
          onChange={(event) =>
            edit({ fadeMs: Math.max(0, Math.min(600, Number(event.currentTarget.value) || 0)) * 1000 })
          }
        />
        s
      </label>
      <IconButton
        label={t('cues.up', { name: cue.name })}
        icon="up"
        disabled={index === 0}
        onClick={() => alter((present, at) => moveCue(present, at, -1))}
      />
      <IconButton
        label={t('cues.down', { name: cue.name })}
        icon="down"
        disabled={index === stack.cues.length - 1}
        onClick={() => alter((present, at) => moveCue(present, at, 1))}
      />
      <IconButton
        label={t('cues.remove', { name: cue.name })}
        icon="trash"
        onClick={() => alter(removeCue)}
      />
      {lacks && (
        <p class="note">
          <Icon name="warning" />
          {t('cues.lacks', { style: lacks })}
        </p>
      )}
    </li>
  );
}

/** Looks in the order of a show, and the log of what was changed. */
export function Cues() {
  const stack = useCell(state.cues);
  return (
    <div class="cues">
      <div class="row wrap">
        <button type="button" class="plain" onClick={storeCue}>
          <Icon name="plus" />
          {t('cues.store')}
        </button>
        <span class="grow" />
        <Learn target="previousCue" name={t('cues.back')} />
        <button type="button" class="plain" disabled={stack.at <= 0} onClick={() => stepCue(-1)}>
          <Icon name="left" />
          {t('cues.back')}
        </button>
        <button
          type="button"
          class="primary"
          disabled={stack.at >= stack.cues.length - 1}
          onClick={() => stepCue(1)}
        >
          {t('cues.go')}
          <Icon name="right" />
        </button>
        <Learn target="nextCue" name={t('cues.go')} />
      </div>
      {stack.cues.length === 0 && <p class="quiet">{t('cues.empty')}</p>}
      <ol class="cue-list">
        {stack.cues.map((cue, index) => (
          <Row key={cue.id} cue={cue} index={index} current={index === stack.at} />
        ))}
      </ol>
      <p class="foot">
        <button type="button" class="text-button" onClick={downloadCues}>
          <Icon name="download" />
          {t('cues.download')}
        </button>
        <span class="quiet">{t('cues.downloadHint')}</span>
      </p>
    </div>
  );
}
