import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdaptorServer, type WebSocketServerLike } from '@hono/node-server';
import { WebSocketServer } from 'ws';
import { log } from '../log.js';
import { createApp } from './app.js';
import { Auth, newToken } from './auth.js';
import { isLoopback } from './guard.js';
import { bind, reachable } from './listen.js';
import type { Parts, ServerState } from './parts.js';
import type { Settings } from './settings.js';

/** How long a client may take for its header, for a body that is no upload, and between requests, in milliseconds. */
export interface Patience {
  readonly headersMs: number;
  readonly bodyMs: number;
  readonly idleMs: number;
}

const patient: Patience = { headersMs: 10_000, bodyMs: 30_000, idleMs: 10_000 };
/** Bodies that may take as long as they need while something comes: uploads tell by themselves when nothing does. */
const LONG = /^\/api\/(uploads|styles)(\?|$)/;
/** Sockets of HTTP at a time. */
const MOST_SOCKETS = 5000;
/** What WebSocket calls an end that a restart follows. */
const GOING_AWAY = 1001;

/** A server that listens. */
export interface Served {
  /** As this machine reaches it: `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /**
   * Lets nobody new in, tells everyone, ends what `close` ends, and stops listening; what is still open after the
   * grace is cut off.
   */
  drain(close: () => Promise<void>): Promise<void>;
}

/** Whether nobody needs a token: there are none, and only this machine reaches the server. */
function needsNone({ tokens, listen, publicUrl }: Settings): boolean {
  const none = [tokens.admin, tokens.publish, tokens.read].every((list) => list.length === 0);
  const proxied = listen.trustedProxies.length > 0 || listen.hosts.length > 0;
  const known = publicUrl === '' || isLoopback(new URL(publicUrl).hostname.replace(/^\[|\]$/g, ''));
  return none && isLoopback(listen.host) && known && !proxied;
}

/**
 * Who may do what. Where others reach a server that has no token for its admin, one is made, to be shown once, and
 * with it one each to publish and to watch, which the panel hands out.
 */
export function authOf(settings: Settings): { readonly auth: Auth; readonly made: string | undefined } {
  const { tokens, limits } = settings;
  const open = needsNone(settings);
  const made = open || tokens.admin.length > 0 ? undefined : newToken();
  const orNew = (known: readonly string[]) => (known.length > 0 ? [...known] : [newToken()]);
  const all = made
    ? { ...tokens, admin: [made], publish: orNew(tokens.publish), read: orNew(tokens.read) }
    : tokens;
  return { auth: new Auth({ tokens: all, open, failuresPerMinute: limits.failuresPerMinute }), made };
}

/** Cuts off who sends a body so slowly that it only holds a place. */
function hurry(server: Server, bodyMs: number): void {
  server.on('request', (request: IncomingMessage) => {
    if (LONG.test(request.url ?? '') || request.complete) return;
    const timer = setTimeout(() => request.complete || request.socket.destroy(), bodyMs);
    request.once('close', () => clearTimeout(timer));
  });
}

/** Every connection of a server. */
function connectionsOf(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return connections;
}

/** Listens on the address of the settings. @throws CannotWrite when it cannot. */
export async function serve(parts: Parts, patience: Patience = patient): Promise<Served> {
  const { settings, state } = parts;
  const { host, port } = settings.listen;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: settings.limits.messageBytes,
    perMessageDeflate: false,
  });
  const app = createApp({ ...parts, sockets: () => sockets.clients });
  const server = createAdaptorServer({
    fetch: app.fetch,
    websocket: { server: sockets as unknown as WebSocketServerLike },
    serverOptions: {
      headersTimeout: patience.headersMs,
      // Of the whole request, uploads too: `hurry` watches all others.
      requestTimeout: 0,
      keepAliveTimeout: patience.idleMs,
      connectionsCheckingInterval: Math.min(2000, patience.headersMs),
      maxHeaderSize: 16 * 1024,
    },
  }) as Server;
  server.maxConnections = MOST_SOCKETS;
  hurry(server, patience.bodyMs);
  const connections = connectionsOf(server);
  const address = await bind(server, host, port);
  server.on('error', (error) => log.error({ err: error }, 'the server broke'));
  return {
    url: `http://${reachable(host)}:${address.port}`,
    port: address.port,
    drain: (close) =>
      drain({ server, sockets, connections, state, graceMs: settings.shutdownGraceMs }, close),
  };
}

interface Draining {
  readonly server: Server;
  readonly sockets: WebSocketServer;
  readonly connections: ReadonlySet<Socket>;
  readonly state: ServerState;
  readonly graceMs: number;
}

async function drain(
  { server, sockets, connections, state, graceMs }: Draining,
  close: () => Promise<void>,
): Promise<void> {
  state.draining = true;
  for (const socket of sockets.clients) socket.close(GOING_AWAY, 'the server stops');
  const late = new AbortController();
  const over = sleep(graceMs, undefined, { signal: late.signal, ref: false }).then(
    () => log.warn('what is still open is cut off: the grace is over'),
    () => {},
  );
  const ended = async () => {
    await close();
    const closed = once(server, 'close');
    server.close();
    server.closeIdleConnections();
    // One on which nothing was asked yet is not idle to Node.
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    await closed;
  };
  // A listener keeps the process up, and `/readyz` answers, until everything has ended.
  await Promise.race([ended().catch((error: unknown) => log.error({ err: error }, 'a stop failed')), over]);
  late.abort();
  for (const socket of sockets.clients) socket.terminate();
  server.close();
  server.closeAllConnections();
}
