import { useState } from 'preact/hooks';
import { useCell } from '../cell.js';
import { language, setLanguage, t } from '../i18n/index.js';
import { toggleMidi } from '../midi-bind.js';
import { makeStream, mayMakeStream, openStream, refreshStreams, STREAM_NAME } from '../session.js';
import { state } from '../state.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';

function Logo() {
  return (
    <span class="logo">
      <img src="/favicon.svg" alt="" width="28" height="28" />
      <span>Livebrush</span>
    </span>
  );
}

const NEW = ' new';

/** Which stream the page is about; a new one begins when somebody publishes to it. */
function StreamPicker() {
  const streams = useCell(state.streams);
  const name = useCell(state.streamName);
  const [adding, setAdding] = useState(false);
  const names = [...new Set([...streams.map((it) => it.name), name])].filter(Boolean);
  if (adding)
    return (
      <form
        class="stream-picker"
        onSubmit={(event) => {
          event.preventDefault();
          const wish = String(new FormData(event.currentTarget).get('name') ?? '').trim();
          setAdding(false);
          if (STREAM_NAME.test(wish)) void makeStream(wish);
        }}
      >
        <input
          name="name"
          aria-label={t('stream.newName')}
          placeholder={t('stream.newName')}
          pattern="[A-Za-z0-9][A-Za-z0-9_\-]{0,63}"
          title={t('stream.nameRule')}
          maxLength={64}
          required
          ref={(element: HTMLInputElement | null) => element?.focus()}
          onKeyDown={(event) => event.key === 'Escape' && setAdding(false)}
        />
        <IconButton label={t('close')} icon="close" onClick={() => setAdding(false)} />
      </form>
    );
  return (
    <div class="stream-picker">
      <select
        aria-label={t('stream.label')}
        value={name}
        onFocus={() => void refreshStreams()}
        onChange={(event) => {
          const wish = event.currentTarget.value;
          if (wish === NEW) {
            event.currentTarget.value = name;
            if (mayMakeStream()) setAdding(true);
          } else openStream(wish);
        }}
      >
        {names.map((it) => (
          <option key={it} value={it}>
            {it}
          </option>
        ))}
        <option value={NEW}>{t('stream.new')}</option>
      </select>
    </div>
  );
}

function Pulse() {
  const link = useCell(state.link);
  const stream = useCell(state.stream);
  const stats = useCell(state.stats);
  if (link !== 'open' || !stream)
    return link === 'gone' || link === 'publish' ? null : (
      <span class="chip muted">{t(link === 'denied' ? 'link.denied' : 'link.connecting')}</span>
    );
  const kind = stream.input.kind;
  const live = stream.live || kind !== 'card';
  return (
    <span class="pulse">
      <span class={live ? `chip ${kind === 'demo' ? 'demo' : 'live'}` : 'chip muted'}>
        {live ? t(kind === 'demo' ? 'pulse.demo' : 'pulse.live') : t('pulse.waiting')}
      </span>
      {stats && (
        <>
          <span class="chip number fps" title={t('numbers.fps')}>
            {stats.fps.toFixed(1)} fps
          </span>
          <span class="chip number wide-only" title={t('numbers.latency')}>
            {Math.round(stats.latency.p50)} ms
          </span>
        </>
      )}
      <span class="chip number wide-only" title={t('viewers')}>
        <Icon name="viewers" />
        <span class="sr">{t('viewers')}: </span>
        {stream.viewers}
      </span>
    </span>
  );
}

export function Header() {
  const midi = useCell(state.midi);
  const tongue = useCell(language);
  const other = tongue === 'en' ? 'zh' : 'en';
  return (
    <header class="header">
      <h1>
        <Logo />
      </h1>
      <StreamPicker />
      <Pulse />
      <span class="grow" />
      <button
        type="button"
        class={`text-button wide-only ${midi === 'on' ? 'on' : ''}`}
        aria-pressed={midi === 'on'}
        title={t('midi.title')}
        onClick={toggleMidi}
      >
        <Icon name="midi" />
        MIDI
      </button>
      <button
        type="button"
        class="text-button"
        lang={other === 'zh' ? 'zh-CN' : 'en'}
        onClick={() => setLanguage(other)}
      >
        <span class="wide-only">{other === 'zh' ? '中文' : 'English'}</span>
        <span class="narrow-only">{other === 'zh' ? '中' : 'EN'}</span>
      </button>
      <IconButton
        label={t('sheet.title')}
        icon="help"
        shortcut="?"
        onClick={() => {
          state.dialog.value = 'sheet';
        }}
      />
    </header>
  );
}
