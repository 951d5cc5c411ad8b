import { useEffect, useRef } from 'preact/hooks';
import { mainStyle, titleOf } from '../actions.js';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { publish } from '../publish.js';
import { state } from '../state.js';
import { wordsOf } from '../toast.js';
import { Compare } from './compare.js';
import { Icon } from './icon.js';
import { usePublished } from './published.js';

function Output() {
  const painted = useCell(state.media);
  const published = usePublished();
  // Who may only publish sees what is sent, and does not hear it back.
  const alone = useCell(state.link) === 'publish';
  const media = alone ? published?.media : painted;
  const muted = useCell(state.muted) || alone;
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    state.video.value = element.current;
    return () => {
      state.video.value = null;
    };
  }, []);
  useEffect(() => {
    const video = element.current;
    if (!video) return;
    video.srcObject = media ?? null;
    void video.play().catch(() => {});
  }, [media]);
  useEffect(() => {
    if (element.current) element.current.muted = muted;
  }, [muted]);
  return <video ref={element} class="painted" autoplay playsInline muted aria-label={t('stage.output')} />;
}

/** What stands where a picture will be, and how to get one. */
function Empty() {
  const link = useCell(state.link);
  const watch = useCell(state.watch);
  const problem = useCell(state.watchProblem);
  const published = usePublished();
  const media = useCell(state.media);
  if (link === 'publish')
    return published ? null : (
      <div class="stage-empty">
        <p class="quiet">{t('stage.publishOnly')}</p>
      </div>
    );
  if (link === 'gone' || (watch === 'playing' && media)) return null;
  const words = watch === 'waiting' && problem ? wordsOf(problem) : undefined;
  return (
    <div class="stage-empty">
      <span class="spinner" aria-hidden="true" />
      <p role="status">{watch === 'waiting' ? t('stage.reconnecting') : t('stage.connecting')}</p>
      {words && <p class="quiet">{problem?.status === 409 ? t('stage.nobody') : words.text}</p>}
    </div>
  );
}

/** The one button that a person who opens the page is looking for. */
function Invitation() {
  const published = usePublished();
  const link = useCell(state.link);
  const stream = useCell(state.stream);
  if (published || (link !== 'open' && link !== 'publish') || stream?.input.kind === 'whip') return null;
  return (
    <div class="invitation">
      <button type="button" class="primary big" onClick={() => publish('camera')}>
        <Icon name="camera" />
        {t('publish.camera')}
      </button>
      <button
        type="button"
        class="glass"
        onClick={() => {
          state.dialog.value = 'source';
        }}
      >
        {t('publish.other')}
      </button>
    </div>
  );
}

function Labels() {
  const look = useCell(state.look);
  const stream = useCell(state.stream);
  const frame = useCell(state.appliedFrame);
  const glass = useCell(state.glass);
  const marking = useCell(state.marking);
  const published = usePublished();
  const styles = useCell(state.styles);
  if (!stream) return null;
  const first = mainStyle(look);
  const more = look.mix.length - 1;
  return (
    <div class="stage-labels">
      <span class="tag strong">
        {look.show === 'paint'
          ? (styles.length ? titleOf(first) : first) + (more > 0 ? ` + ${more}` : '')
          : t(look.show === 'bypass' ? 'show.bypass' : 'show.blackout')}
      </span>
      {stream.cycle && <span class="tag">{t('cycle.running', { n: stream.cycle.everyFrames })}</span>}
      {frame !== undefined && (
        <span class="tag number" title={t('applied.hint')}>
          <Icon name="check" />
          {t('applied', { frame: frame.toLocaleString() })}
        </span>
      )}
      {marking && published && (
        <span class="tag number">{t('glass.value', { ms: glass === null ? '–' : Math.round(glass) })}</span>
      )}
    </div>
  );
}

/** What is wrong with the stream for now: its input does not come, or the machine cannot keep up. */
function Trouble() {
  const stream = useCell(state.stream);
  if (!stream) return null;
  const { input, degraded } = stream;
  const text = input.problem ?? (degraded.level ? t('degraded', degraded) : undefined);
  if (text === undefined) return null;
  return (
    <p class="degraded" role="status">
      <Icon name="warning" />
      <span>{text}</span>
    </p>
  );
}

/** The painted picture, as large as it can be. */
export function Stage() {
  const compare = useCell(state.compare);
  return (
    <section class="stage" aria-label={t('stage.label')}>
      <div class="stage-picture">
        <Output />
        {compare && <Compare />}
        <Empty />
        <Labels />
        <Trouble />
        <Invitation />
      </div>
    </section>
  );
}
