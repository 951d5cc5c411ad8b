import { z } from '@hono/zod-openapi';
import { NotFound } from '../errors.js';
import type { StreamSession, StreamSessions } from './parts.js';
import { streamName } from './protocol.js';

export const tag = 'Streams';
export const params = z.object({ stream: streamName.describe('Name of the stream.') });
export const gone = { 204: { description: 'It is gone.' } } as const;

/** A stream by its name. @throws NotFound with the names there are. */
export type Find = (name: string) => StreamSession;

/** Looks streams up. */
export const finder =
  (sessions: StreamSessions): Find =>
  (name) => {
    const session = sessions.find(name);
    if (session) return session;
    const names = sessions.list().map((one) => one.name);
    throw new NotFound(`There is no stream ${name}.`, {
      hint: `Streams are ${names.join(', ') || 'none yet'}.`,
    });
  };
