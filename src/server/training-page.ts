import { once } from 'node:events';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Hono, type MiddlewareHandler } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { Forbidden, NotFound, Overloaded } from '../errors.js';
import { log } from '../log.js';
import { answerFailure } from './failures.js';
import { foreign, knownHost, type Reach } from './guard.js';
import { secure } from './headers.js';
import { bind } from './listen.js';
import type { Ctx, Env } from './parts.js';
import { sendFile } from './send-file.js';
import { type Told, TrainingFolder } from './training-folder.js';
import { isSheet, sheetPath } from './training-sheets.js';
import { filesBelow, sendBuilt } from './web.js';

/** The page is for this machine alone. */
const HOST = '127.0.0.1';
const reach: Reach = {
  hosts: new Set(['localhost', '127.0.0.1', '[::1]']),
  anyAddress: false,
  origins: new Set(),
};
/** Pages that may follow at a time, and sockets. */
const MOST_FOLLOWERS = 32;
const MOST_SOCKETS = 256;
/** A sign of life on a quiet stream, by which a browser that went away is noticed. */
const HEARTBEAT_MS = 15_000;
const UNBUILT =
  '<!doctype html><meta charset="utf-8"><title>Livebrush</title><h1>The training runs</h1><p>Its page is not built: ' +
  'run <code>npm run build</code>. What it tells is at <a href="/api/training">/api/training</a>.';

/** Keeps out pages elsewhere, and names that were made to lead here. */
const guarded: MiddlewareHandler<Env> = async (c, next) => {
  const host = c.req.header('host');
  if (!knownHost(host, reach))
    throw new Forbidden('This page is not known under that name.', {
      hint: 'It is for this machine: open it at 127.0.0.1 or localhost.',
    });
  const come = {
    ...{ method: c.req.method, host, origin: c.req.header('origin') },
    ...{ site: c.req.header('sec-fetch-site'), mode: c.req.header('sec-fetch-mode') },
    dest: c.req.header('sec-fetch-dest'),
  };
  if (foreign(come, reach)) throw new Forbidden('Requests from pages elsewhere are not allowed.');
  await next();
};

/** Tells one page what is new, at the pace at which it reads, until it goes away or the server ends. */
async function follow(training: TrainingFolder, stream: SSEStreamingApi, ended: AbortSignal): Promise<void> {
  const gone = new AbortController();
  stream.onAbort(() => gone.abort());
  const signal = AbortSignal.any([gone.signal, ended]);
  const beat = setInterval(() => void stream.writeSSE({ event: 'beat', data: '' }), HEARTBEAT_MS);
  let told: Told | undefined;
  try {
    while (!signal.aborted) {
      if (told) await training.changed(told, signal).catch(() => {});
      const news = training.news(told);
      told = news.told;
      await stream.writeSSE({ data: JSON.stringify(news.message) });
    }
  } finally {
    clearInterval(beat);
  }
}

interface Parts {
  readonly training: TrainingFolder;
  /** Folder of the built pages. */
  readonly web: string;
  readonly ended: AbortSignal;
}

/** All that the page of a training asks for, without a listener. */
export function trainingApp({ training, web, ended }: Parts): Hono<Env> {
  const app = new Hono<Env>();
  let followers = 0;
  const built = async (c: Ctx, name: string) => {
    const path = (await filesBelow(web)).get(name);
    return path === undefined ? undefined : sendBuilt(c, path);
  };
  app.onError((error, c) => answerFailure(error, c));
  app.notFound((c) =>
    answerFailure(new NotFound('There is nothing here.', { hint: 'The page is at /.' }), c),
  );
  app.use(secure, guarded);
  app.get('/', async (c) => (await built(c, '/training.html')) ?? c.html(UNBUILT, 503));
  app.get('/api/training', async (c) => {
    await training.poll();
    return c.json(training.news().message);
  });
  app.get('/api/training/events', (c) => {
    if (followers >= MOST_FOLLOWERS) throw new Overloaded('Too many pages follow this training.');
    followers++;
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(
      c,
      (stream) => follow(training, stream, ended).finally(() => followers--),
      async (error) => log.debug({ err: error }, 'a page could not be told'),
    );
  });
  app.get('/sheets/:name', async (c) => {
    const sheet = sheetPath(training.folder, c.req.param('name'));
    if (!sheet || !(await isSheet(sheet.path))) throw new NotFound('There is no such sheet.');
    return sendFile(c, sheet.path, { type: sheet.type, what: 'such sheet' });
  });
  app.get('/*', async (c) => {
    const file = /^\/(assets\/|favicon\.svg$)/.test(c.req.path) && (await built(c, c.req.path));
    if (!file) throw new NotFound('There is nothing here.', { hint: 'The page is at /.' });
    return file;
  });
  return app;
}

/** The page of a training, listening. */
export interface TrainingPage extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves the page of a training on this machine alone, from its folder.
 * @param about the port (0: any free one), the folder of the built pages, and whether the training is only about to
 * begin, so that its folder may not be there yet.
 * @throws NotFound where there is no training; CannotWrite where the port is taken.
 */
export async function serveTrainingPage(
  folder: string,
  about: { readonly port: number; readonly web: string; readonly awaited?: boolean },
): Promise<TrainingPage> {
  const { port, web, awaited = false } = about;
  const training = await TrainingFolder.open(folder, { awaited });
  const end = new AbortController();
  const app = trainingApp({ training, web, ended: end.signal });
  const serverOptions = { headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16 * 1024 };
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions }) as Server;
  server.maxConnections = MOST_SOCKETS;
  try {
    const bound = await bind(server, HOST, port, 'Choose another port, or 0 for any free one.');
    server.on('error', (error) => log.error({ err: error }, 'the page of the training broke'));
    return {
      url: `http://${HOST}:${bound.port}/`,
      async [Symbol.asyncDispose]() {
        // What came last is told before the streams end.
        await training.poll();
        end.abort();
        training[Symbol.dispose]();
        if (!server.listening) return;
        const closed = once(server, 'close');
        server.close();
        setTimeout(() => server.closeAllConnections(), 300).unref();
        await closed;
      },
    };
  } catch (error) {
    training[Symbol.dispose]();
    throw error;
  }
}
