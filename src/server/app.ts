import { upgradeWebSocket } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { WebSocket } from 'ws';
import { BadInput, Denied, NotFound, TooMany } from '../errors.js';
import { framesAlive } from '../pipeline/frame.js';
import { jobRoutes, recordingRoutes, uploadRoutes } from './api-jobs.js';
import { serverRoutes } from './api-server.js';
import { streamRoutes } from './api-streams.js';
import { styleRoutes } from './api-styles.js';
import { tuningRoutes } from './api-tunings.js';
import { guarded, limited, shared, watched } from './entry.js';
import { answerFailure } from './failures.js';
import { reachOf } from './guard.js';
import { secure } from './headers.js';
import { hlsRoutes } from './hls.js';
import { Holds, limitKey } from './limits.js';
import { describeApi } from './openapi.js';
import type { Ctx, Env, Parts } from './parts.js';
import type { ErrorBody } from './protocol.js';
import { type App, need, within } from './route.js';
import { webRoutes } from './web.js';

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
      shown: c.req.header('authorization') !== undefined,
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
  app.use(watched(parts), secure, guarded(reach, parts), shared(reach), limited(parts));
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
  tuningRoutes(app, parts);
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
function watchNumbers({ metrics, sessions, jobs, about, sockets = () => [], peers }: Parts): void {
  metrics.about(about);
  metrics.watchStreams(() =>
    sessions.list().map((session) => {
      const { frames, hitRate, degraded } = session.stats();
      return { stream: session.name, ...frames, hitRate, degraded: degraded.level };
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
      peers: peers?.size ?? 0,
      frames: framesAlive(),
      buffered: open.reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0),
    };
  });
}
