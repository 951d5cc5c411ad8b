import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findFfmpeg } from '../../../src/pipeline/ffmpeg/tool.js';
import { frame, framesAlive } from '../../../src/pipeline/frame.js';
import type { MediaSinkOptions } from '../../../src/pipeline/media.js';
import { openFfmpegSink } from '../../../src/pipeline/sinks/ffmpeg.js';
import { openMediaSource } from '../../../src/pipeline/sources/media.js';
import { patternAt } from '../../../src/pipeline/sources/pattern.js';
import { clip, probe, scratch } from '../../fixtures/clips.js';
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

const run = promisify(execFile);

/** Sound of 100 Hz in the first second, 200 Hz in the second one and so on. */
async function rising(name: string, ...encoder: string[]): Promise<string> {
  const path = join(await freshFolder(), name);
  const { ffmpeg } = await findFfmpeg();
  const tone = 'aevalsrc=0.3*sin(2*PI*100*(1+floor(t))*t):d=24:s=48000';
  await run(ffmpeg, ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', tone, ...encoder, path]);
  return path;
}

/** The pitch at each time, in seconds, to 100 Hz. */
async function pitches(path: string, times: readonly number[]): Promise<number[]> {
  const { ffmpeg } = await findFfmpeg();
  const plain = [
    '-vn',
    '-af',
    'aresample=async=1:first_pts=0',
    '-ac',
    '1',
    '-ar',
    '48000',
    '-f',
    's16le',
    '-',
  ];
  const { stdout } = await run(ffmpeg, ['-nostdin', '-v', 'error', '-i', path, ...plain], {
    encoding: 'buffer',
    maxBuffer: 2 ** 26,
  });
  return times.map((time) => {
    const tenth = Array.from({ length: 4800 }, (_, i) => 2 * (Math.round(time * 48_000) + i))
      .filter((at) => at + 2 <= stdout.length)
      .map((at) => stdout.readInt16LE(at));
    return 100 * Math.round(tenth.filter((value, i) => value >= 0 && tenth[i - 1]! < 0).length / 10);
  });
}

describe.skipIf(!hasFfmpeg)('with ffmpeg on the PATH (skipped where there is none)', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    expect(framesAlive()).toBe(0);
  });

  describeSink('ffmpeg', openFfmpegSink, {
    'the last picture lasts as long as it says':
      'no durations go through the pipe: it lasts as an average one',
    'odd size': 'ffmpeg’s command line cannot tell a container which margins to hide',
  });

  it('loses one packet of sound to a broken header, with a note', async () => {
    const pts = Array.from({ length: 50 }, (_, i) => i * 3600);
    const timeBase = { num: 1, den: 90_000 };
    const bytes = Buffer.from(await readFile(await clip({ pts, timeBase, extension: 'ts', audio: ['aac'] })));
    bytes[bytes.indexOf(Buffer.of(0xff, 0xf1, 0x4c), bytes.length / 2) + 1] = 0;
    const folder = await freshFolder();
    await writeFile(join(folder, 'header.ts'), bytes);
    for (const name of ['header.mp4', 'header.mkv']) {
      const notes = await write(join(folder, name), { copyFrom: join(folder, 'header.ts') });
      expect(notes.join(), name).toMatch(/broken header/);
      const { streams } = await probe(join(folder, name));
      expect(streams.find(({ kind }) => kind === 'audio')!.packets.length, name).toBeGreaterThan(70);
    }
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

  describe('the sound of a part', () => {
    const part = async (path: string, copyFrom: string, fromMs: number | undefined, toMs: number) => {
      const first = (fromMs ?? 0) * 1000;
      const count = (toMs * 1000 - first) / 40_000;
      await using sink = await openFfmpegSink(path, { ...options, copyFrom, fromMs, toMs });
      for (let i = 0; i < count; i++) await sink.write(frame(patternAt(options, i), first + i * 40_000));
      await sink.finish();
      return sink.notes.join();
    };

    it('is that of the part where it is encoded anew, deep in a file too', async () => {
      const source = await rising('rising.mov', '-c:a', 'pcm_s16le');
      for (const second of [2, 20]) {
        const path = join(await freshFolder(), 'part.mp4');
        expect(await part(path, source, second * 1000 + 480, second * 1000 + 2480)).toMatch(/becomes aac/);
        const pitch = (second + 1) * 100;
        expect(await pitches(path, [0.1, 0.3, 0.7, 1.3, 1.7, 2.2])).toEqual([
          ...[pitch, pitch, pitch + 100, pitch + 100, pitch + 200],
          0,
        ]);
      }
    });

    it('is whole to its end where it is copied to another time base', async () => {
      const source = await rising('rising.mkv', '-c:a', 'aac');
      for (const [extension, fromMs] of [
        ['mp4', undefined],
        ['mp4', 480],
        ['mkv', undefined],
      ] as const) {
        const path = join(await freshFolder(), `part.${extension}`);
        expect(await part(path, source, fromMs, 2480)).toBe('');
        const from = (fromMs ?? 0) / 1000;
        expect(await pitches(path, [0.6 - from, 1.6 - from, 2.3 - from, 2.6 - from])).toEqual([
          100, 200, 300, 0,
        ]);
      }
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
