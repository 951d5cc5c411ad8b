import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findFfmpeg } from '../../../src/pipeline/ffmpeg/tool.js';
import { frame, framesAlive } from '../../../src/pipeline/frame.js';
import type { MediaSinkOptions } from '../../../src/pipeline/media.js';
import { openFfmpegSink } from '../../../src/pipeline/sinks/ffmpeg.js';
import { openMediaSource } from '../../../src/pipeline/sources/media.js';
import { patternAt } from '../../../src/pipeline/sources/pattern.js';
import { clip, scratch } from '../../fixtures/clips.js';
import { hasFfmpeg } from '../../fixtures/ffmpeg.js';
import { childrenOf, eventually, hasProc } from '../../fixtures/processes.js';
import { describeSink } from '../../suites/sink.js';

const posix = process.platform !== 'win32';
const options: MediaSinkOptions = {
  width: 64,
  height: 48,
  timeBase: { num: 1, den: 12_800 },
  frameRate: { num: 25, den: 1 },
  pixelAspect: { num: 1, den: 1 },
};

let folders = 0;
async function freshFolder(): Promise<string> {
  const folder = join(scratch(), `ffmpeg-sink-${folders++}`);
  await mkdir(folder);
  return folder;
}

async function write(path: string, given: Partial<MediaSinkOptions> = {}, count = 6) {
  const all = { ...options, ...given };
  await using sink = await openFfmpegSink(path, all);
  for (let i = 0; i < count; i++) await sink.write(frame(patternAt(all, i), i * 40_000));
  await sink.finish();
  return sink.notes;
}

describe.skipIf(!hasFfmpeg)('with ffmpeg on the PATH (skipped where there is none)', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    expect(framesAlive()).toBe(0);
  });

  describeSink('ffmpeg', openFfmpegSink, {
    'odd size': 'ffmpeg’s command line cannot tell a container which margins to hide',
  });

  describe('odd sizes', () => {
    it('are kept where the codec knows them', async () => {
      const path = join(await freshFolder(), 'odd.webm');
      expect(await write(path, { width: 63, height: 49 })).toEqual([]);
      await using source = await openMediaSource(path);
      expect(source.info).toMatchObject({ width: 63, height: 49 });
    });

    it('grow by a row or a column of H.264, with a note', async () => {
      const path = join(await freshFolder(), 'odd.mp4');
      expect((await write(path, { width: 63, height: 48 })).join()).toMatch(/64x48/);
      await using source = await openMediaSource(path);
      expect(source.info).toMatchObject({ width: 64, height: 48 });
    });
  });

  describe.skipIf(!posix)('what ffmpeg cannot do (skipped on Windows)', () => {
    /** An ffmpeg that answers questions as the real one does, but for what `cases` says. */
    const fake = async (cases: string) => {
      const { ffmpeg } = await findFfmpeg();
      const path = join(await freshFolder(), 'ffmpeg');
      await writeFile(path, `#!/bin/sh\ncase "$*" in ${cases} esac\nexec ${ffmpeg} "$@"\n`);
      await chmod(path, 0o755);
      vi.stubEnv('FFMPEG_PATH', path);
    };
    /** Takes what comes in for a while, then fails with these words. */
    const failing = (words: string) =>
      `*pipe:0*) head -c 20000 > /dev/null; echo "[error] ${words}" >&2; exit 1;;`;

    for (const [words, sentence] of [
      ['av_interleaved_write_frame(): No space left on device', /disk is full/],
      ['/x: Permission denied', /permission denied/],
      ['/x: Read-only file system', /read-only/],
    ] as const) {
      it(`“${words}” is said in our words, and nothing stays behind`, async () => {
        await fake(failing(words));
        const folder = await freshFolder();
        await expect(write(join(folder, 'out.mp4'), {}, 200)).rejects.toMatchObject({
          name: 'CannotWrite',
          message: sentence,
        });
        expect(await readdir(folder)).toEqual([]);
      });
    }

    it('a full disk that shows only at the end is not taken for success', async () => {
      await fake(
        `*pipe:0*) cat > /dev/null; echo "[error] Error writing trailer: No space left on device" >&2; exit 0;;`,
      );
      const folder = await freshFolder();
      await expect(write(join(folder, 'out.mp4'))).rejects.toMatchObject({ name: 'CannotWrite' });
      expect(await readdir(folder)).toEqual([]);
    });

    it('a build without the encoder is told when the file is opened', async () => {
      await fake(`*encoder=libx264*) echo "Codec 'libx264' is not recognized by FFmpeg." >&2; exit 0;;`);
      const folder = await freshFolder();
      await expect(openFfmpegSink(join(folder, 'out.mp4'), options)).rejects.toMatchObject({
        name: 'Unsupported',
        message: /cannot encode h264/,
        hint: expect.stringMatching(/libx264/),
      });
      expect(await readdir(folder)).toEqual([]);
    });

    it('a process that dies in the midst is an error, not a hang', async () => {
      await fake('*pipe:0*) head -c 20000 > /dev/null; kill -9 $$;;');
      await expect(write(join(await freshFolder(), 'out.mp4'), {}, 200)).rejects.toMatchObject({
        name: 'CannotWrite',
      });
    });
  });

  it('a playlist is no source of sound', async () => {
    const folder = await freshFolder();
    const secret = await clip({ extension: 'ts', timeBase: { num: 1, den: 90_000 }, audio: ['aac'] });
    const list = join(folder, 'sound.mp4');
    await writeFile(list, `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://${secret}\n#EXT-X-ENDLIST\n`);
    await expect(
      openFfmpegSink(join(folder, 'out.mp4'), { ...options, copyFrom: list }),
    ).rejects.toMatchObject({
      name: 'BadInput',
    });
    expect(await readdir(folder)).toEqual(['sound.mp4']);
  });

  it.skipIf(!hasProc)(
    'no process is left after an abort or without a finish (skipped without /proc)',
    async () => {
      for (const end of ['abort', 'dispose']) {
        const stop = new AbortController();
        const folder = await freshFolder();
        const sink = await openFfmpegSink(join(folder, 'out.mp4'), { ...options, signal: stop.signal });
        await sink.write(frame(patternAt(options, 0), 0));
        expect(childrenOf(process.pid)).toHaveLength(1);
        if (end === 'abort') stop.abort();
        else await sink[Symbol.asyncDispose]();
        expect(await eventually(() => childrenOf(process.pid).length === 0)).toBe(true);
        await sink[Symbol.asyncDispose]();
        expect(await readdir(folder)).toEqual([]);
      }
    },
  );
});
