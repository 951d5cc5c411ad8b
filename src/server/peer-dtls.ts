import type { Werift } from './peer-werift.js';

/** A message of a handshake, put together of its fragments (RFC 6347, 4.2.2). */
export interface Handshake {
  readonly msg_type: number;
  readonly message_seq: number;
}

/** What is used of werift's DTLS socket: inner parts that it does not declare, as of the pinned version. */
export interface Dtls {
  readonly connected: boolean;
  readonly dtls: { flight: number };
  readonly cipher: {
    encryptPacket(packet: { readonly recordLayerHeader: { contentType: number } }): unknown;
  };
  onHandleHandshakes(messages: readonly Handshake[]): Promise<void>;
  send(bytes: Buffer): Promise<void>;
}

const CLIENT_HELLO = 1;
const FINISHED = 20;
/** Messages that may wait for those before them: more than a flight has. */
const MOST_WAITING = 16;

/**
 * What of a handshake's messages may be handled now. They are numbered, and lost, doubled and overtaken by others on
 * their way: each is handled once, after those before it (RFC 6347, 4.2.2). Werift takes them as they come: of a key
 * exchange that is repeated it makes another secret than the other side has, and a certificate that it does not wait for
 * is never asked for again. Two repeated ones are let through, as it answers them by repeating its own: a greeting while
 * the handshake lasts (afterwards it would begin anew), and the end.
 */
export class InOrder {
  #next = 0;
  readonly #waiting = new Map<number, Handshake>();

  take(messages: readonly Handshake[], connected: boolean): Handshake[] {
    const ready: Handshake[] = [];
    for (const message of messages) {
      const { msg_type: type, message_seq: at } = message;
      if (type === CLIENT_HELLO && connected) continue;
      if (at >= this.#next) {
        if (this.#waiting.size < MOST_WAITING) this.#waiting.set(at, message);
      } else if (type === CLIENT_HELLO || type === FINISHED) ready.push(message);
    }
    for (let next = this.#waiting.get(this.#next); next; next = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      ready.push(next);
    }
    return ready;
  }
}

const kept = new WeakSet<Werift.RTCDtlsTransport>();

/** Lets the handshake of a connection, once it begins, be done in order. Asking twice is harmless. */
export function keepInOrder(transport: Werift.RTCDtlsTransport): void {
  if (kept.has(transport)) return;
  kept.add(transport);
  transport.onStateChange.subscribe((state) => {
    // Its socket is made right after it says that it begins, before anything can come.
    if (state === 'connecting') queueMicrotask(() => order(transport.dtls as unknown as Dtls | undefined));
  });
}

function order(socket: Dtls | undefined): void {
  if (!socket) return;
  const inOrder = new InOrder();
  const handle = socket.onHandleHandshakes;
  socket.onHandleHandshakes = async (messages) => {
    const ready = inOrder.take(messages, socket.connected);
    if (ready.length > 0) await handle(ready);
  };
}

const ALERT = 21;
/** A warning, which says that the connection is closed (RFC 5246, 7.2). */
const CLOSE_NOTIFY = [1, 0];

/** Tells the other side that it is over, which werift does not; a handshake under way is given up. */
export async function farewell(transport: Werift.RTCDtlsTransport): Promise<void> {
  const socket = transport.dtls as unknown as Dtls | undefined;
  if (!socket) return;
  try {
    if (transport.state === 'connected') {
      const { cipher } = socket;
      const encrypt = cipher.encryptPacket.bind(cipher);
      cipher.encryptPacket = (packet) => {
        packet.recordLayerHeader.contentType = ALERT;
        return encrypt(packet);
      };
      await socket.send(Buffer.from(CLOSE_NOTIFY));
    }
    // Beyond all flights: it would go on repeating its last one.
    socket.dtls.flight = Number.MAX_SAFE_INTEGER;
  } catch {
    // The other side notices by itself, only later.
  }
}
