import { z } from '@hono/zod-openapi';
import { outputInfo, streamInfo } from './answers.js';
import { type Find, gone, params, tag } from './api-stream.js';
import { inputRequest, outputRequest } from './protocol.js';
import { type App, route } from './route.js';

/** What feeds a stream while nobody publishes. */
export function inputRoutes(app: App, find: Find, maxBytes: number): void {
  const path = '/api/streams/{stream}/input';
  route(
    app,
    {
      ...{
        method: 'put',
        path,
        role: 'admin',
        tag,
        params,
        summary: 'Feed it from a file, an address or the demo',
      },
      body: { schema: inputRequest, maxBytes },
      answers: { 200: { description: 'The stream.', schema: streamInfo } },
    },
    async (c, { params: { stream }, body }) => {
      const session = find(stream);
      await session.setInput(body);
      return c.json(session.info());
    },
  );
  route(
    app,
    {
      ...{
        method: 'delete',
        path,
        role: 'admin',
        tag,
        params,
        summary: 'Feed it from nothing but publishers',
      },
      answers: gone,
    },
    async (c, { params: { stream } }) => {
      await find(stream).clearInput();
      return c.body(null, 204);
    },
  );
}

/** Where a stream goes beside its viewers. */
export function outputRoutes(app: App, find: Find, maxBytes: number): void {
  const path = '/api/streams/{stream}/outputs';
  route(
    app,
    {
      ...{
        method: 'get',
        path,
        role: 'read',
        tag,
        params,
        summary: 'List recordings, HLS and pushes of a stream',
      },
      answers: { 200: { description: 'Its outputs.', schema: z.object({ outputs: z.array(outputInfo) }) } },
    },
    (c, { params: { stream } }) => c.json({ outputs: find(stream).info().outputs }),
  );
  route(
    app,
    {
      ...{
        method: 'post',
        path,
        role: 'admin',
        tag,
        params,
        summary: 'Record it, serve it as HLS, or push it',
      },
      body: { schema: outputRequest, maxBytes },
      answers: { 201: { description: 'The output.', schema: outputInfo } },
    },
    async (c, { params: { stream }, body }) => c.json(await find(stream).addOutput(body), 201),
  );
  route(
    app,
    {
      ...{
        method: 'delete',
        path: `${path}/{id}`,
        role: 'admin',
        tag,
        summary: 'End an output',
        answers: gone,
      },
      params: params.extend({ id: z.string().regex(/^[\w-]{1,160}$/) }),
    },
    async (c, { params: { stream, id } }) => {
      await find(stream).removeOutput(id);
      return c.body(null, 204);
    },
  );
}
