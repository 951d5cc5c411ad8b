import type { ChangeInput, ServerMessage, StreamInfo } from '../../src/server/protocol.js';
import { api, type InputWish } from './api.js';
import { askToken, askTokenOnce, forgetAsking } from './ask.js';
import { Backoff, pause } from './backoff.js';
import { Control } from './control.js';
import { readStack } from './cue-stack.js';
import { remember } from './history.js';
import { t } from './i18n/index.js';
import { Looks } from './looks.js';
import { needAdmin } from './may.js';
import { padOf } from './mix.js';
import { asProblem, Problem } from './problem.js';
import { stopPublishingTo } from './publish.js';
import { state } from './state.js';
import { keep, kept, onKept } from './storage.js';
import { attempt, complain, say, wordsOf } from './toast.js';
import { token } from './token.js';
import { followTunings } from './tune.js';
import { Viewer } from './whep.js';

let control: Control | undefined;
let viewer: Viewer | undefined;
const began = performance.now();

/** Changes of the look, on their way to the server. */
export const looks = new Looks(
  (change) => control?.change(change),
  (look) => {
    state.look.value = look;
  },
);

export const STREAM_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/i;

/** Which stream to show first: the address says, or the last one, or one that is live. */
function firstStream(streams: readonly StreamInfo[] | undefined): string {
  const asked = new URLSearchParams(location.search).get('stream');
  const good = asked && STREAM_NAME.test(asked);
  if (asked && !good) say('warning', t('stream.badName', { name: asked.slice(0, 80) }), t('stream.nameRule'));
  const last = kept('stream', '');
  if (!streams) return (good && asked) || last || 'main';
  const known = (name: string) => streams.some((it) => it.name === name);
  return (
    (good && asked) || (known(last) && last) || (streams.find((it) => it.live) ?? streams[0])?.name || 'main'
  );
}

/** Asks the server what it is until it answers, then opens a stream. */
export async function start(): Promise<void> {
  const backoff = new Backoff();
  for (;;) {
    try {
      const info = await api.info();
      state.info.value = info;
      state.role.value = info.role;
      if (info.role === 'none' && info.auth) throw new Problem('denied', '', undefined, 401);
      if (token()) await api.remember().catch(() => {});
      if (info.role === 'publish') {
        state.streams.value = [];
        state.styles.value = [];
        openStream(state.streamName.value || firstStream(undefined));
        return;
      }
      const [streams, styles] = await Promise.all([api.streams(), api.styles()]);
      state.streams.value = streams;
      state.styles.value = styles;
      openStream(state.streamName.value || firstStream(streams));
      void followTunings();
      return;
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (problem.status === 401 || problem.status === 403) {
        state.link.value = 'denied';
        askTokenOnce();
        return;
      }
      state.link.value = 'lost';
      await pause(Math.max(problem.retryMs ?? 0, backoff.next()));
    }
  }
}

const mayOnlyPublish = () => state.info.value?.role === 'publish';

export function openStream(name: string): void {
  control?.close();
  viewer?.close();
  control = undefined;
  viewer = undefined;
  state.streamName.value = name;
  state.stream.value = undefined;
  state.stats.value = undefined;
  state.moments.value = [];
  state.appliedFrame.value = undefined;
  state.cues.value = readStack(kept(`cues.${name}`, undefined));
  keep('stream', name);
  const url = new URL(location.href);
  url.searchParams.set('stream', name);
  history.replaceState(history.state, '', url);
  if (mayOnlyPublish()) {
    state.media.value = undefined;
    state.link.value = 'publish';
    return;
  }
  control = new Control(name, take, (link) => {
    state.link.value = link;
    if (link === 'denied') askTokenOnce();
    if (link === 'open') forgetAsking();
    if (link === 'lost' || link === 'gone') looks.settle();
    if (link === 'gone') {
      stopPublishingTo(name);
      viewer?.close();
      state.stream.value = undefined;
      state.stats.value = undefined;
    }
  });
  viewer = new Viewer({
    url: `/${encodeURIComponent(name)}/whep`,
    iceServers: state.info.value?.iceServers ?? [],
    onState: (watch, problem) => {
      state.watch.value = watch;
      state.watchProblem.value = problem;
    },
    onMedia: (media) => {
      state.media.value = media;
    },
  });
}

