import { Backoff, pause } from './backoff.js';
import { type Codec, connected, hangUp, lost, negotiate, newPeer, prefer } from './peer.js';
import { asProblem, Problem } from './problem.js';

/** What a publisher is doing. */
export type PublishState = 'connecting' | 'live' | 'retrying';

export interface PublishOptions {
  readonly url: string;
  readonly codec: Codec;
  readonly maxKbps: number;
  readonly maxFps: number;
  readonly iceServers: readonly RTCIceServer[];
  /** Told of each change of state, with the reason for a retry. */
  onState(state: PublishState, problem?: Problem): void;
}

/** Answers after which another try is of no use. */
const FINAL = [400, 401, 403, 404, 405, 413, 415];
/** After a cut the server may take a while to see that we, the publisher, are gone. */
const CONFLICTS_AFTER_CUT = 12;

/** Publishes a picture and sound over WHIP until stopped, and again after each cut. */
export class Publisher {
  readonly #stop = new AbortController();
  #peer: RTCPeerConnection | undefined;
  #session = '';
  #video: MediaStreamTrack | undefined;

  constructor(
    readonly media: MediaStream,
    readonly options: PublishOptions,
  ) {
    this.#video = media.getVideoTracks()[0];
  }

  /** Resolves when stopped. @throws Problem when the server refuses for good. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff();
    let held = false;
    let conflicts = 0;
    let codec = this.options.codec;
    const leave = () => this.#hangUp();
    addEventListener('pagehide', leave);
    try {
      while (!signal.aborted) {
        this.options.onState(held ? 'retrying' : 'connecting');
        try {
          held = (await this.#once(codec, signal, () => backoff.reset())) || held;
          conflicts = 0;
        } catch (thrown) {
          if (signal.aborted) return;
          const problem = asProblem(thrown);
          if (FINAL.includes(problem.status)) throw problem;
          if (problem.status === 409 && (!held || ++conflicts > CONFLICTS_AFTER_CUT)) throw problem;
          if (problem.status === 406) {
            if (codec !== this.options.codec) throw problem;
            codec = codec === 'h264' ? 'vp8' : 'h264';
            continue;
          }
          this.options.onState('retrying', problem);
          await pause(Math.max(problem.retryMs ?? 0, backoff.next()), signal);
          continue;
        }
        if (!signal.aborted) await pause(backoff.next(), signal);
      }
    } finally {
      removeEventListener('pagehide', leave);
      this.#hangUp();
    }
  }

  /** One connection, from offer to loss. @returns whether it held. */
  async #once(codec: Codec, signal: AbortSignal, onLive: () => void): Promise<boolean> {
    const peer = newPeer(this.options.iceServers);
    this.#peer = peer;
    try {
      this.#addTracks(peer, codec);
      this.#session = await negotiate(peer, this.options.url, signal);
      if (!(await connected(peer, signal))) {
        if (signal.aborted) return false;
        throw new Problem('offline', 'No way through to the server for pictures (UDP and TCP failed).');
      }
      await this.#limit(peer);
      onLive();
      this.options.onState('live');
      await lost(peer, signal);
      return true;
    } finally {
      this.#hangUp();
    }
  }

  #addTracks(peer: RTCPeerConnection, codec: Codec): void {
    const add = (track: MediaStreamTrack) =>
      peer.addTransceiver(track, { direction: 'sendonly', streams: [this.media] });
    if (this.#video) prefer(add(this.#video), codec);
    for (const track of this.media.getAudioTracks()) add(track);
  }

  async #limit(peer: RTCPeerConnection): Promise<void> {
    for (const sender of peer.getSenders()) {
      if (sender.track?.kind !== 'video') continue;
      const parameters = sender.getParameters();
      for (const encoding of parameters.encodings) {
        encoding.maxBitrate = this.options.maxKbps * 1000;
        encoding.maxFramerate = this.options.maxFps;
      }
      parameters.degradationPreference = 'maintain-framerate';
      await sender.setParameters(parameters).catch(() => {});
    }
  }

  /** Sends another picture from now on, also after the next reconnect. */
  async replaceVideo(track: MediaStreamTrack): Promise<void> {
    this.#video = track;
    const sender = this.#peer?.getSenders().find((it) => it.track?.kind === 'video');
    await sender?.replaceTrack(track);
  }

  #hangUp(): void {
    if (this.#session) hangUp(this.#session);
    this.#session = '';
    this.#peer?.close();
    this.#peer = undefined;
  }

  stop(): void {
    this.#stop.abort();
    this.#hangUp();
  }
}
