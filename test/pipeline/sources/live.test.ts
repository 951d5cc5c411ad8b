import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import { connect, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BadInput, Interrupted, LivebrushError, NotFound, Unsupported } from '../../../src/errors.js';
import { frame, framesAlive } from '../../../src/pipeline/frame.js';
import { liveNow } from '../../../src/pipeline/live.js';
import { openLiveOutput } from '../../../src/pipeline/sinks/live.js';
import { openLiveSource } from '../../../src/pipeline/sources/live.js';
import { patternAt } from '../../../src/pipeline/sources/pattern.js';
import { clip, scratch } from '../../fixtures/clips.js';
import { hasFfmpeg } from '../../fixtures/ffmpeg.js';
import {
  Ffmpeg,
  flashClip,
  freePort,
  grey,
  lipSync,
  listen,
  openSoon,
  rises,
  type Seen,
  SMALL,
  silentServer,
  soon,
  watch,
} from '../../fixtures/live.js';
import { rtspCamera } from '../../fixtures/rtsp.js';

let folder = '';
let folders = 0;
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = join(scratch(), `source-${process.pid}-${folders++}`);
  await mkdir(folder);
});
afterEach(() => {
  expect(framesAlive()).toBe(0);
});

const failure = async (work: Promise<AsyncDisposable>) => {
  const error = await work.then(
    async (source) => {
      await source[Symbol.asyncDispose]();
      return undefined;
    },
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LivebrushError);
  expect((error as Error).message).toMatch(/^[^\n]+[.]$/);
  return error as LivebrushError;
};

