import { join } from 'node:path';
import { NotFound } from '../errors.js';
import type { Parts } from './parts.js';
import { STREAM_NAME } from './protocol.js';
import { type App, need } from './route.js';
import { sendFile } from './send-file.js';

const types: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  ts: 'video/mp2t',
  m4s: 'video/iso.segment',
  mp4: 'video/mp4',
};
const FILE = /^[A-Za-z0-9_-]{1,80}\.(m3u8|ts|m4s|mp4)$/;

/** @throws NotFound for what cannot be a stream. */
export function checkWatched(stream: string): string {
  if (STREAM_NAME.test(stream)) return stream;
  throw new NotFound('There is no such stream.');
}

/** `/{stream}/hls/index.m3u8` and what it names, as the HLS output of the stream writes them. */
export function hlsRoutes(app: App, { sessions }: Pick<Parts, 'sessions'>): void {
  app.get('/:stream/hls/:file', need('read'), (c) => {
    const stream = checkWatched(c.req.param('stream'));
    const file = c.req.param('file');
    const [, extension] = FILE.exec(file) ?? [];
    if (!extension) throw new NotFound('There is no such segment.');
    const cache = extension === 'm3u8' ? 'no-store' : 'private, max-age=60';
    const what = `HLS of ${stream}; it has to be added as an output first`;
    const folder = sessions.find(stream)?.hls;
    if (!folder) throw new NotFound(`There is no ${what}.`);
    return sendFile(c, join(folder, file), { type: types[extension]!, cache, what });
  });
}
