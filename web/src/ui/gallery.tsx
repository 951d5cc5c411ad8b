import { useEffect, useRef, useState } from 'preact/hooks';
import type { StyleInfo } from '../../../src/server/protocol.js';
import { mainStyle, pickStyle, togglePad } from '../actions.js';
import { api } from '../api.js';
import { useCell } from '../cell.js';
import { percent, t } from '../i18n/index.js';
import { needAdmin } from '../may.js';
import { refreshStyles } from '../session.js';
import { state } from '../state.js';
import { attempt } from '../toast.js';
import { isActive, tuningOf } from '../tune.js';
import { Icon } from './icon.js';
import { Learn } from './learn.js';
import { Picture } from './picture.js';

/** More styles than this have a search. */
const MANY = 8;
const KEYED = 9;
/** Pixels around a card that is brought into sight. */
const MARGIN = 12;

const found = ({ name, title, artist = '', year = '' }: StyleInfo, words: string) =>
  words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => `${name} ${title} ${artist} ${year}`.toLowerCase().includes(word));

/** A hue for styles whose pictures cannot be shown. */
const hueOf = (name: string) => [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);

async function remove(style: StyleInfo) {
  if (!needAdmin() || !confirm(t('style.removeSure', { name: style.title }))) return;
  await attempt(() => api.removeStyle(style.name));
  await refreshStyles();
}

function Tune({ style }: { style: StyleInfo }) {
  const label = t(style.tuned ? 'tune.tuned' : 'tune.title', { name: style.title });
  return (
    <button
      type="button"
      class={`mini ${style.tuned ? 'on' : ''}`}
      aria-label={label}
      title={label}
      onClick={() => {
        if (!needAdmin()) return;
        state.tuned.value = style.name;
        state.dialog.value = 'tune';
      }}
    >
      <Icon name="wand" />
    </button>
  );
}

/** How far the tuning of a style has come, while it runs. */
function Tuning({ style }: { style: StyleInfo }) {
  const tuning = tuningOf(useCell(state.tunings), style.name);
  if (!tuning || !isActive(tuning)) return null;
  const { step, steps } = tuning;
  return <progress class="style-tuning" aria-label={t('tune.label')} value={step || undefined} max={steps} />;
}

function Card({ style, index }: { style: StyleInfo; index: number }) {
  const { mix } = useCell(state.look);
  const pad = useCell(state.pad);
  const share = mix.find((it) => it.style === style.name)?.weight ?? 0;
  const onPad = pad.styles.includes(style.name);
  const by = [style.artist, style.year].filter(Boolean).join(', ');
  return (
    <li class={`style-card ${share > 0 ? 'current' : ''}`} style={{ '--hue': String(hueOf(style.name)) }}>
      <button
        type="button"
        class="style-main"
        aria-pressed={share > 0}
        title={by ? `${style.title} – ${by}` : style.title}
        data-style={style.name}
        onClick={(event) => (event.shiftKey ? togglePad(style.name) : pickStyle(style.name))}
      >
        <span class="pictures">
          <Picture class="front" url={style.painted} />
          <Picture class="back" url={style.picture} />
        </span>
        <span class="style-title">
          <span>{style.title}</span>
        </span>
        {by && <span class="sr">{by}</span>}
      </button>
      {style.source === 'user' && <Tuning style={style} />}
      {index < KEYED && <kbd class="style-key">{index + 1}</kbd>}
      {share > 0 && mix.length > 1 && <span class="style-share">{percent(share)}</span>}
      <span class="style-tools">
        <Learn target={`style:${style.name}`} name={style.title} />
        {style.source === 'user' && (
          <button
            type="button"
            class="mini"
            aria-label={t('style.remove', { name: style.title })}
            title={t('style.remove', { name: style.title })}
            onClick={() => remove(style)}
          >
            <Icon name="trash" />
          </button>
        )}
        <button
          type="button"
          class={`mini ${onPad ? 'on' : ''}`}
          aria-pressed={onPad}
          aria-label={t('mix.toggle', { name: style.title })}
          title={t('mix.toggle', { name: style.title })}
          onClick={() => {
            togglePad(style.name);
            state.tab.value = 'mix';
          }}
        >
          <Icon name={onPad ? 'check' : 'plus'} />
        </button>
        {style.source === 'user' && <Tune style={style} />}
      </span>
    </li>
  );
}

/** Brings the painted style's card into sight when it changes by key, knob or cue, without moving the page. */
function useSight() {
  const list = useRef<HTMLUListElement>(null);
  const look = useCell(state.look);
  const name = mainStyle(look);
  const known = useCell(state.styles).length;
  useEffect(() => {
    const room = list.current;
    const card = room?.querySelector(`[data-style="${CSS.escape(name)}"]`)?.closest('li');
    if (!room || !card || !known) return;
    const [box, inside] = [card.getBoundingClientRect(), room.getBoundingClientRect()];
    if (box.top < inside.top) room.scrollTop += box.top - inside.top - MARGIN;
    if (box.bottom > inside.bottom) room.scrollTop += box.bottom - inside.bottom + MARGIN;
    if (box.left < inside.left) room.scrollLeft += box.left - inside.left - MARGIN;
    if (box.right > inside.right) room.scrollLeft += box.right - inside.right + MARGIN;
  }, [name, known]);
  return list;
}

/** Every style at hand; a click paints in it. */
export function Gallery() {
  const styles = useCell(state.styles);
  // Streams open once styles are known.
  const loaded = useCell(state.stream) !== undefined || styles.length > 0;
  const [words, setWords] = useState('');
  const list = useSight();
  const shown = styles.map((style, index) => ({ style, index })).filter(({ style }) => found(style, words));
  return (
    <section class="card gallery" aria-label={t('gallery.label')}>
      <header class="card-head">
        <h2>
          {t('gallery.label')} {loaded && <span class="count">{styles.length}</span>}
        </h2>
        <button
          type="button"
          class="text-button accent"
          onClick={() => {
            if (needAdmin()) state.dialog.value = 'style';
          }}
        >
          <Icon name="plus" />
          {t('style.add')}
        </button>
      </header>
      {styles.length > MANY && (
        <div class="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label={t('gallery.search')}
            placeholder={t('gallery.search')}
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </div>
      )}
      <ul class="styles" ref={list} tabIndex={-1}>
        {shown.map(({ style, index }) => (
          <Card key={style.name} style={style} index={index} />
        ))}
      </ul>
      {styles.length > 0 && shown.length === 0 && <p class="quiet centred">{t('gallery.none')}</p>}
      {loaded && styles.length === 0 && <p class="quiet centred">{t('gallery.empty')}</p>}
    </section>
  );
}
