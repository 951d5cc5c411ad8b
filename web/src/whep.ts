import { Backoff, pause } from './backoff.js';
import { connected, hangUp, lost, negotiate, newPeer } from './peer.js';
import { asProblem, type Problem } from './problem.js';

export type WatchState = 'connecting' | 'playing' | 'waiting' | 'denied' | 'refused' | 'closed';

export interface WatchOptions {
  readonly url: string;
  readonly iceServers: readonly RTCIceServer[];
  readonly sound?: boolean;
  /** Told of each change of state, with the reason for waiting. */
  onState(state: WatchState, problem?: Problem): void;
  onMedia(media: MediaStream): void;
  /** Whether asking again is of no use. */
  isFinal?(problem: Problem): boolean;
}

/** What arrives here, once asked. */
export interface WatchStats {
  readonly fps: number;
  readonly kbps: number;
  readonly lost: number;
  readonly width: number;
  readonly height: number;
}

/** Without a decoded frame for so long, the connection is made anew. */
const SILENCE_MS = 8000;

/** Watches a stream over WHEP until closed or refused for good, and again after each cut, for ever. */
export class Viewer {
  readonly #stop = new AbortController();
  #peer: RTCPeerConnection | undefined;
  #session = '';
  #before = { bytes: 0, at: 0 };

  constructor(readonly options: WatchOptions) {
    void this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff();
    const leave = () => this.#hangUp();
    addEventListener('pagehide', leave);
    this.options.onState('connecting');
    while (!signal.aborted) {
      let wait = 0;
      try {
        await this.#once(signal, () => backoff.reset());
        if (!signal.aborted) this.options.onState('waiting');
      } catch (thrown) {
        if (signal.aborted) break;
        const problem = asProblem(thrown);
        if (this.options.isFinal?.(problem)) {
          removeEventListener('pagehide', leave);
          return this.options.onState('refused', problem);
        }
        wait = problem.retryMs ?? 0;
        this.options.onState([401, 403].includes(problem.status) ? 'denied' : 'waiting', problem);
      }
      await pause(Math.max(wait, backoff.next()), signal);
    }
    removeEventListener('pagehide', leave);
    this.options.onState('closed');
  }

  async #once(signal: AbortSignal, onPlaying: () => void): Promise<void> {
    const peer = newPeer(this.options.iceServers);
    this.#peer = peer;
    const ended = new AbortController();
    const over = () => ended.abort();
    signal.addEventListener('abort', over);
    try {
      const media = new MediaStream();
      peer.ontrack = ({ track, receiver }) => {
        // The newest frame at once: no buffer to play out smoothly.
        if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
        media.addTrack(track);
      };
      peer.addTransceiver('video', { direction: 'recvonly' });
      if (this.options.sound !== false) peer.addTransceiver('audio', { direction: 'recvonly' });
      this.#session = await negotiate(peer, this.options.url, signal);
      if (!(await connected(peer, signal))) return;
      this.options.onMedia(media);
      this.options.onState('playing');
      onPlaying();
      await Promise.race([lost(peer, signal), silent(peer, ended.signal)]);
    } finally {
      signal.removeEventListener('abort', over);
      over();
      this.#hangUp();
    }
  }

  /** What arrives at the moment; undefined while nothing does. */
  async stats(): Promise<WatchStats | undefined> {
    const report = await this.#peer?.getStats().catch(() => undefined);
    for (const entry of report?.values() ?? []) {
      if (entry.type !== 'inbound-rtp' || entry.kind !== 'video') continue;
      const passed = entry.timestamp - this.#before.at;
      const kbps = passed > 0 ? (8 * (entry.bytesReceived - this.#before.bytes)) / passed : 0;
      this.#before = { bytes: entry.bytesReceived, at: entry.timestamp };
      const {
        framesPerSecond: fps = 0,
        packetsLost = 0,
        frameWidth: width = 0,
        frameHeight: height = 0,
      } = entry;
      return { fps, kbps: Math.max(0, kbps), lost: packetsLost, width, height };
    }
    return undefined;
  }

  #hangUp(): void {
    if (this.#session) hangUp(this.#session);
    this.#session = '';
    this.#peer?.close();
    this.#peer = undefined;
  }

  close(): void {
    this.#stop.abort();
    this.#hangUp();
  }
}

/** Resolves when no frame has been decoded for a while on a page that is seen. */
async function silent(peer: RTCPeerConnection, signal: AbortSignal): Promise<void> {
  let frames = -1;
  let since = performance.now();
  while (!signal.aborted) {
    await pause(1000, signal);
    const report = await peer.getStats().catch(() => undefined);
    const video = [...(report?.values() ?? [])].find(
      (entry) => entry.type === 'inbound-rtp' && entry.kind === 'video',
    );
    const count = Number(video?.framesDecoded ?? 0);
    if (count !== frames || document.hidden) {
      frames = count;
      since = performance.now();
    } else if (performance.now() - since > SILENCE_MS) return;
  }
}