/** Serves a folder over HTTP. */
async function serve(path: string): Promise<AsyncDisposable & { readonly base: string }> {
  const server = createHttp(async (request, response) => {
    const body = await readFile(join(path, basename(request.url ?? ''))).catch(() => undefined);
    response.writeHead(body ? 200 : 404).end(body);
  });
  const port = await listen(server);
  return {
    base: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('files at their own pace', () => {
  it('play once, in time and in sync, on the live clock', async () => {
    const path = await flashClip(at('clip.mp4'), 1.4);
    await using source = await openLiveSource(path);
    expect(source.info).toMatchObject({ kind: 'file', codec: 'h264', ...SMALL, sound: 'aac 48 kHz stereo' });
    const began = liveNow();
    const seen = await watch(source);
    // All of 35, unless the machine is so busy that some are left out.
    expect(seen.times.length).toBeGreaterThan(10);
    expect(rises(seen.times)).toBe(true);
    expect(seen.times[0]!).toBeGreaterThan(began);
    expect(seen.times.at(-1)! - seen.times[0]!).toBeGreaterThan(1_200_000);
    expect(liveNow() - began).toBeGreaterThan(1_200_000);
    expect(Math.abs(await lipSync(seen))).toBeLessThan(45_000);
    expect(source.info.keyIntervalMs === undefined || source.info.keyIntervalMs > 0).toBe(true);
  });

  it('loop without their times ever going back', async () => {
    const path = await flashClip(at('clip.mp4'), 0.4);
    await using source = await openLiveSource(path, { loop: true });
    const span = ({ times }: Seen) => times.at(-1)! - times[0]!;
    const seen = await watch(source, (now) => span(now) > 1_200_000);
    expect(rises(seen.times)).toBe(true);
    expect(rises(seen.sound.map(({ timestamp }) => timestamp))).toBe(true);
    expect(span(seen)).toBeGreaterThan(1_200_000);
  });

  for (const extension of ['ts', 'mkv'])
    it(`loop from their first picture on in .${extension}`, async () => {
      const pts = Array.from({ length: 10 }, (_, i) => i * 512);
      const path = await clip({ pts, extension, audio: ['aac'] });
      await using source = await openLiveSource(path, { loop: true });
      const { times } = await watch(source, (seen) => seen.times.length > 35);
      const steps = times.slice(1).map((time, i) => time - times[i]!);
      expect(rises(times)).toBe(true);
      // A machine that stands still makes a gap as well, but not one at each of three seams.
      expect(steps.filter((step) => step >= 400_000).length).toBeLessThan(3);
    });

  it('hand Opus on as it is', async () => {
    const path = await flashClip(at('clip.mkv'), 1.4);
    await using source = await openLiveSource(path);
    const seen = await watch(source);
    expect(source.info.sound).toBe('opus 48 kHz stereo');
    expect(seen.sound.length).toBeGreaterThan(60);
    const steps = seen.sound.slice(1).map(({ timestamp }, i) => timestamp - seen.sound[i]!.timestamp);
    expect(steps.every((step) => Math.abs(step - 20_000) <= 1000)).toBe(true);
    expect(Math.abs(await lipSync(seen))).toBeLessThan(30_000);
  });

  it('stand upright', async () => {
    const path = await clip({ rotation: 90, width: 64, height: 32 });
    await using source = await openLiveSource(path);
    const { sizes } = await watch(source);
    expect(new Set(sizes)).toEqual(new Set(['32x64']));
  });

  it('change their size in mid-stream', async () => {
    const path = await clip({
      extension: 'ts',
      timeBase: { num: 1, den: 90_000 },
      pts: Array.from({ length: 12 }, (_, i) => i * 3600),
      resize: { from: 6, width: 96, height: 64 },
      paint: (i) => patternAt(i < 6 ? SMALL : { width: 96, height: 64 }, i),
    });
    await using source = await openLiveSource(path);
    const { sizes } = await watch(source);
    expect(sizes[0]).toBe('64x48');
    expect(sizes.at(-1)).toBe('96x64');
    expect(source.info).toMatchObject({ width: 96, height: 64 });
  });

  it('stop when the signal aborts, and when they are disposed while someone reads', async () => {
    const path = await flashClip(at('clip.mp4'), 1);
    const source = await openLiveSource(path, { loop: true });
    const frames = source.frames(new AbortController().signal);
    let count = 0;
    const reading = (async () => {
      for await (const shown of frames) {
        shown[Symbol.dispose]();
        count++;
      }
    })();
    await soon(() => count > 3);
    await source[Symbol.asyncDispose]();
    await reading;
    await source[Symbol.asyncDispose]();
    const once = await openLiveSource(path, { loop: true });
    await watch(once, () => true);
    await expect(once.frames(AbortSignal.timeout(10))[Symbol.asyncIterator]().next()).rejects.toThrow('once');
    await once[Symbol.asyncDispose]();
  });

  it('let go of everything when their reader walks away', async () => {
    await using source = await openLiveSource(await flashClip(at('clip.mp4'), 1));
    const frames = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    using _ = (await frames.next()).value as Disposable;
  });
});

describe('addresses that are refused', () => {
  it('files that are missing, empty, or no video', async () => {
    expect(await failure(openLiveSource(at('no.mp4')))).toBeInstanceOf(NotFound);
    await writeFile(at('empty.mp4'), '');
    await writeFile(at('text.mp4'), 'Not a video at all.\n'.repeat(40));
    for (const name of ['empty.mp4', 'text.mp4', ''])
      expect(await failure(openLiveSource(at(name)))).toBeInstanceOf(BadInput);
    const sound = await clip({ video: false, audio: ['aac'], extension: 'm4a' });
    expect(await failure(openLiveSource(sound))).toBeInstanceOf(BadInput);
  });

  it('schemes that are none of ours', async () => {
    for (const address of ['ftp://x/y', 'gopher://x', 'udp://127.0.0.1:9', 'concat://a', 'lavfi://x'])
      expect(await failure(openLiveSource(address))).toBeInstanceOf(Unsupported);
    expect(await failure(openLiveSource('http://127.0.0.1/x', { listen: true }))).toBeInstanceOf(Unsupported);
    expect(await failure(openLiveSource('concat:a|b'))).toBeInstanceOf(NotFound);
  });

  it('a file that is a playlist in disguise', async () => {
    const secret = await clip({ extension: 'ts', timeBase: { num: 1, den: 90_000 } });
    const list = `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://${secret}\n#EXT-X-ENDLIST\n`;
    for (const name of ['x.mp4', 'x.m3u8']) {
      await writeFile(at(name), list);
      expect(await failure(openLiveSource(at(name)))).toBeInstanceOf(BadInput);
    }
  });

  it('a playlist of the web that names a file of ours', async () => {
    const secret = await clip({ extension: 'ts', timeBase: { num: 1, den: 90_000 } });
    for (const named of [`file://${secret}`, secret, `concat:${secret}|${secret}`, `crypto:file:${secret}`]) {
      await writeFile(
        at('x.m3u8'),
        `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${named}\n#EXT-X-ENDLIST\n`,
      );
      await using web = await serve(folder);
      const error = await failure(openLiveSource(`${web.base}/x.m3u8`, { openTimeoutMs: 4000 }));
      expect(error instanceof NotFound || error instanceof BadInput).toBe(true);
    }
  });

  it('servers that are not there', async () => {
    const port = await freePort();
    for (const address of [
      `rtmp://127.0.0.1:${port}/live/secret`,
      `rtsp://user:secret@127.0.0.1:${port}/x`,
      `http://127.0.0.1:${port}/x.m3u8?token=secret`,
      `srt://127.0.0.1:${port}?passphrase=secretsecret`,
    ]) {
      const error = await failure(openLiveSource(address, { openTimeoutMs: 2000 }));
      expect(error).toBeInstanceOf(NotFound);
      expect(error.message).not.toContain('secret');
    }
  });

  for (const scheme of ['rtmp', 'rtmps', 'rtsp', 'http', 'https'])
    it(`${scheme} servers that never say a word, within the time given`, async () => {
      await using server = await silentServer();
      const address = `${scheme}://127.0.0.1:${server.port}/live/x`;
      const error = await failure(openLiveSource(address, { openTimeoutMs: 500 }));
      expect(error).toBeInstanceOf(NotFound);
      expect(error.message).toContain('did not answer within 0.5 seconds');
    });

  it('stop to open at once when the signal aborts', async () => {
    await using server = await silentServer();
    const signal = AbortSignal.timeout(200);
    const address = `rtmp://127.0.0.1:${server.port}/live/x`;
    expect(await failure(openLiveSource(address, { signal }))).toBeInstanceOf(Interrupted);
    const listener = `rtmp://127.0.0.1:${await freePort()}/live/x`;
    const waiting = openLiveSource(listener, { listen: true, signal: AbortSignal.timeout(200) });
    expect(await failure(waiting)).toBeInstanceOf(Interrupted);
    expect(await failure(openLiveSource(listener, { signal: AbortSignal.abort() }))).toBeInstanceOf(
      Interrupted,
    );
  });
});

describe('publishers', () => {
  for (const scheme of ['rtmp', 'srt'] as const)
    it(`are waited for over ${scheme}, and end the frames when they leave`, async () => {
      const port = await freePort(scheme === 'srt' ? 'udp' : 'tcp');
      // SRT drops what is late by more than its latency, in microseconds, and what it holds for so long at the end.
      const address = `${scheme}://127.0.0.1:${port}${scheme === 'rtmp' ? '/live/key' : '?latency=1000000'}`;
      const opening = openLiveSource(address, { listen: true });
      const output = await openSoon({ kind: 'push', url: address });
      const publishing = (async () => {
        for (let i = 0; i < 90; i++) {
          await output.write(frame(grey(SMALL, 2 * i), i * 40_000));
          await sleep(30);
        }
        if (scheme === 'srt') await sleep(1500);
        await output.finish();
        await output[Symbol.asyncDispose]();
      })();
      await using source = await opening;
      const seen = await watch(source);
      await publishing;
      expect(seen.times.length).toBeGreaterThan(40);
      expect(rises(seen.times)).toBe(true);
      expect(seen.sound.length).toBeGreaterThan(40);
      expect(source.info).toMatchObject({ kind: scheme, codec: 'h264', ...SMALL });
      expect(source.info.bitrate).toBeGreaterThan(0);
    });

  it('are not kept out by someone who connects and says nothing', async () => {
    const port = await freePort();
    const opening = openLiveSource(`rtmp://127.0.0.1:${port}/live/key`, { listen: true });
    let stray: Socket | undefined;
    const call = () =>
      new Promise<boolean>((resolve) => {
        stray = connect(port, '127.0.0.1');
        stray.on('error', () => resolve(false)).on('connect', () => resolve(true));
      });
    expect(await soon(call)).toBe(true);
    expect(await failure(opening)).toBeInstanceOf(NotFound);
    stray?.destroy();
  });

  it('that stall are an error after a while', async () => {
    const address = `rtmp://127.0.0.1:${await freePort()}/live/key`;
    const opening = openLiveSource(address, { listen: true, stallTimeoutMs: 2000 });
    await using output = await openSoon({ kind: 'push', url: address });
    for (let i = 0; i < 90; i++) await output.write(frame(grey(SMALL, 2 * i), i * 40_000));
    await using source = await opening;
    await expect(watch(source)).rejects.toBeInstanceOf(BadInput);
  });

  it('of HLS are read over HTTP at their pace, pictures and sound together', async () => {
    const hls = at('hls');
    await using output = await openLiveOutput({ kind: 'hls', folder: hls }, SMALL);
    for (let i = 0; i < 130; i++) await output.write(frame(grey(SMALL, i), i * 40_000));
    await using web = await serve(hls);
    await using source = await openLiveSource(`${web.base}/index.m3u8`, { stallTimeoutMs: 20_000 });
    expect(source.info.kind).toBe('hls');
    const seen = await watch(source, ({ times, sound }) => times.length > 30 && sound.length > 40);
    expect(seen.times.length).toBeGreaterThan(30);
    expect(rises(seen.times)).toBe(true);
    // Each is one step brighter than the one before it, whichever a busy machine leaves out; one that stands still for
    // so long that the clock is set anew does so once.
    const off = seen.times.slice(1).filter((time, i) => {
      const steps = seen.bright[i + 1]! - seen.bright[i]!;
      return Math.abs(time - seen.times[i]! - steps * 40_000) > 200_000;
    });
    expect(off.length).toBeLessThan(2);
    expect(seen.sound.length).toBeGreaterThan(40);
  });
});

describe.skipIf(!hasFfmpeg)('ffmpeg as publisher (skipped without ffmpeg)', () => {
  for (const scheme of ['rtmp', 'srt'] as const)
    it(`over ${scheme}: pictures and sound in sync`, async () => {
      const path = await flashClip(at('clip.mp4'), 5);
      const port = await freePort(scheme === 'srt' ? 'udp' : 'tcp');
      // SRT drops what is late by more than its latency, in microseconds, and what it holds for so long at the end.
      const address = `${scheme}://127.0.0.1:${port}${scheme === 'rtmp' ? '/live/key' : '?latency=1000000'}`;
      const format = scheme === 'rtmp' ? 'flv' : 'mpegts';
      const opening = openLiveSource(address, { listen: true });
      let publishing = true;
      const publisher = (async () => {
        // It ends at once where nobody listens yet.
        while (publishing) {
          await using ffmpeg = await Ffmpeg.start('-re', '-i', path, '-c', 'copy', '-f', format, address);
          await ffmpeg.ended;
        }
      })();
      await using source = await opening.finally(() => {
        publishing = false;
      });
      const seen = await watch(source);
      await publisher;
      expect(seen.times.length).toBeGreaterThan(40);
      expect(rises(seen.times)).toBe(true);
      expect(Math.abs(await lipSync(seen))).toBeLessThan(80_000);
      expect(source.info.sound).toBe('aac 48 kHz stereo');
    });

  it('over RTSP: pictures and Opus in sync, until the camera hangs up', async () => {
    const path = await flashClip(at('clip.mp4'), 3);
    await using camera = await rtspCamera(path, at('camera.sdp'));
    await using source = await openLiveSource(camera.url);
    expect(source.info).toMatchObject({ kind: 'rtsp', codec: 'h264', ...SMALL });
    const seen = await watch(source, ({ times, sound }) => {
      // Two rounds of the clip.
      if (times.length > 150 && sound.length > 300) camera.hangUp();
      return false;
    });
    expect(seen.times.length).toBeGreaterThan(60);
    expect(rises(seen.times)).toBe(true);
    expect(source.info.sound).toBe('opus 48 kHz stereo');
    expect(seen.sound.length).toBeGreaterThan(100);
    expect(Math.abs(await lipSync(sinceDark(seen)))).toBeLessThan(80_000);
  });
});

/** What was seen from the first dark frame on, so that a flash that was half over does not count. */
function sinceDark(seen: Seen): Seen {
  const from = seen.times[seen.bright.findIndex((value) => value < 100)]!;
  const first = seen.times.indexOf(from);
  return {
    times: seen.times.slice(first),
    sizes: seen.sizes.slice(first),
    bright: seen.bright.slice(first),
    sound: seen.sound.filter(({ timestamp }) => timestamp >= from + 100_000),
  };
}
