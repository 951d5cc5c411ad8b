import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blank, type Pixels, type Size } from '../../src/models/pixels.js';
import { openBackend } from '../../src/pipeline/backends.js';
import { frame } from '../../src/pipeline/frame.js';
import type { MediaBackend, MediaInfo, MediaSourceOptions } from '../../src/pipeline/media.js';
import { patternAt } from '../../src/pipeline/sources/pattern.js';
import { type Clip, clip, probe, scratch } from '../fixtures/clips.js';
import { hasFfmpeg } from '../fixtures/ffmpeg.js';
import { patches } from '../fixtures/pictures.js';
import { type Color, colors } from '../fixtures/yuv.js';

interface Read {
  readonly info: MediaInfo;
  readonly timestamps: number[];
  readonly pixels: Pixels[];
  readonly damaged: boolean;
}

async function read(backend: MediaBackend, path: string, options?: MediaSourceOptions): Promise<Read> {
  await using source = await backend.openSource(path, options);
  const timestamps: number[] = [];
  const pixels: Pixels[] = [];
  for await (const next of source.frames(new AbortController().signal)) {
    using held = next;
    timestamps.push(held.timestamp);
    pixels.push({ data: held.data.slice(), width: held.width, height: held.height });
  }
  return { info: source.info, timestamps, pixels, damaged: source.damage !== undefined };
}

function meanDifference(a: Pixels, b: Pixels): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / a.data.length;
}

/** Peak signal-to-noise ratio in dB: 35 is hard to see side by side. */
function likeness(a: Pixels, b: Pixels): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! - b.data[i]!) ** 2;
  return 10 * Math.log10((255 * 255 * a.data.length) / Math.max(sum, 1));
}

/** Upright bars of pure colours: beyond BT.709 where they are those of BT.2020. */
function bars(size: Size): Pixels {
  const pixels = blank(size);
  const [high, low] = [190, 10];
  for (let i = 0; i < pixels.data.length; i++) {
    const channel = Math.floor(i / (size.width * size.height));
    const bar = Math.floor(((i % size.width) * 8) / size.width);
    pixels.data[i] = (bar >> channel) & 1 ? low : high;
  }
  return pixels;
}

const bt2020 = (color: Color) => ({ ...color, primaries: 9 }) as Color;

const steps = (count: number, step = 512) => Array.from({ length: count }, (_, i) => i * step);
const wide = { width: 128, height: 64 };

const clips: Readonly<Record<string, { clip: Partial<Clip>; part?: MediaSourceOptions }>> = {
  'a plain clip': { clip: { ...wide, paint: (i) => patternAt(wide, i), audio: ['aac'] } },
  'hard colour edges': { clip: { ...wide, paint: () => patches(wide) } },
  'ten bits': { clip: { ...wide, paint: () => patches(wide), pixelFormat: 'yuv420p10le' } },
  '4:2:2': { clip: { ...wide, paint: () => patches(wide), pixelFormat: 'yuv422p' } },
  'an odd size': { clip: { width: 63, height: 49, pixelFormat: 'yuv444p' } },
  'a turned and mirrored clip': { clip: { rotation: 90, mirrored: true } },
  'pictures out of order at a variable rate': {
    clip: { pts: [0, 512, 600, 1999, 2000, 6000, 6512, 7003], bFrames: 2 },
  },
  'a late start beside sound': { clip: { pts: steps(8).map((t) => t + 7000), audio: ['aac'] } },
  'a transport stream': {
    clip: {
      extension: 'ts',
      pts: steps(25, 3600).map((t) => t + 900_000),
      timeBase: { num: 1, den: 90_000 },
    },
    part: { fromMs: 200, toMs: 700 },
  },
  'a part from between key pictures': {
    clip: { pts: steps(60), gop: 20, bFrames: 2 },
    part: { fromMs: 1001, toMs: 1501 },
  },
};

