import { perform } from '../actions.js';
import { useCell } from '../cell.js';
import { clock, t } from '../i18n/index.js';
import { publish, stopPublishing } from '../publish.js';
import { state } from '../state.js';
import { wordsOf } from '../toast.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';
import { Learn } from './learn.js';

function SourceButtons() {
  const publishing = useCell(state.publishing);
  const more = () => {
    state.dialog.value = 'source';
  };
  if (!publishing)
    return (
      <div class="split">
        <button type="button" class="primary" onClick={() => publish('camera')}>
          <Icon name="camera" />
          {t('publish.camera')}
        </button>
        <button
          type="button"
          class="primary"
          aria-label={t('source.title')}
          title={t('source.title')}
          onClick={more}
        >
          <Icon name="down" />
        </button>
      </div>
    );
  const { state: how, kind, stream, problem } = publishing;
  const words =
    how === 'live'
      ? t(`publish.live.${kind}`, { stream })
      : t(how === 'retrying' ? 'publish.retrying' : 'publish.connecting');
  return (
    <div class="split">
      <button type="button" class="stop" onClick={stopPublishing}>
        <Icon name="stop" fill />
        {t('publish.stop')}
      </button>
      <button
        type="button"
        class="plain"
        title={problem ? wordsOf(problem).text : `${words} · ${t('source.title')}`}
        onClick={more}
      >
        <span class={`dot ${how}`} />
        <span class="clip">{words}</span>
      </button>
    </div>
  );
}

function RecordButton() {
  const stream = useCell(state.stream);
  const output = stream?.outputs.find(
    ({ kind, state: how }) => kind === 'record' && ['starting', 'running', 'retrying'].includes(how),
  );
  return (
    <IconButton
      label={output ? t('record.stop') : t('record.start')}
      icon={output ? 'stop' : 'record'}
      fill
      shortcut="R"
      pressed={Boolean(output)}
      class="record"
      onClick={() => perform('record')}
    >
      {output && <span class="number">{clock(output.seconds)}</span>}
    </IconButton>
  );
}

/** What is done to the picture as a whole. */
export function Toolbar() {
  const { show } = useCell(state.look);
  const compare = useCell(state.compare);
  const muted = useCell(state.muted);
  return (
    <div class="toolbar" role="toolbar" aria-label={t('toolbar')}>
      <SourceButtons />
      <span class="grow" />
      <div class="tools">
        <IconButton
          label={t('compare.label')}
          icon="compare"
          shortcut="V"
          pressed={compare}
          onClick={() => perform('compare')}
        />
        <IconButton label={t('snapshot')} icon="snapshot" shortcut="S" onClick={() => perform('snapshot')} />
        <RecordButton />
        <span class="rule" />
        <IconButton
          label={t('show.bypass')}
          icon="bypass"
          shortcut="Space"
          pressed={show === 'bypass'}
          onClick={() => perform('bypass')}
        />
        <Learn target="bypass" name={t('show.bypass')} />
        <IconButton
          label={t('show.blackout')}
          icon="blackout"
          shortcut="B"
          class="blackout"
          pressed={show === 'blackout'}
          onClick={() => perform('blackout')}
        />
        <Learn target="blackout" name={t('show.blackout')} />
        <span class="rule" />
        <IconButton
          label={muted ? t('unmute') : t('mute')}
          icon={muted ? 'mute' : 'sound'}
          shortcut="M"
          onClick={() => perform('mute')}
        />
        <IconButton label={t('fullscreen')} icon="full" shortcut="F" onClick={() => perform('fullscreen')} />
      </div>
    </div>
  );
}
