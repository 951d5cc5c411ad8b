import './css/watch.css';
import { t } from './i18n/index.js';
import type { Problem } from './problem.js';
import { bearer, takeVisitorToken } from './token.js';
import { Viewer } from './whep.js';

/** The stream's name: the last part of `/watch/{stream}`. */
const stream = decodeURIComponent(location.pathname.split('/').filter(Boolean).pop() ?? '');
const video = document.getElementById('video') as HTMLVideoElement;
const line = document.getElementById('state') as HTMLParagraphElement;
const unmute = document.getElementById('unmute') as HTMLButtonElement;

/** With sound where the browser lets a page begin with it (OBS does), else without, and a button for it. */
async function play(): Promise<void> {
  try {
    await video.play();
  } catch {
    video.muted = true;
    await video.play().catch(() => {});
  }
  unmute.hidden = !video.muted;
}

async function iceServers(): Promise<readonly RTCIceServer[]> {
  const answer = await fetch('/api/info', { headers: bearer() }).catch(() => undefined);
  const info = answer?.ok ? ((await answer.json()) as { iceServers?: RTCIceServer[] }) : undefined;
  return info?.iceServers ?? [];
}

function url(): string {
  const look = new URLSearchParams(location.search);
  const query = look.toString();
  return `/${encodeURIComponent(stream)}/whep${query ? `?${query}` : ''}`;
}

takeVisitorToken();
// A page that a browser brings back as it was has lost its connection for good.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
document.title = `${stream} · Livebrush`;
unmute.textContent = t('unmute');
unmute.onclick = () => {
  video.muted = false;
  unmute.hidden = true;
};
addEventListener('keydown', ({ key }) => {
  if (key === 'f')
    void (document.fullscreenElement
      ? document.exitFullscreen()
      : document.documentElement.requestFullscreen());
  if (key === 'm') {
    video.muted = !video.muted;
    unmute.hidden = !video.muted;
  }
});

const LOOK = ['style', 'strength', 'keepColor'];

/** A look that cannot be had: the address has to change first. */
const isFinal = ({ status }: Problem): boolean => {
  const query = new URLSearchParams(location.search);
  return (status === 400 || status === 404) && LOOK.some((name) => query.has(name));
};

new Viewer({
  url: url(),
  iceServers: await iceServers(),
  onState: (state, problem) => {
    document.body.dataset.state = state;
    const waiting = problem?.status === 409 ? t('stage.nobody') : t('stage.reconnecting');
    const words = {
      connecting: t('stage.connecting'),
      waiting,
      denied: t('watch.denied'),
      refused: [t('watch.refused'), problem?.message].filter(Boolean).join(' '),
      playing: '',
      closed: '',
    };
    line.textContent = words[state];
  },
  onMedia: (media) => {
    video.srcObject = media;
    void play();
  },
  isFinal,
});
