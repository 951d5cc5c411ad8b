import { z } from '@hono/zod-openapi';
import { NotFound } from '../errors.js';
import { encodePicture } from '../models/picture.js';
import { lookState, outputInfo, streamInfo } from './answers.js';
import type { Parts, StreamSession } from './parts.js';
import { change, cycle, inputRequest, outputRequest, streamName } from './protocol.js';
import { type App, route } from './route.js';

const params = z.object({
  stream: streamName.describe('Name of the stream.'),
});
const tag = 'Streams';
const gone = { 204: { description: 'It is gone.' } } as const;

/** Streams: what there is, how it looks, what comes in and goes out. */
export function streamRoutes(app: App, { sessions, settings }: Pick<Parts, 'sessions' | 'settings'>): void {
  const maxBytes = settings.limits.jsonBytes;
  const find = (name: string): StreamSession => {
    const session = sessions.find(name);
    if (session) return session;
    throw new NotFound(`There is no stream ${name}.`, {
      hint: `Streams are ${
        sessions
          .list()
          .map((one) => one.name)
          .join(', ') || 'none yet'
      }.`,
    });
  };

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
      return c.json(sessions.open(stream).info(), there ? 200 : 201);
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

type Find = (name: string) => StreamSession;

function lookRoutes(app: App, find: Find, maxBytes: number): void {
  route(
    app,
    {
      ...{
        method: 'get',
        path: '/api/streams/{stream}/look',
        role: 'read',
        tag,
        summary: 'Show how it looks',
        params,
      },
      answers: {
        200: { description: 'Its look.', schema: z.object({ look: lookState, cycle: cycle.optional() }) },
      },
    },
    (c, { params: { stream } }) => {
      const { look, cycle: turns } = find(stream).info();
      return c.json({ look, ...(turns ? { cycle: turns } : {}) });
    },
  );
  route(
    app,
    {
      ...{ method: 'patch', path: '/api/streams/{stream}/look', role: 'admin', tag, params },
      summary: 'Change how it looks: now, at a frame or time, with a fade, or as a cycle',
      description:
        'The control socket, `/api/streams/{stream}/control`, takes the same and tells when it took effect.',
      body: { schema: change, maxBytes },
      answers: {
        202: {
          description: 'Understood; it takes effect at its frame.',
          schema: z.object({ id: z.string() }),
        },
      },
    },
    async (c, { params: { stream }, body }) => c.json({ id: await find(stream).change(body) }, 202),
  );
  route(
    app,
    {
      ...{ method: 'get', path: '/api/streams/{stream}/cues', role: 'read', tag, params },
      summary: 'Save what was changed as a cue list, for `livebrush transcode --cues`',
      answers: { 200: { description: 'The cue list.', schema: z.array(z.looseObject({})) } },
    },
    (c, { params: { stream } }) => {
      const cues = find(stream).cues();
      c.header('Content-Disposition', `attachment; filename="${stream}.cues.json"`);
      return c.json(cues);
    },
  );
  route(
    app,
    {
      ...{ method: 'get', path: '/api/streams/{stream}/snapshot.jpg', role: 'read', tag, params },
      summary: 'The newest picture',
      answers: { 200: { description: 'The picture.', type: 'image/jpeg' } },
    },
    async (c, { params: { stream } }) => {
      const pixels = await find(stream).snapshot();
      if (!pixels) throw new NotFound(`Nothing was painted in ${stream} yet.`);
      const jpeg = await encodePicture(pixels, 'jpeg', { quality: 92 });
      return c.body(new Uint8Array(jpeg), 200, { 'Content-Type': 'image/jpeg', 'Cache-Control': 'no-store' });
    },
  );
}

function inputRoutes(app: App, find: Find, maxBytes: number): void {
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

function outputRoutes(app: App, find: Find, maxBytes: number): void {
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
