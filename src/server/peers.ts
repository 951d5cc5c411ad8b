import { Overloaded } from '../errors.js';
import { noPort, type Peer, type PeerOptions } from './peer.js';
import { PublishingPeer } from './peer-in.js';
import type { Offer, Part } from './peer-offer.js';
import { ViewingPeer } from './peer-out.js';
import { addressesOf, type PeerSettings, peerDefaults } from './peer-settings.js';
import { Ports } from './peer-sockets.js';
import { hasCandidates, loadWerift } from './peer-werift.js';

/** A peer whose offer is answered. */
export interface Answered<P> {
  readonly it: P;
  readonly peer: Peer;
  readonly answer: string;
}

/** All WebRTC connections of this process: made here, counted here, and gone once closed. */
export class Peers implements AsyncDisposable {
  readonly settings: PeerSettings;
  readonly #peers = new Set<Peer>();
  readonly #ports: Ports;
  #opening = 0;
  #closed = false;

  constructor(settings: Partial<PeerSettings> = {}) {
    this.settings = { ...peerDefaults, ...settings };
    this.#ports = new Ports(this.settings.udpPorts, this.settings.bindAddress);
  }

  /** Connections that stand, or are being set up. */
  get size(): number {
    return this.#peers.size;
  }

  /** Connections that are being set up. */
  get pending(): number {
    return this.#opening + [...this.#peers].filter(({ state }) => state === 'pending').length;
  }

  /** @throws BadInput, Overloaded, Unsupported (werift is missing). */
  publish(offer: Offer): Promise<Answered<PublishingPeer>> {
    return this.#open(offer, 'publish', (options) => new PublishingPeer(options));
  }

  /** @throws BadInput, Overloaded, Unsupported (werift is missing). */
  watch(offer: Offer): Promise<Answered<ViewingPeer>> {
    return this.#open(offer, 'read', (options) => new ViewingPeer(options));
  }

  async #open<P extends { readonly peer: Peer; answer(): Promise<string> }>(
    offer: Offer,
    part: Part,
    make: (options: PeerOptions) => P,
  ): Promise<Answered<P>> {
    if (this.#closed || this.pending >= this.settings.pending)
      throw new Overloaded('Too many connections are being set up at the moment.', { retryAfterS: 5 });
    const { werift, ports } = await this.#prepare();
    const it = make({ werift, settings: this.settings, ports, offer, part });
    const { peer } = it;
    this.#peers.add(peer);
    void peer.closed.then(() => this.#peers.delete(peer));
    const answer = await it.answer();
    if (hasCandidates(answer)) return { it, peer, answer };
    await peer.close('No port was free.');
    return noPort(this.settings.udpPorts);
  }

  /** What a connection needs before it is one; counts as being set up. */
  async #prepare() {
    this.#opening++;
    try {
      const werift = await loadWerift();
      const count = addressesOf(this.settings).length * (this.settings.tcp ? 2 : 1);
      const ports = await this.#ports.range(count);
      if (!ports || this.#closed) return noPort(this.settings.udpPorts);
      return { werift, ports };
    } finally {
      this.#opening--;
    }
  }

  /** Closes every connection; none can be opened any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#peers].map((peer) => peer.close('The server stops.')));
  }
}
