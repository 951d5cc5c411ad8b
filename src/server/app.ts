import { upgradeWebSocket } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { WebSocket } from 'ws';
import { BadInput, Denied, Forbidden, NotFound, Overloaded, TooMany } from '../errors.js';
import { log } from '../log.js';
import { jobRoutes, recordingRoutes, uploadRoutes } from './api-jobs.js';
import { serverRoutes } from './api-server.js';
import { streamRoutes } from './api-streams.js';
import { styleRoutes } from './api-styles.js';
import { answerFailure, statusOf } from './failures.js';
import { foreign, knownHost, type Reach, reachOf } from './guard.js';
import { secure } from './headers.js';
import { hlsRoutes } from './hls.js';
import { Buckets, Holds, limitKey, plainAddress } from './limits.js';
import { describeApi } from './openapi.js';
import type { Ctx, Env, Parts } from './parts.js';
import type { ErrorBody } from './protocol.js';
import { type App, need, within } from './route.js';
import { webRoutes } from './web.js';

/** Paths of WHIP and WHEP, which pages elsewhere may use with a token. */
const SIGNALLING = /^\/[^/]+\/(whip|whep)(\/|$)/;

/** Who asks: the other end of the connection, or whom a trusted proxy names. */
function addressOf(c: Context, trusted: ReadonlySet<string>): string {
  let address = 'unknown';
  try {
    address = plainAddress(getConnInfo(c).remote.address ?? address);
  } catch {
    // Requests that came over no connection, in tests.
  }
  const hops = (c.req.header('x-forwarded-for') ?? '').split(',').map((hop) => plainAddress(hop.trim()));
  while (trusted.has(address) && hops.length > 0) address = hops.pop() || address;
  return address;
}

/** Tells refusals and, at the level `info`, every request; never a query or a header, which may hold a token. */
function watched({ metrics, settings }: Parts): MiddlewareHandler<Env> {
  const trusted = new Set(settings.listen.trustedProxies);
  return async (c, next) => {
    c.set('role', 'none');
    c.set('known', false);
    c.set('address', addressOf(c, trusted));
    const began = performance.now();
    await next();
    const { status } = c.res;
    metrics.request(status);
    if (c.error && status < 500) metrics.reject(statusOf(c.error)[1]);
    const ms = Math.round(performance.now() - began);
    log.info({ method: c.req.method, path: c.req.path, status, ms, address: c.get('address') }, 'request');
  };
}

/** Keeps out what comes from pages elsewhere, or under a name that is none of ours. */
function guarded(reach: Reach, { auth }: Parts): MiddlewareHandler<Env> {
  return async (c, next) => {
    const host = c.req.header('host');
    if (!knownHost(host, reach))
      throw new Forbidden('This server is not known under that name.', {
        hint: 'Who runs it can add the name to listen.hosts, or set publicUrl.',
      });
    const come = {
      ...{ method: c.req.method, host, origin: c.req.header('origin') },
      ...{ site: c.req.header('sec-fetch-site'), mode: c.req.header('sec-fetch-mode') },
      dest: c.req.header('sec-fetch-dest'),
    };
    // With a token, which no page has unless a person gave it one, WHIP and WHEP are open to all pages.
    const preflight = c.req.method === 'OPTIONS';
    const shown = !auth.open && (preflight || c.req.header('authorization') !== undefined);
    if (foreign(come, reach) && !(shown && SIGNALLING.test(c.req.path)))
      throw new Forbidden('Requests from pages elsewhere are not allowed.', {
        hint: 'Who runs this server can allow the page: listen.origins.',
      });
    await next();
  };
}

/** Holds every address to its share, and lets nobody new in on the way down. */
function limited({ settings, state }: Parts): MiddlewareHandler<Env> {
  const { requestsPerSecond: all, signallingPerSecond: some } = settings.limits;
  const requests = new Buckets({ perSecond: all, burst: 4 * all });
  const signalling = new Buckets({ perSecond: some, burst: 2 * some });
  return async (c, next) => {
    const key = limitKey(c.get('address'));
    const posts = SIGNALLING.test(c.req.path) && c.req.method !== 'OPTIONS';
    const wait = Math.max(requests.take(key), posts ? signalling.take(key) : 0);
    if (wait > 0)
      throw new TooMany('Too many requests came from this address.', { retryAfterS: Math.ceil(wait) });
    const changes = !['GET', 'HEAD', 'OPTIONS', 'DELETE'].includes(c.req.method);
    if (state.draining && (changes || c.req.header('upgrade')))
      throw new Overloaded('The server is shutting down.', { retryAfterS: 10 });
    await next();
  };
}

