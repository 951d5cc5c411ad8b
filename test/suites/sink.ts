import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BadInput,
  CannotWrite,
  Interrupted,
  LivebrushError,
  NotFound,
  Unsupported,
} from '../../src/errors.js';
import type { Pixels, Size } from '../../src/models/pixels.js';
import { frame, framesAlive } from '../../src/pipeline/frame.js';
import type { MediaBackend, MediaSinkOptions } from '../../src/pipeline/media.js';
import { openMediaSource } from '../../src/pipeline/sources/media.js';
import { patternAt, patternNumber } from '../../src/pipeline/sources/pattern.js';
import { type Clip, clip, probe, scratch } from '../fixtures/clips.js';
import { closeness, patches, quadrants } from '../fixtures/pictures.js';
import type { Skips } from './source.js';

const size: Size = { width: 64, height: 48 };
const options: MediaSinkOptions = {
  ...size,
  timeBase: { num: 1, den: 12_800 },
  frameRate: { num: 25, den: 1 },
  pixelAspect: { num: 1, den: 1 },
};
const steady = (count: number) => Array.from({ length: count }, (_, i) => i * 40_000);

let folders = 0;

/** What every way to write a file promises. Files are read back with node-av. */
export function describeSink(name: string, open: MediaBackend['openSink'], skips: Skips = {}): void {
  const test = (title: string, body: () => Promise<void>) => {
    const reason = Object.entries(skips).find(([part]) => title.includes(part))?.[1];
    it.skipIf(reason !== undefined)(reason ? `${title} (skipped: ${reason})` : title, body);
  };
  let folder = '';
  const at = (file: string) => join(folder, file);

  interface Writing extends Partial<MediaSinkOptions> {
    readonly times?: readonly number[];
    readonly paint?: (index: number) => Pixels;
    /** How long each picture is shown, in microseconds. */
    readonly durations?: readonly number[];
  }

  /** Writes frames to a file and returns the sink's notes. */
  async function write(path: string, { times = steady(12), paint, durations, ...given }: Writing = {}) {
    const all = { ...options, ...given };
    await using sink = await open(path, all);
    for (const [index, time] of times.entries())
      await sink.write(
        frame(paint?.(index) ?? patternAt(all, index), { timestamp: time, duration: durations?.[index] }),
      );
    await sink.finish();
    return sink.notes;
  }

  async function read(path: string) {
    await using source = await openMediaSource(path);
    const pixels: Pixels[] = [];
    const times: number[] = [];
    for await (const held of source.frames(new AbortController().signal)) {
      pixels.push({ data: held.data.slice(), width: held.width, height: held.height });
      times.push(held.timestamp);
      held[Symbol.dispose]();
    }
    return { pixels, times, info: source.info, damage: source.damage };
  }

  const failure = async (path: string, given: Partial<MediaSinkOptions> = {}) => {
    const error = await open(path, { ...options, ...given }).then(
      async (sink) => {
        await sink[Symbol.asyncDispose]();
        return undefined;
      },
      (reason: unknown) => reason,
    );
    expect(error, path).toBeInstanceOf(LivebrushError);
    expect((error as Error).message).toMatch(/^[^\n]+[.]$/);
    return error;
  };

  describe(`sink: ${name}`, () => {
    beforeEach(async () => {
      folder = join(scratch(), `sink-${process.pid}-${folders++}`);
      await mkdir(folder);
    });
    afterEach(() => {
      expect(framesAlive()).toBe(0);
    });

    describe('pictures and times', () => {
      for (const [extension, codec] of [
        ['mp4', 'h264'],
        ['mov', 'h264'],
        ['mkv', 'h264'],
        ['ts', 'h264'],
        ['flv', 'h264'],
        ['mp4', 'h265'],
        ['mkv', 'h265'],
        ['webm', 'vp9'],
        ['mp4', 'vp9'],
        ['webm', 'av1'],
        ['mp4', 'av1'],
      ] as const) {
        test(`${codec} in .${extension} keeps every frame and its time`, async () => {
          const path = at(`out.${extension}`);
          await write(path, { codec, timeBase: { num: 1, den: 1000 } });
          const { pixels, times, info, damage } = await read(path);
          expect(info).toMatchObject({ ...size, codec: codec === 'h265' ? 'hevc' : codec });
          expect(times.map((time) => time - times[0]!)).toEqual(steady(12));
          // Transport streams have no zero: their clock starts where the muxer says.
          if (extension !== 'ts') expect(times[0]).toBe(0);
          expect(pixels.map(patternNumber)).toEqual(steady(12).map((_, i) => i));
          expect(closeness(pixels[7]!, patternAt(size, 7))).toBeLessThan(14);
          expect(damage).toBeUndefined();
        });
      }

      test('each container has a codec of its own when none is asked for', async () => {
        for (const [extension, codec] of Object.entries({ mp4: 'h264', mkv: 'h264', webm: 'vp9' })) {
          const path = at(`default.${extension}`);
          await write(path);
          expect((await read(path)).info.codec).toBe(codec);
        }
      });

      test('a variable rate is kept to the tick, with the track’s time base', async () => {
        const ticks = [0, 512, 600, 1999, 2000, 6000, 6512, 7003, 20_000];
        const times = ticks.map((t) => Math.round((t * 1e6) / 12_800));
        for (const codec of ['h264', 'h265', 'vp9', 'av1'] as const) {
          const path = at(`${codec}.mp4`);
          await write(path, { codec, times, frameRate: undefined });
          const back = await read(path);
          expect(back.times, codec).toEqual(times);
          expect(back.info.timeBase).toEqual({ num: 1, den: 12_800 });
          expect(back.pixels.map(patternNumber)).toEqual(ticks.map((_, i) => i));
        }
      });

      test('the last picture lasts as long as it says', async () => {
        const times = [0, 5e6, 6e6, 11e6];
        const durations = [5e6, 1e6, 5e6, 40_000];
        for (const [extension, codec] of [
          ['mp4', 'h264'],
          ['mp4', 'h265'],
          ['mp4', 'av1'],
          ['mkv', 'h264'],
          ['webm', 'vp9'],
        ] as const) {
          const path = at(`${codec}-last.${extension}`);
          await write(path, { codec, times, durations, frameRate: { num: 25, den: 69 } });
          const { info } = await read(path);
          expect(info.durationMs, `${codec} ${extension}`).toBe(11_040);
        }
      });

      for (const timeBase of [
        { num: 1, den: 25 },
        { num: 1, den: 90_000 },
        { num: 1001, den: 30_000 },
      ]) {
        test(`ticks of ${timeBase.num}/${timeBase.den} s are kept`, async () => {
          const step = Math.max(1, Math.round((0.04 * timeBase.den) / timeBase.num));
          const times = Array.from({ length: 40 }, (_, i) =>
            Math.round((i * step * timeBase.num * 1e6) / timeBase.den),
          );
          await write(at('ticks.mp4'), { timeBase, times });
          expect((await read(at('ticks.mp4'))).times).toEqual(times);
        });
      }

      test('a late start stays late', async () => {
        const times = steady(10).map((time) => time + 1_500_000);
        await write(at('late.mp4'), { times });
        expect((await read(at('late.mp4'))).times).toEqual(times);
      });

      test('what a container has to round is told', async () => {
        const times = Array.from({ length: 12 }, (_, i) => Math.round((i * 1001 * 1e6) / 30_000));
        const notes = await write(at('rounded.mkv'), { timeBase: { num: 1, den: 30_000 }, times });
        expect(notes.join()).toMatch(/rounded/);
        expect((await read(at('rounded.mkv'))).times).toEqual(
          times.map((time) => Math.round(time / 1000) * 1000),
        );
        expect(await write(at('whole.mkv'))).toEqual([]);
      });

      test('times that repeat or step back go on by a tick', async () => {
        const times = [0, 40_000, 40_000, 39_000, 80_000];
        await write(at('odd.mp4'), { times });
        const back = (await read(at('odd.mp4'))).times;
        expect(back).toHaveLength(5);
        expect(back).toEqual([...back].sort((a, b) => a - b));
        expect(back.at(-1)).toBe(80_000);
      });

      test('colours come back as they were, tagged BT.709 limited', async () => {
        const large = { width: 128, height: 64 };
        for (const codec of ['h264', 'h265', 'vp9', 'av1'] as const) {
          const path = at(`${codec}.mp4`);
          await write(path, { ...large, codec, paint: () => patches(large) });
          expect(closeness((await read(path)).pixels[5]!, patches(large), 'inside patches')).toBeLessThan(5);
          expect((await probe(path)).streams[0]!.color, codec).toEqual([1, 1, 1, 1]);
        }
      });

      for (const odd of [
        { width: 63, height: 49 },
        { width: 64, height: 47 },
        { width: 17, height: 33 },
      ]) {
        test(`odd size ${odd.width}x${odd.height} is kept`, async () => {
          for (const [extension, codec] of [
            ['mp4', 'h264'],
            ['mkv', 'h264'],
            ['mp4', 'h265'],
            ['webm', 'vp9'],
          ] as const) {
            const path = at(`${codec}.${extension}`);
            await write(path, { ...odd, codec, paint: () => quadrants(odd) });
            const { pixels, info } = await read(path);
            expect(info, path).toMatchObject(odd);
            expect(closeness(pixels[3]!, quadrants(odd)), path).toBeLessThan(16);
          }
        });
      }

      test('the shape of pixels is kept', async () => {
        await write(at('wide.mp4'), { pixelAspect: { num: 4, den: 3 } });
        expect((await read(at('wide.mp4'))).info.pixelAspect).toEqual({ num: 4, den: 3 });
        await write(at('wide.mkv'), { pixelAspect: { num: 4, den: 3 } });
        expect((await read(at('wide.mkv'))).info.pixelAspect).toEqual({ num: 4, den: 3 });
      });

      test('H.265 in .mp4 has the name that Apple’s players know', async () => {
        await write(at('out.mp4'), { codec: 'h265' });
        expect((await probe(at('out.mp4'))).streams[0]!.tag).toBe('hvc1');
      });

      test('the index of an .mp4 stands at its front', async () => {
        await write(at('out.mp4'));
        const bytes = await readFile(at('out.mp4'));
        expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
      });

      test('more frames than an encoder looks ahead arrive', async () => {
        const count = 150;
        await write(at('many.mp4'), { times: steady(count) });
        const { times, pixels } = await read(at('many.mp4'));
        expect(times).toEqual(steady(count));
        expect(pixels.map(patternNumber)).toEqual(times.map((_, i) => i));
      });
    });

    describe('what comes along', () => {
      const long = (given: Partial<Clip> = {}) =>
        clip({ pts: Array.from({ length: 50 }, (_, i) => i * 512), audio: ['aac'], ...given });
      const packets = async (path: string, kind: string, which = 0) =>
        (await probe(path)).streams.filter((stream) => stream.kind === kind)[which]!;
      const same = (stream: Awaited<ReturnType<typeof packets>>) =>
        stream.packets.map(({ pts, hash }) => ({
          hash,
          time: Math.round((pts * stream.timeBase.num * 1e6) / stream.timeBase.den),
        }));

      test('sound is copied bit for bit, at its times', async () => {
        const source = await long();
        const notes = await write(at('out.mp4'), { times: steady(50), copyFrom: source });
        expect(notes).toEqual([]);
        expect(same(await packets(at('out.mp4'), 'audio'))).toEqual(same(await packets(source, 'audio')));
        expect((await packets(at('out.mp4'), 'audio')).packets.length).toBeGreaterThan(80);
        expect((await read(at('out.mp4'))).times).toEqual(steady(50));
      });

      test('sound goes into another container bit for bit, and the pictures keep their times', async () => {
        const source = await long();
        for (const extension of ['mov', 'mkv', 'flv']) {
          const path = at(`out.${extension}`);
          await write(path, { times: steady(50), copyFrom: source, timeBase: { num: 1, den: 1000 } });
          const [there, here] = [await packets(path, 'audio'), await packets(source, 'audio')];
          const bytes = ({ packets: all }: typeof here) => all.map(({ hash }) => hash);
          // An .mp4 starts AAC before zero; .flv cannot and may leave that packet out.
          const skipped = extension === 'flv' ? there.packets.length - here.packets.length : 0;
          expect(bytes(there), extension).toEqual(bytes(here).slice(-skipped || 0));
          expect((await read(path)).times, extension).toEqual(steady(50));
        }
      });

      test('a transport stream’s sound goes into .mp4', async () => {
        const source = await long({
          extension: 'ts',
          pts: Array.from({ length: 50 }, (_, i) => i * 3600),
          timeBase: { num: 1, den: 90_000 },
        });
        const { times } = await read(source);
        await write(at('out.mp4'), { times, copyFrom: source, timeBase: { num: 1, den: 90_000 } });
        expect((await read(at('out.mp4'))).times).toEqual(times);
        const sound = await packets(at('out.mp4'), 'audio');
        expect(sound.codec).toBe('aac');
        expect(sound.packets.length).toBeGreaterThan(80);
      });

      test('every language of sound comes along with its name', async () => {
        const source = await long({ audio: ['aac', 'aac'] });
        await write(at('out.mp4'), { times: steady(50), copyFrom: source });
        const { streams } = await probe(at('out.mp4'));
        expect(streams.map(({ kind }) => kind)).toEqual(['video', 'audio', 'audio']);
        expect(streams.slice(1).map(({ tags }) => tags.language)).toEqual(['eng', 'deu']);
      });

      test('subtitles come along, converted where the container wants another format', async () => {
        const subtitles = ['first', 'second — zweite'];
        const source = await long({ subtitles });
        const texts = async (path: string) => {
          const { packets: all, timeBase } = await packets(path, 'subtitle');
          return all
            .map(({ pts, text }) => ({ ms: (pts * 1000 * timeBase.num) / timeBase.den, text }))
            .map(({ ms, text }) => ({ ms, text: text.replace(/^[^\p{L}]+/u, '') }))
            .filter(({ text }) => text);
        };
        const shown = subtitles.map((text, i) => ({ ms: i * 1000, text }));
        await write(at('out.mp4'), { times: steady(50), copyFrom: source });
        expect(await texts(at('out.mp4'))).toEqual(shown);
        const notes = await write(at('out.mkv'), { times: steady(50), copyFrom: source });
        expect(notes.join()).toMatch(/subtitle mov_text/);
        expect(await texts(at('out.mkv'))).toEqual(shown);
        await write(at('back.mp4'), { times: steady(50), copyFrom: at('out.mkv') });
        expect(await texts(at('back.mp4'))).toEqual(shown);
      });

      test('tags come along, but not those of the old file’s bytes', async () => {
        const source = await long({ tags: { title: 'A day out', artist: 'Nobody' } });
        for (const extension of ['mp4', 'mkv']) {
          const path = at(`out.${extension}`);
          await write(path, { times: steady(50), copyFrom: source });
          const { tags } = await probe(path);
          expect(tags.title).toBe('A day out');
          expect(tags.ARTIST ?? tags.artist).toBe('Nobody');
          if (extension === 'mkv') expect(Object.keys(tags)).not.toContain('MAJOR_BRAND');
        }
      });

      test('chapters come along, and those of a part with its times', async () => {
        const chapters = [
          { start: 0, end: 500_000, title: 'One' },
          { start: 500_000, end: 1_300_000, title: 'Zwei: “é” = 絵' },
          { start: 1_300_000, end: 2_000_000, title: '' },
        ];
        const source = await long({ chapters });
        for (const extension of ['mp4', 'mov', 'mkv']) {
          const path = at(`out.${extension}`);
          expect(await write(path, { times: steady(50), copyFrom: source })).toEqual([]);
          const probed = await probe(path);
          expect(
            probed.chapters.map(({ start, title }) => ({ start, title })),
            extension,
          ).toEqual(chapters.map(({ start, title }) => ({ start, title })));
          expect(JSON.stringify(probed.tags)).not.toContain('chapters');
          expect((await read(path)).times).toEqual(steady(50));
        }
        const cut = { fromMs: 600, toMs: 1200 };
        const times = steady(50).filter((time) => time >= 600_000 && time < 1_200_000);
        await write(at('part.mkv'), { times, copyFrom: source, ...cut });
        expect((await probe(at('part.mkv'))).chapters).toEqual([
          { start: 0, end: 600_000, title: chapters[1]!.title },
        ]);
      });

      test('cover art comes along', async () => {
        const source = await long({ cover: true });
        await write(at('out.mp4'), { times: steady(50), copyFrom: source });
        const { streams } = await probe(at('out.mp4'));
        const covers = streams.filter(({ codec }) => codec === 'png');
        expect(covers).toHaveLength(1);
        expect(covers[0]!.packets[0]!.hash).toBe(
          (await probe(source)).streams.find(({ codec }) => codec === 'png')!.packets[0]!.hash,
        );
      });

      test('sound that a container cannot hold is encoded anew, with a note', async () => {
        const notes = await write(at('out.webm'), { times: steady(50), copyFrom: await long() });
        expect(notes.join()).toMatch(/audio aac/);
        const sound = await packets(at('out.webm'), 'audio');
        expect(sound.codec).toBe('opus');
        const last = sound.packets.at(-1)!;
        expect((last.pts * sound.timeBase.num) / sound.timeBase.den).toBeGreaterThan(1.9);
        expect((await read(at('out.webm'))).times).toEqual(steady(50));
      });

      test('uncompressed sound becomes AAC in .mp4, which no player reads otherwise, and is kept in .mov', async () => {
        const source = await long({ extension: 'mov', audio: ['pcm_s16le'] });
        expect((await write(at('out.mp4'), { times: steady(50), copyFrom: source })).join()).toMatch(
          /becomes aac/,
        );
        const sound = await packets(at('out.mp4'), 'audio');
        expect(sound.codec).toBe('aac');
        expect(sound.packets.length).toBeGreaterThan(80);
        expect(await write(at('out.mov'), { times: steady(50), copyFrom: source })).toEqual([]);
        expect((await packets(at('out.mov'), 'audio')).codec).toBe('pcm_s16le');
      });

      test('a transport stream names what it holds: other sound becomes AAC, other streams are left out', async () => {
        const source = await long({
          extension: 'mov',
          audio: ['pcm_s16le', 'aac'],
          subtitles: ['first'],
        });
        for (const extension of ['ts', 'm2ts', 'mts']) {
          const path = at(`out.${extension}`);
          const notes = (await write(path, { times: steady(50), copyFrom: source })).join('\n');
          expect(notes, extension).toMatch(/pcm_s16le.*becomes aac/);
          expect(notes, extension).toMatch(/mov_text.*left out/);
          expect(notes).not.toMatch(/audio aac/);
          const { streams } = await probe(path);
          expect(streams.map(({ codec }) => codec)).toEqual(['h264', 'aac', 'aac']);
          expect(streams[1]!.packets.length).toBeGreaterThan(80);
        }
        const cover = await write(at('cover.ts'), { copyFrom: await clip({ cover: true }) });
        expect(cover.join()).toMatch(/png.*left out/);
        expect((await probe(at('cover.ts'))).streams).toHaveLength(1);
      });

      test('sound that outlasts the pictures is whole', async () => {
        const source = await long();
        await write(at('out.mp4'), { times: steady(10), copyFrom: source });
        expect(same(await packets(at('out.mp4'), 'audio'))).toEqual(same(await packets(source, 'audio')));
      });

      test('a part of a file starts at zero, with the sound of that part', async () => {
        const source = await long({ subtitles: ['first', 'second'] });
        const cut = { fromMs: 400, toMs: 1200 };
        const times = steady(50).filter((time) => time >= 400_000 && time < 1_200_000);
        await write(at('part.mp4'), { times, copyFrom: source, ...cut });
        const { times: written, pixels } = await read(at('part.mp4'));
        expect(written).toEqual(steady(times.length));
        expect(pixels.map(patternNumber)).toEqual(times.map((_, i) => i));
        const [part, whole] = [await packets(at('part.mp4'), 'audio'), await packets(source, 'audio')];
        const byHash = new Map(same(whole).map(({ hash, time }) => [hash, time]));
        const sound = same(part).filter(({ time }) => time >= 0);
        expect(sound.length).toBeGreaterThan(30);
        expect(sound.length).toBeLessThan(40);
        for (const { hash, time } of sound) expect(byHash.get(hash)! - 400_000 - time).toBeCloseTo(0, -2);
        const texts = (await packets(at('part.mp4'), 'subtitle')).packets.filter(({ text }) =>
          /first|second/.test(text),
        );
        expect(texts).toHaveLength(2);
      });

      test('a source of nothing but pictures brings nothing', async () => {
        expect(await write(at('out.mp4'), { copyFrom: await clip() })).toEqual([]);
        expect((await probe(at('out.mp4'))).streams).toHaveLength(1);
      });

      test('a source that is missing or no media is an error', async () => {
        expect(await failure(at('out.mp4'), { copyFrom: at('nowhere.mp4') })).toBeInstanceOf(NotFound);
        await writeFile(at('text.mp4'), 'no media');
        expect(await failure(at('out.mp4'), { copyFrom: at('text.mp4') })).toBeInstanceOf(BadInput);
        expect(await readdir(folder)).toEqual(['text.mp4']);
      });
    });

    describe('the file', () => {
      test('appears under its name only when it is finished', async () => {
        await using sink = await open(at('out.mp4'), options);
        for (const [i, time] of steady(5).entries()) await sink.write(frame(patternAt(size, i), time));
        const names = await readdir(folder);
        expect(names).not.toContain('out.mp4');
        expect(names.every((other) => other.startsWith('.'))).toBe(true);
        await sink.finish();
        expect(await readdir(folder)).toEqual(['out.mp4']);
      });

      test('leaves nothing behind without a finish', async () => {
        const sink = await open(at('out.mp4'), options);
        await sink.write(frame(patternAt(size, 0), 0));
        await sink[Symbol.asyncDispose]();
        await sink[Symbol.asyncDispose]();
        expect(await readdir(folder)).toEqual([]);
      });

      test('leaves nothing behind when it is closed in the midst of a write', async () => {
        const sink = await open(at('out.mp4'), { ...options, copyFrom: await clip({ audio: ['aac'] }) });
        const writes = steady(8).map((time, i) => sink.write(frame(patternAt(size, i), time)));
        await sink[Symbol.asyncDispose]();
        await Promise.allSettled(writes);
        expect(await readdir(folder)).toEqual([]);
      });

      test('stays away when no frame came', async () => {
        await expect(write(at('out.mp4'), { times: [] })).rejects.toBeInstanceOf(LivebrushError);
        expect(await readdir(folder)).toEqual([]);
      });

      test('is not written over unless that is asked for', async () => {
        await writeFile(at('out.mp4'), 'precious');
        expect(await failure(at('out.mp4'))).toBeInstanceOf(CannotWrite);
        expect(await readFile(at('out.mp4'), 'utf8')).toBe('precious');
        await write(at('out.mp4'), { overwrite: true });
        expect((await stat(at('out.mp4'))).size).toBeGreaterThan(500);
        expect(await readdir(folder)).toEqual(['out.mp4']);
      });

      test('that came up meanwhile is not written over', async () => {
        const sink = await open(at('out.mp4'), options);
        await sink.write(frame(patternAt(size, 0), 0));
        await writeFile(at('out.mp4'), 'precious');
        await expect(sink.finish()).rejects.toBeInstanceOf(CannotWrite);
        await sink[Symbol.asyncDispose]();
        expect(await readFile(at('out.mp4'), 'utf8')).toBe('precious');
        expect(await readdir(folder)).toEqual(['out.mp4']);
      });

      test('needs a folder, and is none', async () => {
        await mkdir(at('folder.mp4'));
        expect(await failure(at('missing/out.mp4'))).toBeInstanceOf(CannotWrite);
        expect(await failure(at('folder.mp4'), { overwrite: true })).toBeInstanceOf(CannotWrite);
      });

      test('of an unknown kind, or with a codec that it cannot hold, is unsupported', async () => {
        expect(await failure(at('out.xyz'))).toBeInstanceOf(Unsupported);
        expect(await failure(at('out'))).toBeInstanceOf(Unsupported);
        expect(await failure(at('out.webm'), { codec: 'h264' })).toBeInstanceOf(Unsupported);
        expect(await readdir(folder)).toEqual([]);
      });

      test('may have a name with blanks, quotes, colons and letters of any script', async () => {
        const path = at("a 'b' c:d é 絵 %d.mp4");
        await write(path, { copyFrom: await clip({ audio: ['aac'] }) });
        expect((await read(path)).pixels).toHaveLength(12);
      });

      test('is given up when the signal aborts', async () => {
        const stop = new AbortController();
        const sink = await open(at('out.mp4'), { ...options, signal: stop.signal });
        await sink.write(frame(patternAt(size, 0), 0));
        stop.abort();
        await expect(sink.write(frame(patternAt(size, 1), 40_000))).rejects.toBeInstanceOf(Interrupted);
        await sink[Symbol.asyncDispose]();
        expect(await readdir(folder)).toEqual([]);
        expect(await failure(at('out.mp4'), { signal: AbortSignal.abort() })).toBeInstanceOf(Interrupted);
      });
    });
  });
}
