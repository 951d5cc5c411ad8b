import type { ChangeInput, ClientMessageInput, ServerMessage } from '../../src/server/protocol.js';
import { Backoff } from './backoff.js';
import { token } from './token.js';

export type Link = 'connecting' | 'open' | 'lost' | 'denied' | 'gone';

/** Closed by the server because the token is missing or wrong. A breach of policy (1008) may be anything else too. */
const DENIED = [4401, 4403];
/** Closed since the stream was removed: an admin who came back by itself would make it anew. */
const GONE = 4404;
/** A connection that held so long counts as good. */
const HELD_MS = 3000;
/** A server that says nothing for so long is gone, whatever TCP thinks. */
const SILENCE_MS = 10_000;

/** The control socket of a stream: comes back by itself, and says so. */
export class Control {
  #socket: WebSocket | undefined;
  #closed = false;
  #count = 0;
  #heard = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #backoff = new Backoff();
  readonly #watch: ReturnType<typeof setInterval>;
  /** Random, so that the ids of two panels differ. */
  readonly #name = Math.random().toString(36).slice(2, 8);
  /** Changes that are on their way, by id. */
  readonly pending = new Set<string>();

  constructor(
    readonly stream: string,
    readonly onMessage: (message: ServerMessage) => void,
    readonly onLink: (link: Link) => void,
  ) {
    this.#open();
    this.#watch = setInterval(() => this.#ping(), SILENCE_MS / 3);
  }

  #open(): void {
    this.onLink('connecting');
    const url = new URL(`/api/streams/${encodeURIComponent(this.stream)}/control`, location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    this.#socket = socket;
    let denied = false;
    let opened = 0;
    socket.onopen = () => {
      opened = performance.now();
      this.#heard = opened;
      if (token()) this.send({ type: 'auth', token: token() });
      this.send({ type: 'stats', on: true });
    };
    socket.onmessage = ({ data }) => {
      this.#heard = performance.now();
      const message = JSON.parse(String(data)) as ServerMessage;
      if (message.type === 'hello') this.onLink('open');
      if (message.type === 'error' && message.code === 'denied' && !message.id) denied = true;
      if ('id' in message && message.id && message.type !== 'accepted') this.pending.delete(message.id);
      this.onMessage(message);
    };
    socket.onclose = ({ code }) => {
      if (this.#closed || socket !== this.#socket) return;
      this.pending.clear();
      if (opened && performance.now() - opened > HELD_MS) this.#backoff.reset();
      if (code === GONE) return this.onLink('gone');
      this.onLink(denied || DENIED.includes(code) ? 'denied' : 'lost');
      this.#timer = setTimeout(() => this.#open(), this.#backoff.next());
    };
  }

  #ping(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (performance.now() - this.#heard > SILENCE_MS) this.#socket.close();
    else this.send({ type: 'ping' });
  }

  /** Tries at once instead of when its time comes. */
  retry(): void {
    if (this.#closed || this.#socket?.readyState === WebSocket.OPEN) return;
    clearTimeout(this.#timer);
    const old = this.#socket;
    this.#open();
    old?.close();
  }

  /** @returns whether it could be sent. */
  send(message: ClientMessageInput): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @returns the change's id, or undefined when there is no connection. */
  change(change: ChangeInput): string | undefined {
    const id = `${this.#name}-${++this.#count}`;
    if (!this.send({ type: 'change', id, ...change })) return undefined;
    this.pending.add(id);
    return id;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    this.#socket?.close();
  }
}
