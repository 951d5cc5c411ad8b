import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BadInput, Conflict, Interrupted, NotFound, Overloaded, TooLarge } from '../../src/errors.js';
import { MediaFiles } from '../../src/server/media-files.js';
import { looksLikeVideo, shownName } from '../../src/server/uploaded.js';
import { Uploads } from '../../src/server/uploads.js';
import { asked, folder } from './app-doubles.js';

const root = folder();
let count = 0;
const place = async () => {
  const path = join(root, String(count++));
  await mkdir(path);
  return path;
};

/** Bytes that begin like an MP4. */
const video = (size = 1000) => {
  const bytes = new Uint8Array(size);
  bytes.set(new TextEncoder().encode('....ftypisom'));
  return bytes;
};
const streamOf = (...chunks: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(control) {
      for (const chunk of chunks) control.enqueue(chunk);
      control.close();
    },
  });

describe('uploads', () => {
  it('are kept under an id of ours, over a restart', async () => {
    const path = await place();
    const uploads = new Uploads(path, { maxBytes: 1e6, totalBytes: 1e7 });
    const info = await uploads.receive(streamOf(video(300), video(900)), '../../My clip.mp4');
    expect(info).toEqual({
      id: expect.stringMatching(/^upload-[0-9a-f]{32}$/),
      name: 'My clip.mp4',
      bytes: 1200,
    });
    await writeFile(join(path, 'upload-half.part'), 'x');
    const later = new Uploads(path, { maxBytes: 1e6, totalBytes: 1e7 });
    expect(await later.list()).toEqual([info]);
    expect(await readdir(path)).toHaveLength(2);
    await later.remove(info.id);
    expect(await readdir(path)).toEqual([]);
    await expect(later.find(info.id)).rejects.toThrow(NotFound);
  });

  it('may not be too large, announced or not, and leave nothing then', async () => {
    const path = await place();
    const uploads = new Uploads(path, { maxBytes: 1000, totalBytes: 1e7 });
    await expect(uploads.receive(streamOf(video()), 'a', 2000)).rejects.toThrow(TooLarge);
    await expect(uploads.receive(streamOf(video(600), video(600)), 'a')).rejects.toThrow(TooLarge);
    expect(await readdir(path)).toEqual([]);
  });

  it.each([
    ['a web page', '<!doctype html><script>alert(1)</script>'],
    ['a playlist', '#EXTM3U\n#EXT-X-TARGETDURATION:1\nfile:///etc/passwd'],
    ['a concat script', 'ffconcat version 1.0\nfile /etc/passwd'],
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['nothing', ''],
    ['an ELF', '\x7fELF'],
  ])('are videos, which %s is not', async (_, text) => {
    const path = await place();
    const uploads = new Uploads(path, { maxBytes: 1e6, totalBytes: 1e7 });
    const bytes = new TextEncoder().encode(text);
    await expect(uploads.receive(streamOf(bytes), 'a.mp4')).rejects.toThrow(BadInput);
    await expect(uploads.receive(streamOf(bytes, new Uint8Array(2000)), 'a.mp4')).rejects.toThrow(BadInput);
    expect(await readdir(path)).toEqual([]);
  });

  it('that break off or stop coming leave nothing', async () => {
    const path = await place();
    const uploads = new Uploads(path, { maxBytes: 1e6, totalBytes: 1e7, stallMs: 50 });
    const broken = new ReadableStream<Uint8Array>({
      pull(control) {
        control.error(new Error('reset'));
      },
    });
    await expect(uploads.receive(broken, 'a')).rejects.toThrow(Interrupted);
    const stalled = new ReadableStream<Uint8Array>({ start: (control) => control.enqueue(video()) });
    await expect(uploads.receive(stalled, 'a')).rejects.toThrow(/stopped coming/);
    expect(await readdir(path)).toEqual([]);
  });

  it('make room for newer ones, but for those in use', async () => {
    const uploads = new Uploads(await place(), { maxBytes: 1e6, totalBytes: 2500 });
    const send = () => uploads.receive(streamOf(video()), 'a');
    const [one, two] = [await send(), await send()];
    const hold = uploads.hold(one.id);
    const three = await send();
    expect((await uploads.list()).map(({ id }) => id)).toEqual([one.id, three.id]);
    await expect(uploads.find(two.id)).rejects.toThrow(NotFound);
    using _ = uploads.hold(three.id);
    await expect(send()).rejects.toThrow(Overloaded);
    hold[Symbol.dispose]();
    await send();
    await expect(uploads.find(one.id)).rejects.toThrow(NotFound);
  });

  it('are not removed while something uses them', async () => {
    const path = await place();
    const uploads = new Uploads(path, { maxBytes: 1e6, totalBytes: 1e7 });
    const { id } = await uploads.receive(streamOf(video()), 'a');
    const file = await new MediaFiles('', uploads).find(id);
    const [one, two] = [file.hold(), file.hold()];
    await expect(uploads.remove(id)).rejects.toThrow(Conflict);
    one[Symbol.dispose]();
    await expect(uploads.remove(id)).rejects.toThrow(Conflict);
    two[Symbol.dispose]();
    await uploads.remove(id);
    expect(await readdir(path)).toEqual([]);
  });

  it('are few at a time', async () => {
    const uploads = new Uploads(await place(), { maxBytes: 1e6, totalBytes: 1e7, stallMs: 2000 });
    const slow = () =>
      uploads.receive(new ReadableStream<Uint8Array>({}), 'a').catch((error: unknown) => error);
    const four = [slow(), slow(), slow(), slow()];
    expect(await slow()).toBeInstanceOf(Overloaded);
    for (const one of await Promise.all(four)) expect(one).toBeInstanceOf(Interrupted);
  });

  it('come over the API', async () => {
    const { ask } = asked({ place: await place() });
    const sent = await ask('/api/uploads?name=clip.mp4', { method: 'POST', body: video() });
    expect(sent.status).toBe(201);
    const info = (await sent.json()) as { id: string };
    expect(await (await ask('/api/uploads')).json()).toEqual({ uploads: [info] });
    expect((await ask(`/api/uploads/${info.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await ask('/api/uploads', { method: 'POST', body: 'nothing of use' })).status).toBe(400);
    expect((await ask('/api/uploads', { method: 'POST' })).status).toBe(400);
  });

  it('show names without what could mislead', () => {
    expect(shownName('../../etc/passwd')).toBe('passwd');
    expect(shownName('C:\\clips\\a.mp4')).toBe('a.mp4');
    expect(shownName('a\u202egpj.exe\0')).toBe('agpj.exe');
    expect(shownName('x'.repeat(300))).toHaveLength(120);
    expect(shownName('')).toBe('video');
    expect(shownName('café 🎨.mp4')).toBe('café 🎨.mp4');
  });

  it('are told by their first bytes', () => {
    expect(looksLikeVideo(Uint8Array.of(0x1a, 0x45, 0xdf, 0xa3))).toBe(true);
    const transport = new Uint8Array(512);
    transport[0] = 0x47;
    expect(looksLikeVideo(transport)).toBe(false);
    transport[188] = 0x47;
    expect(looksLikeVideo(transport)).toBe(true);
  });
});

describe('files of the media folder', () => {
  it('are found below it, and nothing beside it', async () => {
    const outside = await place();
    const path = await place();
    await writeFile(join(outside, 'secret.mp4'), 'x');
    await mkdir(join(path, 'sub'));
    await writeFile(join(path, 'sub', 'one.mp4'), 'x');
    await symlink(join(outside, 'secret.mp4'), join(path, 'link.mp4'));
    await symlink(outside, join(path, 'folder'));
    const media = new MediaFiles(path, new Uploads(await place(), { maxBytes: 1, totalBytes: 1 }));
    expect(await media.find('sub/one.mp4')).toMatchObject({ name: 'one.mp4', trusted: true });
    for (const wrong of [
      '../secret.mp4',
      `../${outside.split('/').at(-1)}/secret.mp4`,
      join(outside, 'secret.mp4'),
      'sub/../../secret.mp4',
      'sub/./one.mp4',
      'sub//one.mp4',
      'link.mp4',
      'folder/secret.mp4',
      'sub',
      '.',
      '',
      '..',
      'none.mp4',
      '.hidden',
      '%2e%2e/secret.mp4',
      'file:///etc/passwd',
      'concat:a|b',
      `upload-${'0'.repeat(32)}`,
    ])
      await expect(media.find(wrong), wrong).rejects.toThrow(NotFound);
    for (const wrong of ['a\0b', '..\\secret.mp4'])
      await expect(media.find(wrong), wrong).rejects.toThrow(BadInput);
  });

  it('are not there where no folder is set', async () => {
    const media = new MediaFiles('', new Uploads(await place(), { maxBytes: 1, totalBytes: 1 }));
    await expect(media.find('etc/passwd')).rejects.toThrow(NotFound);
  });
});

describe('files over HTTP', () => {
  it('come in part, and only when they changed', async () => {
    const path = await place();
    await mkdir(join(path, 'recordings'));
    const name = 'demo-20260102-030405-painted-ab12';
    await writeFile(join(path, 'recordings', `${name}.mp4`), '0123456789');
    await writeFile(join(path, 'recordings', 'other.mp4'), 'x');
    const { ask } = asked({ place: path });
    const { recordings } = (await (await ask('/api/recordings')).json()) as { recordings: unknown[] };
    expect(recordings).toMatchObject([
      {
        id: name,
        stream: 'demo',
        what: 'painted',
        began: '2026-01-02T03:04:05.000Z',
        bytes: 10,
        running: false,
      },
    ]);
    const file = `/api/recordings/${name}/file`;
    const whole = await ask(file);
    expect(whole.headers.get('content-disposition')).toBe(`attachment; filename="${name}.mp4"`);
    expect(await whole.text()).toBe('0123456789');
    const etag = whole.headers.get('etag')!;
    expect((await ask(file, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const part = async (range: string) => {
      const answer = await ask(file, { headers: { range } });
      return [answer.status, answer.headers.get('content-range'), await answer.text()];
    };
    expect(await part('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await part('bytes=8-')).toEqual([206, 'bytes 8-9/10', '89']);
    expect(await part('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await part('bytes=20-')).toEqual([416, 'bytes */10', '']);
    expect(await part('bytes=x')).toEqual([200, null, '0123456789']);
    expect((await ask(`/api/recordings/${name}/cues`)).status).toBe(404);
    expect((await ask(`/api/recordings/${name}`, { method: 'DELETE' })).status).toBe(204);
    expect((await ask(file)).status).toBe(404);
  });

  it('of the panel are those of its last build, also where it was built while the server runs', async () => {
    const path = await place();
    await mkdir(join(path, 'web', 'assets'), { recursive: true });
    const build = async (name: string) => {
      await writeFile(join(path, 'web', 'assets', name), name);
      await writeFile(join(path, 'web', 'index.html'), name);
    };
    const { ask } = asked({ place: path });
    expect((await ask('/')).status).toBe(503);
    for (const name of ['main-AbCdEf12.js', 'main-GhIjKl34.js']) {
      await build(name);
      expect(await (await ask('/')).text()).toBe(name);
      expect(await (await ask(`/assets/${name}`)).text()).toBe(name);
    }
    await rm(join(path, 'web', 'assets', 'main-AbCdEf12.js'));
    expect((await ask('/assets/main-AbCdEf12.js')).status).toBe(404);
  });

  it('are none beside those that are served', async () => {
    const path = await place();
    for (const sub of ['web', 'hls/demo', 'recordings', 'docs'])
      await mkdir(join(path, sub), { recursive: true });
    await writeFile(join(path, 'web', 'index.html'), '<p>panel');
    await writeFile(join(path, 'web', 'watch.html'), '<p>player');
    await writeFile(join(path, 'web', 'main-AbCdEf12.js'), 'x');
    await writeFile(join(path, 'hls', 'demo', 'index.m3u8'), '#EXTM3U');
    await writeFile(join(path, 'secret.json'), 'secret');
    const { ask, parts } = asked({ place: path });
    parts.sessions.find('demo')!.hls = join(path, 'hls', 'demo');
    expect(await (await ask('/')).text()).toBe('<p>panel');
    expect(await (await ask('/watch/demo')).text()).toBe('<p>player');
    expect((await ask('/')).headers.get('cache-control')).toBe('no-cache');
    expect((await ask('/main-AbCdEf12.js')).headers.get('cache-control')).toContain('immutable');
    expect((await ask('/demo/hls/index.m3u8')).headers.get('content-type')).toBe(
      'application/vnd.apple.mpegurl',
    );
    parts.sessions.open('other');
    expect((await ask('/other/hls/index.m3u8')).status).toBe(404);
    expect((await ask('/none/hls/index.m3u8')).status).toBe(404);
    for (const wrong of [
      '/../secret.json',
      '/%2e%2e/secret.json',
      '/..%2fsecret.json',
      '/%2e%2e%2fsecret.json',
      '/..%5csecret.json',
      '/web/index.html',
      '//secret.json',
      '/docs/../../secret.json',
      '/docs/%2e%2e/secret.json',
      '/demo/hls/..%2f..%2f..%2fsecret.json',
      '/demo/hls/%2e%2e',
      '/demo/hls/index.m3u8%00.html',
      '/..%2fweb/hls/index.m3u8',
      '/watch/..%2fsecret',
      '/api/recordings/..%2fsecret/file',
      '/api/recordings/%2e%2e%2f%2e%2e%2fsecret.json/file',
      '/api/jobs/..%2f..%2fsecret/output',
      '/api/styles/..%2f..%2fsecret/picture',
    ]) {
      const answer = await ask(wrong);
      expect([wrong, answer.status >= 400, (await answer.text()).includes('secret"')]).toEqual([
        wrong,
        true,
        false,
      ]);
    }
  });
});