describe.skipIf(!hasFfmpeg)('node-av and ffmpeg agree (skipped where there is no ffmpeg)', () => {
  for (const [name, { clip: made, part }] of Object.entries(clips)) {
    it(`on frames, times and what they tell of ${name}`, async () => {
      const path = await clip(made);
      const inside = await read(await openBackend('node-av'), path, part);
      const outside = await read(await openBackend('ffmpeg'), path, part);
      expect(outside.info).toEqual(inside.info);
      expect(outside.timestamps).toEqual(inside.timestamps);
      expect(outside.timestamps.length).toBeGreaterThan(5);
      expect(outside.damaged).toBe(inside.damaged);
      const differences = outside.pixels.map((pixels, i) => meanDifference(pixels, inside.pixels[i]!));
      expect(Math.max(...differences)).toBeLessThan(2);
    });
  }

  for (const [name, made] of Object.entries<Partial<Clip>>({
    'PQ of ten bits': { color: bt2020(colors.pq), pixelFormat: 'yuv420p10le' },
    'PQ with more chroma': { color: bt2020(colors.pq), pixelFormat: 'yuv422p10le' },
    'HLG of ten bits': { color: bt2020(colors.hlg), pixelFormat: 'yuv420p10le' },
    'wide colours of standard range': { color: bt2020(colors.bt2020), pixelFormat: 'yuv420p10le' },
  })) {
    it(`on saturated ${name}`, async () => {
      const path = await clip({ ...made, ...wide, pts: [0, 512], paint: () => bars(wide) });
      const [inside, outside] = await Promise.all(
        (['node-av', 'ffmpeg'] as const).map(async (back) => read(await openBackend(back), path)),
      );
      const picture = inside!.pixels[0]!;
      expect(likeness(outside!.pixels[0]!, picture)).toBeGreaterThan(35);
      // White, cyan, magenta, blue, yellow, green, red, black: what lies outside BT.709 is cut off there, as itself.
      const area = wide.width * wide.height;
      const [brightest] = [0, 1, 2].map((channel) => picture.data[channel * area + 8]!);
      for (let bar = 0; bar < 7; bar++)
        for (const channel of [0, 1, 2]) {
          const value = picture.data[channel * area + 32 * wide.width + bar * 16 + 8]!;
          if ((bar >> channel) & 1) expect(value, `bar ${bar}, channel ${channel}`).toBeLessThan(20);
          else expect(value, `bar ${bar}, channel ${channel}`).toBeGreaterThan(0.85 * brightest!);
        }
    });
  }

  for (const pixelFormat of ['yuv420p10le', 'yuv422p10le'] as const)
    it(`on hard colour edges of ${pixelFormat} that does not say where chroma lies`, async () => {
      const untold = { pixelFormat, encoder: 'ffv1', encoderOptions: {}, extension: 'mkv' };
      const path = await clip({ ...wide, ...untold, pts: [0, 512], paint: () => patches(wide) });
      const [inside, outside] = await Promise.all(
        (['node-av', 'ffmpeg'] as const).map(async (back) => read(await openBackend(back), path)),
      );
      expect(likeness(outside!.pixels[0]!, inside!.pixels[0]!)).toBeGreaterThan(50);
    });

  for (const extension of ['mp4', 'mkv'] as const) {
    for (const part of [{}, { fromMs: 500, toMs: 1300 }]) {
      it(`on what they write to .${extension}${part.fromMs ? ' of a part' : ''}: times, sound, descriptions`, async () => {
        const source = await clip({ pts: steps(50), audio: ['aac', 'aac'], tags: { title: 'A day out' } });
        const wanted = steps(50).map((t) => (t * 1e6) / 12_800);
        const times = wanted.filter((t) => t >= (part.fromMs ?? 0) * 1000 && t < (part.toMs ?? 1e9) * 1000);
        const written = await Promise.all(
          (['node-av', 'ffmpeg'] as const).map(async (name) => {
            const path = join(scratch(), `agree-${name}-${part.fromMs ?? 0}.${extension}`);
            const backend = await openBackend(name);
            const size = { width: 64, height: 48 };
            await using sink = await backend.openSink(path, {
              ...size,
              ...part,
              timeBase: { num: 1, den: 12_800 },
              frameRate: { num: 25, den: 1 },
              pixelAspect: { num: 1, den: 1 },
              copyFrom: source,
            });
            for (const [i, time] of times.entries()) await sink.write(frame(patternAt(size, i), time));
            await sink.finish();
            return { file: await probe(path), back: await read(await openBackend('node-av'), path) };
          }),
        );
        const [inside, outside] = written as [(typeof written)[number], (typeof written)[number]];
        expect(outside.back.timestamps).toEqual(inside.back.timestamps);
        const sound = ({ file }: typeof inside) =>
          file.streams
            .filter(({ kind }) => kind === 'audio')
            .map(({ codec, tags, packets }) => ({
              codec,
              language: tags.language,
              packets: packets.map(({ hash }) => hash),
            }));
        expect(sound(outside)).toEqual(sound(inside));
        expect(sound(outside)[0]!.packets.length).toBeGreaterThan(30);
        expect(outside.file.tags.title).toBe('A day out');
        const differences = outside.back.pixels.map((pixels, i) =>
          meanDifference(pixels, inside.back.pixels[i]!),
        );
        expect(Math.max(...differences)).toBeLessThan(2);
      });
    }
  }
});
