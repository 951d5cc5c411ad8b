import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DownloadOptions, download, isPublished } from '../../src/commands/download.js';
import { BadInput, CannotWrite, Interrupted, NotFound, Unsupported } from '../../src/errors.js';
import { livebrush, workshop } from './cli.js';

const file = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) % 256);
const known = { bytes: file.length, md5: createHash('md5').update(file).digest('hex') };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What servers do. `ranges` collects what was asked of it. */
const whole: Answer = (_, response) => response.writeHead(200, { 'content-length': file.length }).end(file);
const inParts: Answer = (request, response) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (from === 0) return whole(request, response);
  const range = `bytes ${from}-${file.length - 1}/${file.length}`;
  response.writeHead(206, { 'content-range': range }).end(file.subarray(from));
};
/** Sends a part, then goes away. */
const cutOff: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': file.length });
  response.write(file.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
};

let folder = '';
let path = '';
let server: Server;
let answer: Answer = whole;
let asked: (string | undefined)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fetch-'));
  path = join(folder, 'loss', 'vgg.h5');
  [answer, asked] = [whole, []];
  server = createServer((request, response) => {
    asked.push(request.headers.range);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/vgg.h5`;
const get = (options: Partial<DownloadOptions> = {}, from = address()) =>
  download({ ...known, from, path }, { signal: new AbortController().signal, ...options });
/** Whether the file that came is the one that was sent. */
const arrived = async () => Buffer.from(file).equals(await readFile(path));
const left = () => readdir(join(folder, 'loss'));

describe('a download', () => {
  it('puts the file in place and tells how far it is', async () => {
    const told: number[] = [];
    await get({ onProgress: (bytes) => told.push(bytes) });
    expect(await arrived()).toBe(true);
    expect(await left()).toEqual(['vgg.h5']);
    expect(told.at(-1)).toBe(file.length);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(await isPublished(path, known)).toBe(true);
  });

  it('that was cut off goes on where it stopped', async () => {
    answer = cutOff;
    await expect(get()).rejects.toThrow(/was cut off after \d+ kB of 300 kB/);
    expect(await left()).toEqual(['vgg.h5.part']);
    const there = (await readFile(`${path}.part`)).length;
    expect(there).toBeGreaterThan(0);
    answer = inParts;
    await get();
    expect(asked).toEqual([undefined, `bytes=${there}-`]);
    expect(await arrived()).toBe(true);
    expect(await left()).toEqual(['vgg.h5']);
  });

  it('begins anew where the other side knows no parts', async () => {
    answer = cutOff;
    await expect(get()).rejects.toThrow(BadInput);
    answer = whole;
    await get();
    expect(await arrived()).toBe(true);
  });

  it('begins anew when what was there is of another file', async () => {
    answer = cutOff;
    await expect(get()).rejects.toThrow(BadInput);
    await writeFile(`${path}.part`, new Uint8Array(1000));
    answer = inParts;
    await get();
    expect(asked).toEqual([undefined, 'bytes=1000-', undefined]);
    expect(await arrived()).toBe(true);
  });

  it('with a wrong checksum leaves nothing behind', async () => {
    const other = Uint8Array.from(file, (byte, i) => (i === 5 ? byte ^ 1 : byte));
    answer = (_, response) => response.end(other);
    await expect(get()).rejects.toThrow(/checksum is not the published one/);
    expect(await left()).toEqual([]);
  });

  it('of another file is refused before it is fetched', async () => {
    answer = (_, response) => response.writeHead(200, { 'content-length': 5e9 }).flushHeaders();
    await expect(get()).rejects.toThrow(/is another file: 5000000000 bytes, where 300000 are expected/);
    answer = (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in');
    await expect(get()).rejects.toThrow(/a web page instead of the file/);
    answer = (_, response) => response.writeHead(404).end();
    await expect(get()).rejects.toThrow(NotFound);
    answer = (_, response) => response.writeHead(403).end();
    await expect(get()).rejects.toThrow(/was refused \(HTTP 403\)/);
    expect(existsSync(path)).toBe(false);
  });

  it('that never ends is ended', async () => {
    answer = (_, response) => {
      const more = () => {
        while (response.write(file));
      };
      response.on('drain', more);
      more();
    };
    await expect(get()).rejects.toThrow(/sends more than the published file has/);
    expect(existsSync(path)).toBe(false);
  });

  it('that stands still is ended', async () => {
    answer = (_, response) => response.writeHead(200).write(file.subarray(0, 10));
    await expect(get({ stallMs: 300 })).rejects.toThrow(/has sent nothing for 0\.3 seconds/);
  });

  it('stops when told, and keeps what it has', async () => {
    answer = (_, response) => response.writeHead(200).write(file.subarray(0, 70_000));
    const control = new AbortController();
    const stop = () => control.abort(new Interrupted());
    await expect(get({ signal: control.signal, onProgress: stop })).rejects.toThrow(Interrupted);
    expect(await left()).toEqual(['vgg.h5.part']);
    answer = inParts;
    await get();
    expect(await arrived()).toBe(true);
  });

  it('from where nobody listens is one sentence', async () => {
    const from = address();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(get({}, from)).rejects.toThrow(/cannot be reached \(ECONNREFUSED\)/);
    await expect(get({}, from)).rejects.toThrow(Unsupported);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  it('into where nothing can be written is one sentence', async () => {
    await writeFile(join(folder, 'loss'), 'a file');
    await expect(get()).rejects.toThrow(CannotWrite);
  });

  it('may be of a file on this machine, which is checked alike', async () => {
    const source = join(folder, 'mine.h5');
    await writeFile(source, file);
    await get({}, source);
    expect(await arrived()).toBe(true);
    await writeFile(source, file.subarray(1));
    await expect(get({}, source)).rejects.toThrow(/is another file: 299999 bytes/);
    await expect(get({}, folder)).rejects.toThrow(/not a regular file/);
    await expect(get({}, join(folder, 'none.h5'))).rejects.toThrow(NotFound);
    expect(await arrived()).toBe(true);
  });
});

describe('livebrush fetch', () => {
  it('explains how to place the file where the network refuses', async () => {
    const { folder: home } = await workshop();
    const refused = await livebrush('fetch', 'vgg16', '--from', 'http://127.0.0.1:1/');
    expect(refused.code).toBe(1);
    expect(refused.stderr).not.toContain('    at ');
    expect(refused.stderr).toMatch(
      /http:\/\/127\.0\.0\.1:1\/vgg16_\S+_notop\.h5 (cannot be reached|was refused)/,
    );
    expect(refused.stderr).toContain('--from <that file>');
    expect(refused.stderr).toContain('6d6bbae143d832006294945121d1f1fc');
    expect(refused.stderr).toContain(join(home, 'home', 'loss', 'vgg16_weights'));
    const wrong = join(home, 'wrong.h5');
    await writeFile(wrong, 'no weights');
    const other = await livebrush('fetch', 'vgg19', '--from', wrong, '--json');
    expect(other.code).toBe(1);
    expect(other.json()).toMatchObject({ error: { name: 'BadInput' } });
  });

  it('is what a loss network that is not here asks for', async () => {
    const { folder: home } = await workshop();
    const args = ['--content', home, '--style', home, '--loss', 'vgg16', '--backend', 'wasm'];
    const scored = await livebrush('score', ...args, '--model', join(home, 'tiny.safetensors'));
    expect(scored.code).toBe(1);
    expect(scored.stderr).toContain('livebrush fetch vgg16');
  });

  it('knows no other nets, and no other kinds of addresses', async () => {
    expect((await livebrush('fetch', 'resnet')).code).toBe(2);
    expect((await livebrush('fetch', 'vgg16', '--from', 'ftp://127.0.0.1/')).code).toBe(2);
  });
});
