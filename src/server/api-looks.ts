import { z } from '@hono/zod-openapi';
import { NotFound } from '../errors.js';
import { encodePicture } from '../models/picture.js';
import { lookState } from './answers.js';
import { type Find, params, tag } from './api-stream.js';
import { change, cycle } from './protocol.js';
import { type App, route } from './route.js';

/** How a stream looks: shown, changed, saved as cues, and as a picture. */
export function lookRoutes(app: App, find: Find, maxBytes: number): void {
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
