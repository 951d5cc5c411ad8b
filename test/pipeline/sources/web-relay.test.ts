import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Forbidden, NotFound } from '../../../src/errors.js';
import { frame } from '../../../src/pipeline/frame.js';
import { openLiveOutput } from '../../../src/pipeline/sinks/live.js';
import { openLiveSource } from '../../../src/pipeline/sources/live.js';
import { cert, key } from '../../fixtures/certificate.js';
import { scratch } from '../../fixtures/clips.js';
import { grey, listen, SMALL, watch } from '../../fixtures/live.js';

const folder = join(scratch(), `relay-${process.pid}`);
/** The playlist as it was written: its segments are named by their files. */
let list = '';
const files = new Map<string, Buffer>();
/** What each server was asked for. */
let asked: { good: string[]; secure: string[]; bad: string[] };
const bases = { good: '', secure: '', bad: '' };
/** Playlists and redirects by their path. */
let pages: Record<string, string | { to: string }>;

const answer =
  (name: keyof typeof asked): RequestListener =>
  ({ url = '' }, response) => {
    asked[name].push(url);
    const page = pages[url];
    if (typeof page === 'object') return void response.writeHead(302, { location: page.to }).end();
    const body = page ?? files.get(basename(url));
    response.writeHead(body ? 200 : 404).end(body);
  };
const servers = [
  createServer(answer('good')),
  createSecure({ key, cert }, answer('secure')),
  createServer(answer('bad')),
] as const;

beforeAll(async () => {
  // The certificate of the test is signed by nobody.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  await mkdir(folder);
  await using output = await openLiveOutput({ kind: 'hls', folder }, SMALL);
  for (let i = 0; i < 130; i++) await output.write(frame(grey(SMALL, i), i * 40_000));
  // Before the output ends, which takes its files along.
  for (const file of await readdir(folder)) files.set(file, await readFile(join(folder, file)));
  const name = [...files.keys()].find((file) => file.endsWith('.m3u8'))!;
  list = `${files.get(name)}#EXT-X-ENDLIST\n`;
  bases.good = `http://127.0.0.1:${await listen(servers[0])}`;
  bases.secure = `https://127.0.0.1:${await listen(servers[1])}`;
  bases.bad = `http://127.0.0.1:${await listen(servers[2])}`;
});

afterAll(() => {
  delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

beforeEach(() => {
  asked = { good: [], secure: [], bad: [] };
  pages = { '/plain.m3u8': list };
});

/** The playlist with all its files somewhere else. */
const listAt = (base: string) => {
  const named = list.replace(/^(?!#)(.+)$/gm, `${base}/$1`);
  return named.replace(/URI="([^"]+)"/g, `URI="${base}/$1"`);
};

const admit = async (address: string) => {
  if (address.startsWith(bases.bad)) throw new Forbidden('That host is not among those that are allowed.');
  return ['127.0.0.1'];
};
const options = { admit, openTimeoutMs: 20_000, stallTimeoutMs: 20_000 };

async function plays(address: string): Promise<void> {
  await using source = await openLiveSource(address, options);
  expect(source.info).toMatchObject({ kind: 'hls', codec: 'h264', ...SMALL });
  const seen = await watch(source, ({ times }) => times.length > 15);
  expect(seen.times.length).toBeGreaterThan(15);
}

describe('what is read of the web where not all of it may be asked', () => {
  it('plays: segments beside their playlist, elsewhere, and behind redirects', async () => {
    await plays(`${bases.good}/plain.m3u8`);
    pages['/named.m3u8'] = listAt(bases.good);
    pages['/moved.m3u8'] = { to: `${bases.good}/named.m3u8` };
    await plays(`${bases.good}/moved.m3u8`);
    expect(asked.bad).toEqual([]);
  });

  it('plays over https, and where an http playlist names https', async () => {
    await plays(`${bases.secure}/plain.m3u8`);
    expect(asked.secure.length).toBeGreaterThan(1);
    const before = asked.secure.length;
    pages['/up.m3u8'] = listAt(bases.secure);
    await plays(`${bases.good}/up.m3u8`);
    expect(asked.good).toEqual(['/up.m3u8']);
    expect(asked.secure.length).toBeGreaterThan(before);
    pages['/host.m3u8'] = listAt(bases.secure.replace('https:', ''));
    await plays(`${bases.secure}/host.m3u8`);
  });

  it('is refused with the reason: the address itself, or where it redirects', async () => {
    await expect(openLiveSource(`${bases.bad}/plain.m3u8`, options)).rejects.toThrow(Forbidden);
    pages['/moved.m3u8'] = { to: `${bases.bad}/plain.m3u8` };
    await expect(openLiveSource(`${bases.good}/moved.m3u8`, options)).rejects.toThrow(Forbidden);
    expect(asked.bad).toEqual([]);
  });

  it('asks no host that a playlist names and that is not allowed, whatever the environment says of proxies', async () => {
    pages['/away.m3u8'] = listAt(bases.bad);
    pages['/list-away.m3u8'] = `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\n${bases.bad}/plain.m3u8\n`;
    pages['/key-away.m3u8'] = list.replace(
      '#EXTINF',
      `#EXT-X-KEY:METHOD=AES-128,URI="${bases.bad}/key"\n#EXTINF`,
    );
    pages['/proxy.m3u8'] = listAt(bases.bad.replace('http:', 'httpproxy:'));
    pages['/tcp.m3u8'] = listAt(bases.bad.replace('http:', 'tcp:'));
    process.env.no_proxy = '*';
    try {
      for (const path of ['/away', '/list-away', '/key-away', '/proxy', '/tcp'])
        await expect(openLiveSource(`${bases.good}${path}.m3u8`, options), path).rejects.toThrow();
    } finally {
      delete process.env.no_proxy;
    }
    expect(asked.bad).toEqual([]);
    expect(asked.good).toContain('/away.m3u8');
  });

  it('asks no host that a segment redirects to and that is not allowed', async () => {
    const segment = list.split('\n').find((line) => line && !line.startsWith('#'))!;
    for (const line of list.split('\n'))
      if (line && !line.startsWith('#')) pages[`/${line}`] = { to: `${bases.bad}/${line}` };
    await expect(openLiveSource(`${bases.good}/plain.m3u8`, options)).rejects.toThrow(Forbidden);
    expect(asked.good).toContain(`/${segment}`);
    expect(asked.bad).toEqual([]);
  });

  it('does not lead from what is encrypted to what is not', async () => {
    pages['/down.m3u8'] = listAt(bases.good);
    await expect(openLiveSource(`${bases.secure}/down.m3u8`, options)).rejects.toThrow('is not encrypted');
    expect(asked.good).toEqual([]);
  });

  it('says that nobody answers', async () => {
    const address = `http://127.0.0.1:1/x.m3u8?token=secret`;
    const error = await openLiveSource(address, options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotFound);
    expect((error as Error).message).toBe('http://127.0.0.1:1/x.m3u8 does not answer.');
  });
});
