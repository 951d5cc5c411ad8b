import { execFileSync } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BadInput, NotFound } from '../../src/errors.js';
import { blank, type Pixels, type Size } from '../../src/models/pixels.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import type { MediaBackend, MediaSourceOptions } from '../../src/pipeline/media.js';
import { patternAt, patternNumber } from '../../src/pipeline/sources/pattern.js';
import { type Clip, clip, scratch } from '../fixtures/clips.js';
import { closeness, comb, patches, quadrants, twoFields } from '../fixtures/pictures.js';
import { colors } from '../fixtures/yuv.js';

interface Read {
  readonly timestamps: number[];
  readonly durations: (number | undefined)[];
  readonly pixels: Pixels[];
  readonly damage: string | undefined;
}

/** Why a backend leaves one of the tests out, by a part of its name. */
export type Skips = Readonly<Record<string, string>>;

/** What every way to read a file promises. */
export function describeSource(name: string, open: MediaBackend['openSource'], skips: Skips = {}): void {
  const test = (title: string, body: () => Promise<void>) => {
    const reason = Object.entries(skips).find(([part]) => title.includes(part))?.[1];
    it.skipIf(reason !== undefined)(reason ? `${title} (skipped: ${reason})` : title, body);
  };

  async function read(path: string, options?: MediaSourceOptions): Promise<Read> {
    await using source = await open(path, options);
    const timestamps: number[] = [];
    const durations: (number | undefined)[] = [];
    const pixels: Pixels[] = [];
    for await (const frame of source.frames(new AbortController().signal)) {
      using held = frame;
      timestamps.push(held.timestamp);
      durations.push(held.duration);
      pixels.push({ data: held.data.slice(), width: held.width, height: held.height });
    }
    return { timestamps, durations, pixels, damage: source.damage };
  }

  const micros = (pts: readonly number[], { num, den }: Clip['timeBase']) =>
    pts.map((ticks) => Math.round((ticks * num * 1e6) / den));

  describe(`source: ${name}`, () => {
    afterEach(() => {
      expect(framesAlive()).toBe(0);
    });

    describe('times', () => {
      const timeBase = { num: 1, den: 12_800 };

      test('a constant rate gives every frame at its time and in order', async () => {
        const pts = Array.from({ length: 30 }, (_, i) => i * 512);
        const { timestamps, pixels } = await read(await clip({ pts, timeBase }));
        expect(timestamps).toEqual(micros(pts, timeBase));
        expect(pixels.map(patternNumber)).toEqual(pts.map((_, i) => i));
      });

      const film: Size = { width: 160, height: 96 };
      for (const fields of ['tff', 'bff'] as const)
        test(`interlaced pictures (${fields}) become whole ones, each at its time`, async () => {
          const encoderOptions = { preset: 'ultrafast', crf: '6', 'x264-params': `${fields}=1` };
          const paint = (index: number) => twoFields(film, index, fields);
          const all = { ...film, timeBase, paint, bFrames: 2 };
          const { timestamps, durations, pixels } = await read(await clip({ ...all, encoderOptions }));
          expect(timestamps).toEqual(Array.from({ length: 12 }, (_, i) => i * 40_000));
          expect(durations).toEqual(timestamps.map(() => 40_000));
          const untold = await read(
            await clip({ ...all, encoderOptions: { preset: 'ultrafast', crf: '6' } }),
          );
          for (const [i, picture] of pixels.entries())
            expect(comb(picture), `${i}`).toBeLessThan(comb(untold.pixels[i]!) / 4);
          // A part gives the same pictures.
          const part = await read(await clip({ ...all, encoderOptions }), { fromMs: 200, toMs: 400 });
          expect(part.timestamps).toEqual(timestamps.slice(5, 10));
          expect(closeness(part.pixels[2]!, pixels[7]!)).toBe(0);
        });

      test('interlaced pictures become whole ones where they begin later, too, and none is lost at a new size', async () => {
        const untold = { preset: 'ultrafast', crf: '6' };
        const told = { ...untold, 'x264-params': 'tff=1' };
        const pts = Array.from({ length: 16 }, (_, i) => 90_000 + i * 3600);
        const small: Size = { width: 128, height: 64 };
        const stream = (later: Record<string, string>, size: Size) =>
          clip({
            ...film,
            ...{ pts, timeBase: { num: 1, den: 90_000 }, extension: 'ts', encoderOptions: untold },
            resize: { from: 8, ...size, encoderOptions: later },
            paint: (i) => twoFields(i < 8 ? film : size, i % 8, 'tff'),
          });
        const times = pts.map((ticks) => ticks - 90_000).map((ticks) => Math.round(ticks / 0.09));
        const since = (all: readonly number[]) => all.map((time) => time - all[0]!);
        const whole = await read(await stream(told, film));
        const combed = await read(await stream(untold, film));
        expect(since(whole.timestamps)).toEqual(times);
        for (const [i, picture] of whole.pixels.entries())
          if (i < 8) expect(closeness(picture, combed.pixels[i]!), `${i}`).toBe(0);
          else expect(comb(picture), `${i}`).toBeLessThan(comb(combed.pixels[i]!) / 4);
        expect(since((await read(await stream(told, small))).timestamps)).toEqual(times);
      });

      test('a variable rate stays variable', async () => {
        const pts = [0, 512, 600, 1999, 2000, 6000, 6512, 7003];
        const { timestamps } = await read(await clip({ pts, timeBase }));
        expect(timestamps).toEqual(micros(pts, timeBase));
      });

      test('a picture lasts until the next, the last one as long as the file says', async () => {
        const pts = [0, 64_000, 76_800, 140_800];
        for (const extension of ['mp4', 'mkv']) {
          const path = await clip({ pts, timeBase, extension, bFrames: 2, lasts: 6400 });
          expect((await read(path)).durations, extension).toEqual([5e6, 1e6, 5e6, 500_000]);
          expect((await read(path, { toMs: 8000 })).durations, extension).toEqual([5e6, 1e6, 2e6]);
        }
      });

      test('times rounded back to ticks are those of the file, also for 1001/30000 s', async () => {
        const pts = Array.from({ length: 40 }, (_, i) => i * 1001);
        const path = await clip({ pts, timeBase: { num: 1, den: 30_000 } });
        await using source = await open(path);
        const { num, den } = source.info.timeBase;
        const { timestamps } = await read(path);
        const ticks = timestamps.map((t) => Math.round((t * den) / (num * 1e6)));
        expect(ticks.map((t) => (t * num * 30_000) / den)).toEqual(pts);
      });

      test('pictures stored out of order come in order of presentation', async () => {
        const pts = Array.from({ length: 24 }, (_, i) => i * 512);
        const encoderOptions = { preset: 'veryfast', crf: '6', 'x264-params': 'b-adapt=0:b-pyramid=normal' };
        const { timestamps, pixels } = await read(await clip({ pts, timeBase, bFrames: 3, encoderOptions }));
        expect(timestamps).toEqual(micros(pts, timeBase));
        expect(pixels.map(patternNumber)).toEqual(pts.map((_, i) => i));
      });

      test('a stream that starts late keeps its start', async () => {
        const pts = Array.from({ length: 10 }, (_, i) => 7000 + i * 512);
        const { timestamps } = await read(await clip({ pts, timeBase, audio: ['aac'] }));
        expect(timestamps).toEqual(micros(pts, timeBase));
      });

      test('a transport stream keeps its clock and says where it starts', async () => {
        const pts = Array.from({ length: 10 }, (_, i) => 900_000 + i * 3600);
        const path = await clip({
          pts,
          timeBase: { num: 1, den: 90_000 },
          extension: 'ts',
          muxerOptions: { mpegts_copyts: '1' },
        });
        await using source = await open(path);
        expect(source.info.startTimestamp).toBe(10_000_000);
        expect((await read(path)).timestamps).toEqual(pts.map((t) => Math.round((t * 100) / 9)));
      });
    });

    describe('parts of a file', () => {
      const timeBase = { num: 1, den: 12_800 };
      const pts = Array.from({ length: 60 }, (_, i) => i * 512);
      const long = () =>
        clip({ pts, timeBase, gop: 20, bFrames: 2, encoderOptions: { preset: 'veryfast', crf: '12' } });

      for (const [fromMs, toMs] of [
        [0, 400],
        [400, 1200],
        [401, 1201],
        [799.9, 800.1],
        [1240, undefined],
        [undefined, 1],
      ] as const) {
        test(`from ${fromMs ?? 'the start'} to ${toMs ?? 'the end'} is exact to the frame`, async () => {
          const { timestamps, pixels } = await read(await long(), { fromMs, toMs });
          const wanted = pts
            .map((_, i) => i)
            .filter((i) => i * 40 >= (fromMs ?? 0) && i * 40 < (toMs ?? Number.POSITIVE_INFINITY));
          expect(timestamps).toEqual(wanted.map((i) => i * 40_000));
          expect(pixels.map(patternNumber)).toEqual(wanted);
        });
      }

      test('a part behind the end is empty, without damage', async () => {
        const { timestamps, damage } = await read(await long(), { fromMs: 60_000 });
        expect(timestamps).toEqual([]);
        expect(damage).toBeUndefined();
      });

      test('times of a part count from the start of a transport stream', async () => {
        const path = await clip({
          pts: Array.from({ length: 50 }, (_, i) => 900_000 + i * 3600),
          timeBase: { num: 1, den: 90_000 },
          extension: 'ts',
          muxerOptions: { mpegts_copyts: '1' },
          gop: 10,
        });
        const { timestamps, pixels } = await read(path, { fromMs: 1000, toMs: 1200 });
        expect(timestamps).toEqual([11_000_000, 11_040_000, 11_080_000, 11_120_000, 11_160_000]);
        expect(pixels.map(patternNumber)).toEqual([25, 26, 27, 28, 29]);
      });
    });

    describe('sizes', () => {
      for (const [width, height, pixelFormat] of [
        [64, 48, 'yuv420p'],
        [63, 49, 'yuv444p'],
        [62, 47, 'yuv444p'],
        [17, 33, 'yuv444p'],
        [322, 182, 'yuv420p'],
      ] as const) {
        test(`${width}x${height} comes as it is`, async () => {
          const path = await clip({ width, height, pixelFormat });
          await using source = await open(path);
          expect(source.info).toMatchObject({ width, height, rotation: 0 });
          const { pixels } = await read(path);
          expect(pixels).toHaveLength(12);
          expect(pixels[3]).toMatchObject({ width, height });
          expect(closeness(pixels[3]!, patternAt({ width, height }, 3))).toBeLessThan(12);
        });
      }

      test('the shape of pixels is told', async () => {
        await using source = await open(await clip({ pixelAspect: { num: 4, den: 3 } }));
        expect(source.info.pixelAspect).toEqual({ num: 4, den: 3 });
      });

      test('a size that changes in mid-stream is scaled to the one that was told', async () => {
        const [first, second] = [
          { width: 64, height: 48 },
          { width: 96, height: 64 },
        ];
        const path = await clip({
          ...first,
          extension: 'ts',
          timeBase: { num: 1, den: 90_000 },
          pts: Array.from({ length: 12 }, (_, i) => i * 3600),
          muxerOptions: { mpegts_copyts: '1' },
          resize: { from: 6, ...second },
          paint: (i) => patternAt(i < 6 ? first : second, i),
        });
        await using source = await open(path);
        const told = `${source.info.width}x${source.info.height}`;
        const { pixels } = await read(path);
        expect(pixels.map(({ width, height }) => `${width}x${height}`)).toEqual(Array(12).fill(told));
        expect(pixels.map(patternNumber)).toEqual(Array.from({ length: 12 }, (_, i) => i));
      });
    });

    describe('upright', () => {
      const stored: Size = { width: 64, height: 32 };
      for (const rotation of [0, 90, 180, 270] as const) {
        for (const mirrored of [false, true]) {
          test(`turned by ${rotation}${mirrored ? ' and mirrored' : ''}`, async () => {
            const path = await clip({ ...stored, rotation, mirrored, paint: () => quadrants(stored) });
            await using source = await open(path);
            const sideways = rotation % 180 === 90;
            const size = sideways ? { width: 32, height: 64 } : stored;
            expect(source.info).toMatchObject(size);
            const { pixels } = await read(path);
            expect(closeness(pixels[0]!, quadrants(size, rotation, mirrored))).toBeLessThan(6);
          });
        }
      }
    });

    describe('colours', () => {
      const size = { width: 128, height: 64 };
      const near = async (options: Partial<Clip>, worst = 4) => {
        const path = await clip({ ...size, paint: () => patches(size), pts: [0, 512, 1024], ...options });
        const { pixels } = await read(path);
        expect(closeness(pixels[1]!, patches(size), 'inside patches')).toBeLessThan(worst);
      };
      for (const tag of ['bt709', 'bt709Full', 'bt601', 'bt601Full'] as const)
        test(`${tag} is read by its tags`, () => near({ color: colors[tag] }));
      test('small pictures without tags are BT.601', () => near({ color: colors.untagged601 }));
      test('large pictures without tags are BT.709', async () => {
        const large = { width: 1280, height: 720 };
        const path = await clip({
          ...large,
          color: colors.untagged709,
          pts: [0, 512],
          paint: () => patches(large),
        });
        const { pixels } = await read(path);
        expect(closeness(pixels[0]!, patches(large), 'inside patches')).toBeLessThan(4);
      });
      for (const pixelFormat of ['yuv422p', 'yuv444p', 'yuv420p10le'] as const)
        test(`${pixelFormat} is read as well`, () => near({ pixelFormat }));
      for (const [where, made] of Object.entries<Partial<Clip>>({
        'yuv422p10le without a word': { pixelFormat: 'yuv422p10le', encoder: 'ffv1', extension: 'mkv' },
        'yuv420p10le without a word': { pixelFormat: 'yuv420p10le', encoder: 'ffv1', extension: 'mkv' },
        'yuv422p10le of H.264': { pixelFormat: 'yuv422p10le' },
        'yuv420p10le at the top': { pixelFormat: 'yuv420p10le', chromaLocation: 'topleft' },
      }))
        test(`chroma lies at the left: ${where}`, async () => {
          // Two columns, and two rows, of a colour each: their mean, as the clip has it, is that of the first of them.
          const wave = (at: number, rate: number) => 128 + Math.round(70 * Math.sin(rate * (at >> 1)));
          const painted = blank(size);
          for (let i = 0; i < painted.data.length; i++) {
            const channel = Math.floor(i / (size.width * size.height));
            const row = Math.floor(i / size.width) % size.height;
            const across = wave(i % size.width, 1 + channel);
            painted.data[i] = made.chromaLocation ? (across + wave(row, 2 - channel)) / 2 : across;
          }
          const lossless: Record<string, string> = made.encoder ? {} : { preset: 'ultrafast', qp: '0' };
          const path = await clip({
            ...size,
            pts: [0, 512],
            ...made,
            encoderOptions: lossless,
            paint: () => painted,
          });
          const { pixels } = await read(path);
          const own = made.chromaLocation ? 2 : 1;
          let worst = 0;
          for (let i = 0; i < painted.data.length; i++) {
            const [x, y] = [i % size.width, Math.floor(i / size.width) % size.height];
            if (x % 2 === 0 && y % own === 0)
              worst = Math.max(worst, Math.abs(pixels[0]!.data[i]! - painted.data[i]!));
          }
          expect(worst).toBeLessThan(4);
        });
      test('lossless RGB is read as it is', () =>
        near({ pixelFormat: 'yuv444p', encoderOptions: { preset: 'ultrafast', qp: '0' } }, 3));
    });

    describe('files that are not as they should be', () => {
      const file = async (name: string, bytes: Buffer | string) => {
        const path = join(scratch(), name);
        await writeFile(path, bytes);
        return path;
      };
      const failure = async (path: string, options?: MediaSourceOptions) => {
        const error = await open(path, options).then(
          async (source) => {
            await source[Symbol.asyncDispose]();
            return undefined;
          },
          (reason: unknown) => reason,
        );
        expect(error, path).toBeInstanceOf(Error);
        expect((error as Error).message).toMatch(/^[^\n]+[.]$/);
        return error;
      };

      test('a missing file is not found', async () => {
        expect(await failure(join(scratch(), 'nowhere.mp4'))).toBeInstanceOf(NotFound);
      });

      test('a name that looks like a protocol of FFmpeg is a file that is not found', async () => {
        expect(await failure('concat:a.mp4|b.mp4')).toBeInstanceOf(NotFound);
      });

      test('a folder, an empty file, text and noise are no videos', async () => {
        const noise = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251));
        for (const path of [
          scratch(),
          await file('empty.mp4', ''),
          await file('text.txt', 'Not a video at all.\n'.repeat(50)),
          await file('text.mp4', '{"not": "a video"}'),
          await file('noise.mkv', noise),
        ])
          expect(await failure(path), path).toBeInstanceOf(BadInput);
      });

      test('what never ends, as a pipe or a device does, is no file (not on Windows)', async () => {
        if (process.platform === 'win32') return;
        const pipe = join(scratch(), 'pipe.mp4');
        execFileSync('mkfifo', [pipe]);
        const zero = join(scratch(), 'zero.mp4');
        await symlink('/dev/zero', zero);
        for (const path of [pipe, zero]) expect(await failure(path), path).toBeInstanceOf(BadInput);
      });

      test('sound alone is no video', async () => {
        const path = await clip({ video: false, audio: ['aac'], extension: 'm4a' });
        expect(await failure(path)).toBeInstanceOf(BadInput);
      });

      test('cover art is no video, and does not stand in its way', async () => {
        const cover = await clip({ video: false, audio: ['aac'], cover: true });
        expect(await failure(cover)).toBeInstanceOf(BadInput);
        const { pixels } = await read(await clip({ cover: true, audio: ['aac'] }));
        expect(pixels.map(patternNumber)).toEqual(Array.from({ length: 12 }, (_, i) => i));
      });

      test('a truncated file yields what is whole and says so', async () => {
        const whole = await clip({
          pts: Array.from({ length: 100 }, (_, i) => i * 512),
          muxerOptions: { movflags: '+faststart' },
          encoderOptions: { preset: 'ultrafast', crf: '2' },
        });
        const bytes = await readFile(whole);
        const path = await file('truncated.mp4', bytes.subarray(0, Math.round(bytes.length * 0.6)));
        const { timestamps, pixels, damage } = await read(path);
        expect(timestamps.length).toBeGreaterThan(20);
        expect(timestamps.length).toBeLessThan(90);
        expect(pixels.map(patternNumber)).toEqual(timestamps.map((_, i) => i));
        expect(damage).toMatch(/^[^\n]+[.]$/);
      });

      test('a file that lost its index is an error, not a crash', async () => {
        const bytes = await readFile(await clip({ muxerOptions: {} }));
        await failure(await file('headless.mp4', bytes.subarray(0, Math.round(bytes.length * 0.6))));
      });

      test('a transport stream that lost a part of a picture keeps all of them, and says so', async () => {
        const pts = Array.from({ length: 50 }, (_, i) => i * 3600);
        const timeBase = { num: 1, den: 90_000 };
        const encoderOptions = { preset: 'ultrafast', crf: '2' };
        const bytes = await readFile(
          await clip({ pts, timeBase, extension: 'ts', audio: ['aac'], encoderOptions }),
        );
        const parts = Array.from({ length: bytes.length / 188 }, (_, i) =>
          bytes.subarray(188 * i, 188 * i + 188),
        );
        // One that begins no picture, of the first stream.
        const lost = parts.findIndex(
          (part, i) => i > parts.length / 2 && (part.readUInt16BE(1) & 0x5fff) === 0x100,
        );
        const path = await file('lost.ts', Buffer.concat(parts.toSpliced(lost, 1)));
        const { timestamps, damage } = await read(path);
        expect(timestamps.map((time) => time - timestamps[0]!)).toEqual(micros(pts, timeBase));
        expect(damage).toMatch(/^[^\n]+damaged[^\n]+[.]$/);
      });

      test('a damaged file is read past the damage', async () => {
        const whole = await clip({
          pts: Array.from({ length: 60 }, (_, i) => i * 512),
          gop: 10,
          encoderOptions: { preset: 'ultrafast', crf: '2' },
        });
        const bytes = await readFile(whole);
        const middle = Math.round(bytes.length * 0.4);
        for (let i = 0; i < 3000; i++) bytes[middle + i] = (i * 7919) % 256;
        const { timestamps, damage } = await read(await file('damaged.mp4', bytes));
        expect(timestamps.length).toBeGreaterThan(40);
        expect(timestamps.at(-1)).toBe(59 * 40_000);
        expect(damage).toMatch(/^[^\n]+[.]$/);
      });

      test('a transport stream whose sound came damaged says so', async () => {
        const pts = Array.from({ length: 50 }, (_, i) => i * 3600);
        const path = await clip({ pts, timeBase: { num: 1, den: 90_000 }, extension: 'ts', audio: ['aac'] });
        const bytes = Buffer.from(await readFile(path));
        const packets = Array.from({ length: bytes.length / 188 }, (_, i) => 188 * i);
        // Goes on with what an earlier packet of the second stream began.
        const sound = packets.find(
          (at) => at > bytes.length / 2 && (bytes.readUInt16BE(at + 1) & 0x5fff) === 0x101,
        )!;
        bytes[sound + 1]! |= 0x80;
        const { damage, timestamps } = await read(await file('sound.ts', bytes));
        expect(timestamps).toHaveLength(50);
        expect(damage).toMatch(/damaged[^\n]+[.]$/);
      });

      test('a whole file has no damage', async () => {
        const { damage } = await read(await clip({ audio: ['aac'], bFrames: 2 }));
        expect(damage).toBeUndefined();
      });

      test('a whole file whose pictures begin late has no damage', async () => {
        const pts = Array.from({ length: 25 }, (_, i) => 25_600 + i * 512);
        for (const extension of ['mkv', 'mp4']) {
          const { timestamps, damage } = await read(await clip({ pts, extension, audio: ['aac'] }));
          expect(timestamps).toHaveLength(25);
          expect(damage, extension).toBeUndefined();
        }
      });
    });

    describe('stopping', () => {
      const path = () =>
        clip({ pts: Array.from({ length: 60 }, (_, i) => i * 512), timeBase: { num: 1, den: 12_800 } });

      test('a signal ends the frames without an error', async () => {
        await using source = await open(await path());
        const stop = new AbortController();
        let count = 0;
        for await (const frame of source.frames(stop.signal)) {
          frame[Symbol.dispose]();
          if (++count === 5) stop.abort();
        }
        expect(count).toBe(5);
      });

      test('a signal that has aborted already gives nothing', async () => {
        await using source = await open(await path());
        let count = 0;
        for await (const frame of source.frames(AbortSignal.abort())) {
          frame[Symbol.dispose]();
          count++;
        }
        expect(count).toBe(0);
      });

      test('a reader may leave early', async () => {
        await using source = await open(await path());
        for await (const frame of source.frames(new AbortController().signal)) {
          frame[Symbol.dispose]();
          break;
        }
      });

      test('a source may be closed while it reads, and twice', async () => {
        const source = await open(await path());
        const frames = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
        const first = await frames.next();
        first.value?.[Symbol.dispose]();
        const second = frames.next();
        await source[Symbol.asyncDispose]();
        await source[Symbol.asyncDispose]();
        (await second.catch(() => undefined))?.value?.[Symbol.dispose]();
        await frames.return?.();
      });

      test('a source may be closed without being read', async () => {
        const source = await open(await path());
        await source[Symbol.asyncDispose]();
      });
    });
  });
}
