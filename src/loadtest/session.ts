import { LivebrushError } from '../errors.js';
import { Client, type ClientOptions } from './client.js';
import { type Access, asked } from './wish.js';

/** What a session is asked for. */
export interface SessionOptions extends Omit<ClientOptions, 'direction'> {
  readonly access: Access;
  readonly stream: string;
  readonly part: 'whip' | 'whep';
}

/** A publisher's or viewer's connection, and its session at the server. */
export class WishSession {
  readonly client: Client;
  /** Milliseconds from the request until packets could pass. */
  readonly connectMs: number;
  /** The server's answer. */
  readonly answer: string;
  readonly #access: Access;
  readonly #path: string;
  #left: Promise<void> | undefined;

  private constructor(
    client: Client,
    access: Access,
    path: string,
    { connectMs, answer }: { connectMs: number; answer: string },
  ) {
    this.client = client;
    this.connectMs = connectMs;
    this.answer = answer;
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
    const { access, stream, part } = options;
    const client = await Client.open({ ...options, direction: part === 'whip' ? 'sendonly' : 'recvonly' });
    let path: string | undefined;
    try {
      prepare(client);
      const began = performance.now();
      const body = client.offer;
      const ask = { method: 'POST', type: 'application/sdp', body, signal };
      const { text: answer, headers } = await asked(access, `/${stream}/${part}`, ask);
      path = placeOf(headers.location, access);
      await client.connect(answer, signal);
      return new WishSession(client, access, path, { connectMs: performance.now() - began, answer });
    } catch (error) {
      if (path !== undefined) await remove(access, path);
      await client.close();
      throw error;
    }
  }

  /** Whether packets can pass. */
  get connected(): boolean {
    return this.client.connected;
  }

  /** Ends it with DELETE; works twice, and also where the server has ended it already. */
  leave(): Promise<void> {
    this.#left ??= remove(this.#access, this.#path).then(() => this.client.close());
    return this.#left;
  }

  /** Ends the connection without a DELETE, where the server ends the session itself. */
  drop(): Promise<void> {
    this.#left ??= this.client.close();
    return this.#left;
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
const remove = (access: Access, path: string): Promise<void> =>
  asked(access, path, { method: 'DELETE', signal: AbortSignal.timeout(FAREWELL_MS) }).then(
    () => {},
    () => {},
  );