// Whoever publishes to a stream that was removed makes it anew, and sees it again.
state.publishing.subscribe(() => {
  const name = state.streamName.value;
  if (state.link.value === 'gone' && state.publishing.value?.stream === name) openStream(name);
});

/** Shows what another tab of the same stream has made of the cues. */
export function followCues(): void {
  onKept((key) => {
    if (key === `cues.${state.streamName.value}`) state.cues.value = readStack(kept(key, undefined));
  });
}

/** Whether a person may open a stream under a new name; who may not is asked for a token. */
export const mayMakeStream = (): boolean => mayOnlyPublish() || needAdmin();

/** Opens a stream under a new name. */
export async function makeStream(name: string): Promise<void> {
  // Publishing makes it too, where the token allows nothing else.
  if (mayOnlyPublish() || (await attempt(() => api.makeStream(name)))) openStream(name);
}

/** Tries at once, after the network or a token came. */
export function retryNow(): void {
  if (control) control.retry();
  else void start();
}

/** Begins again with another token. */
export function withNewToken(): void {
  control?.close();
  viewer?.close();
  control = undefined;
  viewer = undefined;
  forgetAsking();
  state.dialog.value = undefined;
  void start();
}

export const watchStats = () => viewer?.stats() ?? Promise.resolve(undefined);

/**
 * Sends a change that is no drag: with the fade that is set, unless it says otherwise.
 * @returns whether it was sent or will be; if not, people are told.
 */
export function change(it: ChangeInput): boolean {
  if (!needAdmin()) return false;
  const sent = looks.change({ fadeMs: state.fadeMs.value, ...it });
  if (!sent) say('warning', t('toast.notSent'), t('toast.notSentWay'));
  return sent;
}

function take(message: ServerMessage): void {
  switch (message.type) {
    case 'hello':
    case 'stream': {
      state.stream.value = message.stream;
      looks.hold(message.stream.look);
      if (message.type === 'hello') {
        // Without a token the cookie of this browser may have answered, which lets it see more than do.
        if (!token()) state.role.value = message.role;
        void refreshStreams();
        // What became of styles meanwhile was not heard.
        void refreshStyles();
      }
      return;
    }
    case 'applied': {
      const { stream } = state;
      const { cycle, look } = message;
      if (stream.value) stream.value = { ...stream.value, look, cycle };
      state.appliedFrame.value = message.frame;
      looks.applied(message.id, look);
      return;
    }
    case 'stats': {
      const seconds = (performance.now() - began) / 1000;
      state.moments.value = remember(
        state.moments.value,
        message,
        state.stats.value,
        seconds,
        state.marking.value ? state.glass.value : null,
      );
      state.stats.value = message;
      if (state.stream.value) {
        const { input, degraded, outputs, viewers } = message;
        state.stream.value = { ...state.stream.value, input, degraded, outputs, viewers };
      }
      return;
    }
    case 'styles':
      void refreshStyles();
      return;
    case 'notice':
      say(message.level, message.text);
      return;
    case 'error': {
      looks.refused(message.id);
      if (message.code === 'denied' && !message.id) return;
      if (message.code === 'denied') askToken();
      const { text, hint } = wordsOf(new Problem(message.code, message.message, message.hint));
      say('error', text, hint);
      return;
    }
  }
}

let asked = 0;

/** Reads which styles there are, and lets go of those that there are no more. */
export async function refreshStyles(): Promise<void> {
  const turn = ++asked;
  const styles = await api.styles().catch(() => undefined);
  // A later question knows better, whichever answer comes first.
  if (!styles || turn !== asked) return;
  state.styles.value = styles;
  const there = (name: string) => styles.some((style) => style.name === name);
  const { pad, cycle, job } = state;
  if (!pad.value.styles.every(there)) pad.value = padOf(pad.value, there);
  if (cycle.value && !cycle.value.styles.every(there))
    cycle.value = { ...cycle.value, styles: cycle.value.styles.filter(there) };
  if (job.value.style && !there(job.value.style)) job.value = { ...job.value, style: '' };
}

export async function refreshStreams(): Promise<void> {
  state.streams.value = await api.streams().catch(() => state.streams.value);
}

/** What the stream is fed from, when the server feeds it. */
export async function feed(input: InputWish): Promise<boolean> {
  try {
    await api.setInput(state.streamName.value, input);
    return true;
  } catch (thrown) {
    complain(thrown);
    return false;
  }
}
