import { z } from '@hono/zod-openapi';
import { tuningInfo } from './answers.js';
import type { Parts } from './parts.js';
import { tuningRequest } from './protocol.js';
import { type App, route } from './route.js';

const tag = 'Styles';
const path = '/api/tunings/{id}';
const params = z.object({ id: z.string().min(1).max(160) });

/** Styles that are tuned to their pictures. */
export function tuningRoutes(app: App, { tunings, settings }: Pick<Parts, 'tunings' | 'settings'>): void {
  route(
    app,
    {
      ...{
        method: 'get',
        path: '/api/tunings',
        role: 'admin',
        tag,
        summary: 'List the tunings, the newest first',
      },
      answers: { 200: { description: 'All of them.', schema: z.object({ tunings: z.array(tuningInfo) }) } },
    },
    (c) => c.json({ tunings: tunings.list() }),
  );
  route(
    app,
    {
      ...{ method: 'post', path: '/api/tunings', role: 'admin', tag, summary: 'Tune a style to its picture' },
      description:
        'Minutes of training on what comes into a stream, beside all else that the server does. Who paints with the ' +
        'style sees it when it is done.',
      body: { schema: tuningRequest, maxBytes: settings.limits.jsonBytes },
      answers: { 202: { description: 'It waits for its turn.', schema: tuningInfo } },
    },
    async (c, { body }) => {
      const tuning = await tunings.start(body);
      return c.json(tuning, 202, { Location: `/api/tunings/${tuning.id}` });
    },
  );
  route(
    app,
    {
      ...{ method: 'get', path, role: 'admin', tag, params, summary: 'Show a tuning' },
      answers: { 200: { description: 'The tuning.', schema: tuningInfo } },
    },
    (c, { params: { id } }) => c.json(tunings.get(id)),
  );
  route(
    app,
    {
      ...{ method: 'delete', path, role: 'admin', tag, params },
      summary: 'End a tuning, which leaves the style as it is; forget one that is over',
      answers: { 200: { description: 'How it stood.', schema: tuningInfo } },
    },
    async (c, { params: { id } }) => c.json(await tunings.cancel(id)),
  );
}
