import { randomUUID } from 'node:crypto';
import { BadInput, Overloaded } from '../errors.js';
import { log } from '../log.js';
import { guarded } from './guarded.js';
import { CANDIDATES, candidateOf } from './peer-candidates.js';
import type { Offer, Part } from './peer-offer.js';
import type { PeerSettings } from './peer-settings.js';
import { closeConnection, negotiate, openConnection, routerOf, type Werift } from './peer-werift.js';
import type { Fragment } from './sdp.js';

type Connection = Werift.RTCPeerConnection;

/** What a peer needs to be opened. */
export interface PeerOptions {
  readonly werift: typeof Werift;
  readonly settings: PeerSettings;
  readonly ports: [number, number];
  readonly offer: Offer;
  readonly part: Part;
}

/** How often a client may restart ICE: each leaves something behind in werift. */
const RESTARTS = 64;

/** How long a peer lives: not connected yet, connected, or gone. */
export type PeerState = 'pending' | 'connected' | 'closed';

/** One WebRTC connection, from its offer to its end; whoever vanishes is noticed and freed. */
export class Peer {
  /** Unguessable, so that only who was told of it can end it. */
  readonly id = randomUUID();
  /** Settles with a sentence that says why, once it is gone. */
  readonly closed: Promise<string>;
  state: PeerState = 'pending';
  readonly pc: Connection;
  readonly #options: PeerOptions;
  readonly #ufrags: Set<string>;
  readonly #connected: (() => void)[] = [];
  #settle: (reason: string) => void = () => {};
  #closing: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;
  #heardAt = performance.now();
  #candidates = 0;
  #sdp: string;

