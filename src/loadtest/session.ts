import { LivebrushError } from '../errors.js';
import { Client, type ClientOptions } from './client.js';
import { type Access, asked } from './wish.js';

/** What a session is asked for. */
export interface SessionOptions extends Omit<ClientOptions, 'direction'> {
  readonly access: Access;
  readonly stream: string;
  readonly part: 'whip' | 'whep';
}

/**
 * How long each attempt to connect may take, in milliseconds. There is a second one, since a handshake of werift's on
 * this side now and then gets stuck on a busy machine; the results tell how often.
 */
const ATTEMPTS_MS = [6000, 12_000];

/** What a session is made of beside its connection. */
interface Opened {
  readonly access: Access;
  readonly path: string;
  readonly answer: string;
  readonly attempt: number;
  readonly connectMs: number;
}

/** A publisher's or viewer's connection, and its session at the server. */
export class WishSession {
  readonly client: Client;
  /** Milliseconds from the request until packets could pass. */
  readonly connectMs: number;
  /** The server's answer. */
  readonly answer: string;
  /** How often it was tried: once, mostly. */
  readonly attempts: number;
  readonly #access: Access;
  readonly #path: string;
  #left: Promise<number> | undefined;

  private constructor(client: Client, { access, path, answer, attempt, connectMs }: Opened) {
    this.client = client;
    this.connectMs = connectMs;
    this.answer = answer;
    this.attempts = attempt + 1;
    this.#access = access;
    this.#path = path;
  }

  /**
   * Asks for a session and waits until it is connected. What `prepare` does with the connection is done before.
   * @throws as `asked`; Unsupported (werift), LivebrushError (no connection), the signal's reason.
   */
  static async open(
    options: SessionOptions,
    signal: AbortSignal,
    prepare: (client: Client) => void = () => {},
  ): Promise<WishSession> {
    const began = performance.now();
    for (const [attempt, withinMs] of ATTEMPTS_MS.entries()) {
      const { access, stream, part } = options;
      const direction = part === 'whip' ? 'sendonly' : 'recvonly';
      const client = await Client.open({ ...options, direction });
      prepare(client);
      let path: string | undefined;
      try {
        const ask = { method: 'POST', type: 'application/sdp', body: client.offer, signal };
        const { text: answer, headers } = await asked(access, `/${stream}/${part}`, ask);
        path = placeOf(headers.location, access);
        const connected = await client.connect(answer, signal, withinMs);
        const connectMs = performance.now() - began;
        if (connected) return new WishSession(client, { access, path, answer, attempt, connectMs });
      } catch (error) {
        await end(client, access, path);
        throw error;
      }
      await end(client, access, path);
    }
    throw new LivebrushError('The media connection to the server did not come about.', {
      hint: 'Are the UDP ports of the server (webrtc.udpPorts) open to this machine?',
    });
  }

  /** Whether packets can pass. */
  get connected(): boolean {
    return this.client.connected;
  }

  /**
   * Ends it with DELETE; works twice, and also where the server has ended it already.
   * @returns the status that DELETE was answered with; 0 where it was refused, or not answered.
   */
  leave(): Promise<number> {
    this.#left ??= end(this.client, this.#access, this.#path);
    return this.#left;
  }

  /** Ends the connection without a DELETE, where the server ends the session itself. */
  async drop(): Promise<void> {
    this.#left ??= this.client.close().then(() => 0);
    await this.#left;
  }
}

/**
 * Where a session is, as a path of the same server: nobody else shall see the token.
 * @throws LivebrushError where the server does not say, or names another one.
 */
function placeOf(location: string | undefined, { url }: Access): string {
  const place = location !== undefined && URL.canParse(location, url) ? new URL(location, url) : undefined;
  if (place?.origin !== new URL(url).origin)
    throw new LivebrushError('The server did not say where the session is (Location).');
  return place.pathname;
}

/** How long ending a session may take. */
const FAREWELL_MS = 10_000;

/** Ends a session at the server; one that is gone, or a server that is, is as good. */
const remove = (access: Access, path: string): Promise<number> =>
  asked(access, path, { method: 'DELETE', signal: AbortSignal.timeout(FAREWELL_MS) }).then(
    ({ status }) => status,
    () => 0,
  );

async function end(client: Client, access: Access, path: string | undefined): Promise<number> {
  const status = path === undefined ? 0 : await remove(access, path);
  await client.close();
  return status;
}