/** WHIP and WHEP: tokens and sizes, before the routes themselves. */
function signallingRoutes(app: App, { whip, whep, settings }: Parts): void {
  const { sdpBytes, patchBytes } = settings.limits;
  const bounded: MiddlewareHandler<Env> = (c, next) =>
    within(c.req.method === 'PATCH' ? patchBytes : sdpBytes)(c as never, next);
  for (const [name, routes, role] of [
    ['whip', whip, 'publish'],
    ['whep', whep, 'read'],
  ] as const) {
    if (!routes) continue;
    const token = need(role);
    const checked: MiddlewareHandler<Env> = (c, next) =>
      c.req.method === 'OPTIONS' ? next() : token(c, next);
    app.use(`/:stream/${name}`, checked, bounded);
    app.use(`/:stream/${name}/*`, checked, bounded);
    app.route('/', routes as never);
  }
}

/** The control socket of a stream. */
function controlRoute(app: App, { control, auth, settings, about }: Parts): void {
  const holds = new Holds(settings.limits.socketsPerAddress);
  const upgrade = upgradeWebSocket((c) => {
    const address: string = c.get('address');
    const hold = holds.take(limitKey(address));
    if (!hold) throw new TooMany('This address has too many control sockets open.', { retryAfterS: 5 });
    // Of the connection, not of the WebSocket: a handshake may fail before there is one.
    c.env.incoming.socket.once('close', () => hold[Symbol.dispose]());
    const context = {
      ...{ stream: c.req.param('stream')!, version: about.version, role: c.get('role') },
      checkToken: (token: string) => {
        const role = auth.try(token, address);
        if (role === 'none') throw new Denied('The token is wrong.');
        return role;
      },
    };
    return {
      onOpen: (_, { raw }) => control?.(raw as unknown as WebSocket, context),
    };
  });
  app.get('/api/streams/:stream/control', (c, next) => {
    if (!control) throw new NotFound('There is nothing here.');
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket')
      throw new BadInput('This is a WebSocket.', { hint: 'Connect to it as ws:// or wss://.' });
    return upgrade(c, next);
  });
}

/** All that the server answers, without a listener. */
export function createApp(parts: Parts): App {
  const { auth, settings, about } = parts;
  const reach = reachOf(settings);
  const app: App = new OpenAPIHono<Env>({
    defaultHook: (result) => {
      if (result.success) return;
      const [issue] = result.error.issues;
      const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
      throw new BadInput(
        `The request is wrong: ${where}${issue?.message ?? 'it is none of ours'}.`.slice(0, 400),
      );
    },
  });
  app.onError((error, c) => answerFailure(error, c));
  app.notFound((c) => {
    const error = new NotFound('There is nothing here.', { hint: 'The panel is at /, the API at /docs.' });
    return answerFailure(error, c);
  });
  app.use(watched(parts), secure, guarded(reach, parts), limited(parts));
  app.use(
    cors({
      origin: (origin) => (reach.origins.has(origin) ? origin : null),
      exposeHeaders: ['Location', 'ETag', 'Link'],
    }),
  );
  app.use(async (c, next) => {
    const role = await auth.check(c.req.raw, c.get('address'));
    c.set('role', role);
    c.set('known', role !== auth.anonymous || c.req.header('authorization') !== undefined);
    await next();
  });
  app.use('/api/*', methodNotAllowed({ app, onMethodNotAllowed: notAllowed }));
  serverRoutes(app, parts);
  streamRoutes(app, parts);
  controlRoute(app, parts);
  styleRoutes(app, parts);
  uploadRoutes(app, parts);
  jobRoutes(app, parts);
  recordingRoutes(app, parts);
  describeApi(app, about.version);
  signallingRoutes(app, parts);
  hlsRoutes(app, parts);
  webRoutes(app, parts);
  watchNumbers(parts);
  return app;
}

function notAllowed(c: Ctx, methods: string[]): Response {
  const body: ErrorBody = {
    error: { code: 'bad-request', message: `This takes ${methods.join(', ')} alone.` },
  };
  return c.json(body, 405, { Allow: methods.join(', ') });
}

/** Tells the metrics where numbers are. */
function watchNumbers({ metrics, sessions, jobs, about, sockets = () => [] }: Parts): void {
  metrics.about(about);
  metrics.watchStreams(() =>
    sessions.list().map((session) => {
      const { frames, degraded } = session.stats();
      return { stream: session.name, ...frames, degraded: degraded.level };
    }),
  );
  metrics.watch(() => {
    const open = [...sockets()];
    const infos = sessions.list().map((session) => session.info());
    return {
      streams: infos.length,
      publishers: infos.filter(({ live }) => live).length,
      viewers: infos.reduce((sum, { viewers }) => sum + viewers, 0),
      jobs: jobs.list().filter(({ state }) => state === 'queued' || state === 'running').length,
      sockets: open.length,
      buffered: open.reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0),
    };
  });
}
