import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BadInput, LivebrushError, NotFound, Unsupported } from '../../../src/errors.js';
import { findFfmpeg } from '../../../src/pipeline/ffmpeg/tool.js';
import { framesAlive } from '../../../src/pipeline/frame.js';
import { type FfmpegSourceOptions, openFfmpegSource } from '../../../src/pipeline/sources/ffmpeg.js';
import { clip, scratch } from '../../fixtures/clips.js';
import { hasFfmpeg } from '../../fixtures/ffmpeg.js';
import { childrenOf, eventually, hasProc } from '../../fixtures/processes.js';
import { describeSource } from '../../suites/source.js';

const posix = process.platform !== 'win32';
const steps = (count: number) => Array.from({ length: count }, (_, i) => i * 512);

/** Why a file is refused, or undefined if a frame of it comes out. */
async function refusal(path: string, options?: FfmpegSourceOptions): Promise<unknown> {
  try {
    await using source = await openFfmpegSource(path, options);
    for await (const frame of source.frames(new AbortController().signal)) {
      frame[Symbol.dispose]();
      return undefined;
    }
    return 'no frames';
  } catch (error) {
    return error;
  }
}

describe.skipIf(!hasFfmpeg)('with ffmpeg on the PATH (skipped where there is none)', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  describeSource('ffmpeg', openFfmpegSource);

  it('ends with a sentence where joined recordings begin their clock anew', async () => {
    const pts = Array.from({ length: 50 }, (_, i) => i * 3600);
    const bytes = await readFile(await clip({ pts, timeBase: { num: 1, den: 90_000 }, extension: 'ts' }));
    const path = join(scratch(), 'joined.ts');
    await writeFile(path, Buffer.concat([bytes, bytes]));
    await using source = await openFfmpegSource(path);
    const all = async () => {
      for await (const frame of source.frames(new AbortController().signal)) frame[Symbol.dispose]();
    };
    await expect(all()).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringMatching(/clock anew after [12]\.\d seconds/),
      hint: expect.stringMatching(/Leave out --media ffmpeg/),
    });
  });

  describe('a file that names other files or hosts', () => {
    /** A video that must not be shown, by a path that the attacker knows. */
    const secret = () =>
      clip({
        extension: 'ts',
        pts: Array.from({ length: 25 }, (_, i) => i * 3600),
        timeBase: { num: 1, den: 90_000 },
        tags: { title: 'secret' },
      });
    const playlist = (entry: string) =>
      `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${entry}\n#EXT-X-ENDLIST\n`;
    const file = async (name: string, content: string) => {
      const folder = join(scratch(), 'uploads');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };

    it('the secret itself can be read, so that the refusals below mean something', async () => {
      expect(await refusal(await secret())).toBeUndefined();
    });

    const disguises: Readonly<Record<string, (path: string) => Promise<string>>> = {
      'an HLS playlist called .mp4': (path) => file('hls.mp4', playlist(`file://${path}`)),
      'an HLS playlist of a bare path': (path) => file('bare.mp4', playlist(path)),
      'an HLS playlist called .m3u8': (path) => file('hls.m3u8', playlist(`file://${path}`)),
      'an HLS playlist of a URL': () => file('url.mp4', playlist('http://127.0.0.1:9/secret.ts')),
      'an HLS playlist of the concat protocol': (path) => file('cat.mp4', playlist(`concat:${path}|${path}`)),
      'a concat script called .mp4': (path) => file('script.mp4', `ffconcat version 1.0\nfile '${path}'\n`),
      'a DASH manifest called .mp4': (path) =>
        file(
          'dash.mp4',
          `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet><Representation id="1"><BaseURL>file://${path}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
        ),
      'a metadata script': () => file('script.ffmeta', ';FFMETADATA1\ntitle=secret\n'),
    };
    for (const [name, disguise] of Object.entries(disguises)) {
      it(`${name} is refused in a sentence`, async () => {
        const error = await refusal(await disguise(await secret()));
        expect(error).toBeInstanceOf(BadInput);
        expect((error as Error).message).toMatch(/^[^\n]+[.]$/);
      });
    }

    for (const name of [
      'concat:{}|{}',
      'subfile,,start,0,end,0,,:{}',
      'file:{}',
      'data:video/mp4;base64,AAAA',
      'pipe:0',
      'fd:0',
      '-',
      'lavfi:testsrc',
    ]) {
      it(`the name ${name} is only the name of a file that there is not`, async () => {
        expect(await refusal(name.replaceAll('{}', await secret()))).toBeInstanceOf(NotFound);
      });
    }

    it('a URL is not opened', async () => {
      expect(await refusal('http://127.0.0.1:9/a.mp4')).toBeInstanceOf(Unsupported);
    });

    it('a file may have such a name all the same', async () => {
      for (const name of ['concat:a|b.mp4', '-i.mp4', "it's 100% [0:v], \\ok; é.mp4", 'a  b.mp4']) {
        const path = join(scratch(), name);
        await copyFile(await clip(), path);
        expect(await refusal(path), name).toBeUndefined();
      }
    });
  });

  describe('a file that would exhaust the machine', () => {
    it('with pictures beyond 8K is refused by that', async () => {
      const path = join(scratch(), 'huge.avi');
      const { ffmpeg } = await findFfmpeg();
      execFileSync(ffmpeg, ['-v', 'error', '-y', '-i', await clip(), '-c:v', 'mjpeg', path]);
      const bytes = await readFile(path);
      // Height and width in each picture's frame header.
      const marker = Buffer.from([0xff, 0xc0, 0x00, 0x11, 0x08]);
      for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) {
        bytes.writeUInt16BE(16_000, at + 5);
        bytes.writeUInt16BE(16_000, at + 7);
      }
      await writeFile(path, bytes);
      const error = await refusal(path);
      expect(error).toBeInstanceOf(LivebrushError);
      expect(error).toMatchObject({ message: /7680x4320/ });
    });

    it.skipIf(!posix)('in time is given up when its time is over (skipped on Windows)', async () => {
      const { ffmpeg, version } = await findFfmpeg();
      const slow = join(scratch(), 'slow-ffmpeg');
      await writeFile(
        slow,
        `#!/bin/sh\ncase "$2" in -version|-h) exec ${ffmpeg} "$@";; esac\necho ${version} >&2; sleep 1000\n`,
      );
      await chmod(slow, 0o755);
      vi.stubEnv('FFMPEG_PATH', slow);
      const error = await refusal(await clip(), { limitMs: 300 });
      expect(error).toBeInstanceOf(Unsupported);
      expect(error).toMatchObject({ message: /longer/ });
    });
  });

  describe.skipIf(!hasProc)('its processes (skipped without /proc)', () => {
    const long = () => clip({ width: 320, height: 180, pts: steps(60) });
    const gone = () => eventually(() => childrenOf(process.pid).length === 0);

    it('are gone when the last frame is read', async () => {
      await using source = await openFfmpegSource(await clip());
      for await (const frame of source.frames(new AbortController().signal)) frame[Symbol.dispose]();
      expect(childrenOf(process.pid)).toEqual([]);
    });

    it('are gone when the reader leaves early', async () => {
      await using source = await openFfmpegSource(await long());
      for await (const frame of source.frames(new AbortController().signal)) {
        frame[Symbol.dispose]();
        expect(childrenOf(process.pid)).toHaveLength(1);
        break;
      }
      expect(await gone()).toBe(true);
    });

    it('are gone after an abort, although the reader holds a frame', async () => {
      const stop = new AbortController();
      await using source = await openFfmpegSource(await long());
      const frames = source.frames(stop.signal)[Symbol.asyncIterator]();
      using _held = (await frames.next()).value!;
      stop.abort();
      expect(await gone()).toBe(true);
      expect((await frames.next()).done).toBe(true);
    });

    it('are gone when the opener’s signal aborts', async () => {
      const stop = new AbortController();
      const opening = openFfmpegSource(await long(), { signal: stop.signal });
      setTimeout(() => stop.abort(), 20);
      await opening.then(
        (source) => source[Symbol.asyncDispose](),
        (error) => expect(error).toMatchObject({ name: 'Interrupted' }),
      );
      expect(await gone()).toBe(true);
      expect(framesAlive()).toBe(0);
    });

    it('wait for a slow reader and lose nothing', async () => {
      await using source = await openFfmpegSource(await long());
      let count = 0;
      for await (const frame of source.frames(new AbortController().signal)) {
        frame[Symbol.dispose]();
        if (count++ < 3) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(count).toBe(60);
    });
  });
});
