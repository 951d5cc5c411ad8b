import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Interrupted, NotFound } from '../../../src/errors.js';
import { framesAlive } from '../../../src/pipeline/frame.js';
import { openMediaSource } from '../../../src/pipeline/sources/media.js';
import { clip } from '../../fixtures/clips.js';

let server: Server;
let base = '';

/** Serves one clip, whole or in ranges; `/stalls.mp4` sends a few bytes and then nothing. */
beforeAll(async () => {
  const path = await clip({ muxerOptions: { movflags: '+faststart' } });
  const { size } = await stat(path);
  server = createServer((request, response) => {
    if (request.url === '/stalls.mp4') {
      response.writeHead(200, { 'content-length': size });
      createReadStream(path, { end: 200 }).pipe(response, { end: false });
      return;
    }
    if (request.url !== '/clip.mp4') {
      response.writeHead(404).end();
      return;
    }
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(request.headers.range ? 206 : 200, {
      'content-length': size - start,
      'accept-ranges': 'bytes',
      'content-range': `bytes ${start}-${size - 1}/${size}`,
    });
    createReadStream(path, { start }).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('a source at a URL', () => {
  it('is read like a file', async () => {
    await using source = await openMediaSource(`${base}/clip.mp4`);
    let count = 0;
    for await (const frame of source.frames(new AbortController().signal)) {
      frame[Symbol.dispose]();
      count++;
    }
    expect(count).toBe(12);
    expect(framesAlive()).toBe(0);
  });

  it('that is not there is not found', async () => {
    await expect(openMediaSource(`${base}/nowhere.mp4`)).rejects.toBeInstanceOf(NotFound);
    await expect(openMediaSource('http://127.0.0.1:1/clip.mp4')).rejects.toBeInstanceOf(NotFound);
  });

  it('that stalls is given up when the signal aborts', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 300);
    await expect(openMediaSource(`${base}/stalls.mp4`, { signal: stop.signal })).rejects.toBeInstanceOf(
      Interrupted,
    );
  });
});
