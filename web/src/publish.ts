import { closeMedia, openCamera, openFile, openScreen } from './capture.js';
import { Control } from './control.js';
import { Marker, readMarks } from './glass.js';
import { t } from './i18n/index.js';
import { needPublish } from './may.js';
import { type Publishing, state } from './state.js';
import { attempt, complain, say } from './toast.js';
import { Publisher } from './whip.js';

let publisher: Publisher | undefined;
let marker: Marker | undefined;
let reading: (() => void) | undefined;

const open = {
  camera: () => openCamera({ ...state.settings.value, fps: state.settings.value.maxFps }),
  screen: () => openScreen(state.settings.value.maxFps),
  file: (file?: File) => {
    if (!file) throw new DOMException('No file was chosen.', 'AbortError');
    return openFile(file, state.settings.value.maxFps);
  },
};

/** Paints a camera, a screen or a video file of this machine. */
export async function publish(kind: Publishing['kind'], file?: File): Promise<void> {
  if (!needPublish()) return;
  const media = await attempt(async () => open[kind](file));
  if (!media) return;
  stopPublishing();
  state.publishing.value = { kind, media, stream: state.streamName.value, state: 'connecting' };
  void stayAwake(media);
  media.getVideoTracks()[0]?.addEventListener('ended', () => {
    if (state.publishing.value?.media === media) stopPublishing();
  });
  try {
    await run(media);
  } catch (thrown) {
    if (state.publishing.value?.media === media) stopPublishing();
    complain(thrown);
  }
}

/** The stream's name, once it is known: people may be faster than the server's first answer. */
function streamName(): Promise<string> {
  const { streamName: name } = state;
  if (name.value) return Promise.resolve(name.value);
  return new Promise((resolve) => {
    const stop = name.subscribe(() => {
      if (!name.value) return;
      stop();
      resolve(name.value);
    });
  });
}

/** Publishes until stopped. */
async function run(media: MediaStream): Promise<void> {
  const name = await streamName();
  const begun = state.publishing.value;
  if (begun?.media !== media) return;
  state.publishing.value = { ...begun, stream: name };
  const { codec, maxKbps, maxFps } = state.settings.value;
  const own = new Publisher(media, {
    url: `/${encodeURIComponent(name)}/whip`,
    codec,
    maxKbps,
    maxFps,
    iceServers: state.info.value?.iceServers ?? [],
    onState: (next, problem) => {
      const present = state.publishing.value;
      if (present?.media !== media) return;
      const { kind, stream } = present;
      state.publishing.value = { kind, media, stream, state: next, ...(problem ? { problem } : {}) };
      if (next === 'live' && present.state === 'connecting') say('good', t('toast.publishing'));
    },
  });
  publisher = own;
  if (state.marking.value) mark(true);
  return own.run();
}

/** Keeps the screen on while this page publishes: a phone that sleeps sends nothing. */
async function stayAwake(media: MediaStream): Promise<void> {
  const lock = await navigator.wakeLock?.request('screen').catch(() => undefined);
  if (state.publishing.value?.media !== media) return void lock?.release();
  const stop = state.publishing.subscribe(() => {
    if (state.publishing.value?.media === media) return;
    stop();
    void lock?.release();
  });
}

export function stopPublishing(): void {
  publisher?.stop();
  publisher = undefined;
  marker?.close();
  marker = undefined;
  closeMedia(state.publishing.value?.media);
  state.publishing.value = undefined;
}

/** Ends publishing to a stream that was removed: the next reconnect would bring it back. */
export function stopPublishingTo(stream: string): void {
  if (state.publishing.value?.stream === stream) stopPublishing();
}

let ear: Control | undefined;

/**
 * Hears of the end of the stream that is published to also while the page shows another one, or hears nothing of this one
 * since its token allows to publish alone.
 */
function listen(): void {
  const stream = state.publishing.value?.stream;
  const heard = stream === state.streamName.value && state.link.value !== 'publish';
  const unheard = stream && !heard ? stream : undefined;
  if (unheard === ear?.stream) return;
  ear?.close();
  ear = undefined;
  if (!unheard) return;
  const own = new Control(
    unheard,
    () => {},
    (link) => {
      if (link === 'gone') {
        stopPublishingTo(unheard);
        if (unheard === state.streamName.value) state.link.value = 'gone';
      }
      if (link === 'denied') own.close();
    },
  );
  ear = own;
}
state.publishing.subscribe(listen);
state.streamName.subscribe(listen);
state.link.subscribe(listen);

/** The latency that is shown is the median of so long, in milliseconds, and is shown anew so often. */
const [RECENT_MS, SHOWN_MS] = [3000, 500];

/** Turns the mark of the time in the outgoing picture on or off, and its reading from what comes back. */
export function mark(on: boolean): void {
  state.marking.value = on;
  state.glass.value = null;
  reading?.();
  reading = undefined;
  const track = publisher?.media.getVideoTracks()[0];
  const old = marker;
  marker = on && track ? new Marker(track, state.settings.value.maxFps) : undefined;
  const next = marker?.track ?? track;
  if (publisher && next) void publisher.replaceVideo(next).then(() => old?.close());
  const video = state.video.value;
  if (!on || !video) return;
  let recent: { latencyMs: number; at: number }[] = [];
  const show = () => {
    // Another stream's marks are of another clock, if it has any.
    const own = state.publishing.value?.stream === state.streamName.value;
    recent = own ? recent.filter(({ at }) => at > performance.now() - RECENT_MS) : [];
    const sorted = recent.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
    state.glass.value = sorted[sorted.length >> 1] ?? null;
  };
  const timer = setInterval(show, SHOWN_MS);
  const stop = readMarks(video, (latencyMs) => void recent.push({ latencyMs, at: performance.now() }));
  reading = () => {
    clearInterval(timer);
    stop();
  };
}
