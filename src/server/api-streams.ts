import { z } from '@hono/zod-openapi';
import { streamInfo } from './answers.js';
import { inputRoutes, outputRoutes } from './api-in-out.js';
import { lookRoutes } from './api-looks.js';
import { finder, gone, params, tag } from './api-stream.js';
import type { Parts } from './parts.js';
import { streamSettings } from './protocol.js';
import { type App, route } from './route.js';

/** Streams: what there is, how it looks, what comes in and goes out. */
export function streamRoutes(app: App, { sessions, settings }: Pick<Parts, 'sessions' | 'settings'>): void {
  const maxBytes = settings.limits.jsonBytes;
  const find = finder(sessions);
  route(
    app,
    {
      ...{ method: 'get', path: '/api/streams', role: 'read', tag, summary: 'List the streams' },
      answers: { 200: { description: 'All streams.', schema: z.object({ streams: z.array(streamInfo) }) } },
    },
    (c) => c.json({ streams: sessions.list().map((session) => session.info()) }),
  );
  route(
    app,
    {
      ...{
        method: 'get',
        path: '/api/streams/{stream}',
        role: 'read',
        tag,
        summary: 'Show a stream',
        params,
      },
      answers: { 200: { description: 'The stream.', schema: streamInfo } },
    },
    (c, { params: { stream } }) => c.json(find(stream).info()),
  );
  route(
    app,
    {
      ...{
        method: 'put',
        path: '/api/streams/{stream}',
        role: 'admin',
        tag,
        summary: 'Make a stream',
        params,
      },
      answers: {
        200: { description: 'It was there already.', schema: streamInfo },
        201: { description: 'It is there now.', schema: streamInfo },
      },
    },
    (c, { params: { stream } }) => {
      const there = sessions.find(stream) !== undefined;
      return c.json(sessions.keep(stream).info(), there ? 200 : 201);
    },
  );
  route(
    app,
    {
      ...{ method: 'patch', path: '/api/streams/{stream}', role: 'admin', tag, params },
      summary: 'Change settings of a stream: how old its frames may be',
      body: { schema: streamSettings, maxBytes },
      answers: { 200: { description: 'The stream as it is now.', schema: streamInfo } },
    },
    (c, { params: { stream }, body }) => {
      const session = find(stream);
      session.set(body);
      return c.json(session.info());
    },
  );
  route(
    app,
    {
      ...{ method: 'delete', path: '/api/streams/{stream}', role: 'admin', tag, params, answers: gone },
      summary: 'End a stream, with its publisher, viewers and outputs',
    },
    async (c, { params: { stream } }) => {
      find(stream);
      await sessions.close(stream);
      return c.body(null, 204);
    },
  );
  lookRoutes(app, find, maxBytes);
  inputRoutes(app, find, maxBytes);
  outputRoutes(app, find, maxBytes);
}