  constructor(options: PeerOptions) {
    this.#options = options;
    const { werift, settings, ports, offer } = options;
    this.#ufrags = new Set([offer.ufrag]);
    this.#sdp = offer.sdp;
    this.closed = new Promise((settle) => {
      this.#settle = settle;
    });
    this.pc = openConnection(werift, settings, ports, offer.codec, (username) =>
      this.#ufrags.has(username.slice(username.lastIndexOf(':') + 1)),
    );
    this.#listen();
    this.#watch = setTimeout(
      () => this.close('It never connected.'),
      settings.negotiationMs + settings.connectMs,
    );
  }

  #listen(): void {
    this.pc.connectionStateChange.subscribe(
      guarded((state) => {
        if (state === 'connected') this.#connect();
        else if (state === 'failed' || state === 'closed') this.close('The connection failed.');
      }),
    );
    const router = routerOf(this.pc);
    for (const name of ['routeRtp', 'routeRtcp'] as const) {
      const route = router[name] as (packet: never) => void;
      router[name] = guarded((packet: never) => {
        if (this.#options.part === 'read' || name === 'routeRtp') this.#heardAt = performance.now();
        route(packet);
      });
    }
  }

  #connect(): void {
    if (this.state !== 'pending') return;
    this.state = 'connected';
    clearTimeout(this.#watch);
    const { settings, part } = this.#options;
    const silence = part === 'publish' ? settings.publisherSilenceMs : settings.viewerSilenceMs;
    this.#heardAt = performance.now();
    this.#watch = setInterval(
      () => {
        if (performance.now() - this.#heardAt > silence) this.close('Nothing came from it any more.');
      },
      Math.min(1000, silence / 4),
    );
    for (const call of this.#connected.splice(0)) call();
  }

  /** Calls `call` once it is connected. */
  onConnected(call: () => void): void {
    if (this.state === 'connected') call();
    else this.#connected.push(guarded(call));
  }

  /**
   * Answers the offer.
   * @throws BadInput where that fails, or takes too long; the peer is closed then.
   */
  async answer(): Promise<string> {
    try {
      return await this.#within(negotiate(this.pc, this.#options.offer, this.#options.part));
    } catch (cause) {
      await this.close('Its offer could not be answered.');
      throw new BadInput('This offer cannot be answered.', { cause });
    }
  }

  /** Waits for a negotiation, but not for ever: some never settle. */
  async #within<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('It took too long.')), this.#options.settings.negotiationMs);
    });
    // What it opens after we closed is closed as well.
    work.catch(() => {}).finally(() => this.state === 'closed' && closeConnection(this.pc));
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Entity tag of its ICE session, quoted. */
  get etag(): string {
    const [ice] = this.pc.iceTransports;
    return `"${this.id.slice(0, 8)}-${ice?.connection.generation ?? 0}"`;
  }

  /** Whether a fragment belongs to another ICE session of the client than the one at hand: it wants a restart. */
  wantsRestart({ ufrag }: Fragment): boolean {
    return ufrag !== undefined && !this.#ufrags.has(ufrag);
  }

  /** Tries further candidates of the client; those of other sessions, damaged or unreachable ones are ignored. */
  async trickle(fragment: Fragment, client: string | undefined): Promise<void> {
    if (this.state === 'closed' || this.wantsRestart(fragment)) return;
    for (const value of fragment.candidates) {
      const candidate = candidateOf(value, client, this.#options.settings.tcp);
      if (!candidate || this.#candidates >= CANDIDATES) continue;
      this.#candidates++;
      await this.pc.addIceCandidate({ candidate, sdpMLineIndex: 0 }).catch(() => {});
    }
  }

  /**
   * Begins ICE anew with the client's new credentials; the media goes on meanwhile.
   * @returns our new credentials and candidates, as lines.
   * @throws BadInput where it fails.
   */
  async restart(
    { ufrag = '', password = '', candidates }: Fragment,
    client: string | undefined,
  ): Promise<string[]> {
    const sdp = this.#sdp
      .replace(/^a=candidate:.*\r\n/gm, '')
      .replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${ufrag}`)
      .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${password}`);
    if (this.#ufrags.size > RESTARTS) throw new BadInput('ICE was restarted too often.');
    this.#ufrags.add(ufrag);
    this.#candidates = 0;
    try {
      const answer = await this.#within(
        negotiate(this.pc, { ...this.#options.offer, sdp }, this.#options.part),
      );
      this.#sdp = sdp;
      // DTLS stays connected, so werift would not check the new pairs by itself.
      for (const ice of this.pc.iceTransports) ice.start().catch(() => this.close('ICE failed.'));
      await this.trickle({ ufrag, password, candidates }, client);
      return iceLines(answer);
    } catch (cause) {
      throw new BadInput('ICE cannot be restarted.', { cause });
    }
  }

  /** Ends the connection and frees all of it. Works twice. */
  async close(reason = 'It was closed.'): Promise<void> {
    // Closing tells that it is closed, from inside.
    if (this.state !== 'closed') this.#closing = this.#close(reason);
    await this.#closing;
  }

  async #close(reason: string): Promise<void> {
    this.state = 'closed';
    clearTimeout(this.#watch);
    clearInterval(this.#watch);
    this.#settle(reason);
    log.debug({ peer: this.id.slice(0, 8), reason }, 'peer closed');
    await closeConnection(this.pc);
  }
}

/** The lines of an answer that a fragment repeats, once. */
function iceLines(answer: string): string[] {
  const lines = answer.split('\r\n');
  const second = lines.findIndex(
    (line, index) => line.startsWith('m=') && index > lines.findIndex((it) => it.startsWith('m=')),
  );
  return lines
    .slice(0, second < 0 ? undefined : second)
    .filter((line) => /^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates|mid)|^m=/.test(line));
}

/** @throws Overloaded: no port was free. */
export function noPort([first, last]: readonly [number, number]): never {
  throw new Overloaded(`All UDP ports from ${first} to ${last} are in use.`, {
    hint: 'Widen the range of ports in the configuration, or try again later.',
    retryAfterS: 5,
  });
}
