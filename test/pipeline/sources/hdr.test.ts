import { describe, expect, it } from 'vitest';
import { blank, type Pixels, type Size } from '../../../src/models/pixels.js';
import { openMediaSource } from '../../../src/pipeline/sources/media.js';
import { type Clip, clip } from '../../fixtures/clips.js';
import { colors } from '../../fixtures/yuv.js';

const size: Size = { width: 160, height: 32 };

/** Ten vertical bars of grey, each of one code value from 0 to 1. */
function bars(values: readonly number[]): Pixels {
  const pixels = blank(size);
  for (let i = 0; i < pixels.data.length; i++)
    pixels.data[i] = Math.round(255 * values[Math.floor(((i % size.width) * values.length) / size.width)]!);
  return pixels;
}

async function firstOf(options: Partial<Clip>): Promise<Pixels> {
  await using source = await openMediaSource(await clip({ ...size, pts: [0, 512], ...options }));
  for await (const frame of source.frames(new AbortController().signal)) {
    using shown = frame;
    return { data: shown.data.slice(), width: shown.width, height: shown.height };
  }
  throw new Error('no frame');
}

const middles = (picture: Pixels, count: number) =>
  Array.from({ length: count }, (_, i) =>
    [0, 1, 2].map(
      (channel) =>
        picture.data[
          channel * size.width * size.height + 16 * size.width + Math.floor(((i + 0.5) * size.width) / count)
        ]!,
    ),
  );

/** PQ's code value of a luminance in cd/m² (SMPTE ST 2084). */
function pq(luminance: number): number {
  const y = (luminance / 10_000) ** 0.1593017578125;
  return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375;
}

describe('high dynamic range', () => {
  const pixelFormat = 'yuv420p10le';

  it('PQ is tone-mapped: white paper is bright, highlights are brighter yet, greys stay grey', async () => {
    const luminances = [0, 1, 10, 50, 100, 203, 400, 1000];
    const picture = await firstOf({ pixelFormat, color: colors.pq, paint: () => bars(luminances.map(pq)) });
    const shown = middles(picture, luminances.length);
    for (const [r, g, b] of shown) expect(Math.max(r!, g!, b!) - Math.min(r!, g!, b!)).toBeLessThan(4);
    const greens = shown.map(([, g]) => g!);
    expect(greens).toEqual([...greens].sort((a, b) => a - b));
    expect(greens[0]).toBeLessThan(4);
    expect(greens[4]).toBeGreaterThan(140);
    expect(greens[5]).toBeGreaterThan(190);
    expect(greens[5]).toBeLessThan(235);
    expect(greens[7]).toBeGreaterThan(greens[5]! + 15);
  });

  it('HLG is tone-mapped', async () => {
    const signals = [0, 0.2, 0.38, 0.5, 0.75, 1];
    const picture = await firstOf({ pixelFormat, color: colors.hlg, paint: () => bars(signals) });
    const greens = middles(picture, signals.length).map(([, g]) => g!);
    expect(greens).toEqual([...greens].sort((a, b) => a - b));
    expect(greens[0]).toBeLessThan(4);
    // 75 % is the white of a page, 38 % middle grey (ITU-R BT.2408).
    expect(greens[2]).toBeGreaterThan(70);
    expect(greens[2]).toBeLessThan(150);
    expect(greens[4]).toBeGreaterThan(180);
    expect(greens[5]).toBeGreaterThan(235);
  });

  it('wide-gamut SDR is narrowed: greys stay, and colours gain in what BT.709 lacks', async () => {
    const wide = { ...colors.bt2020, primaries: 9 } as typeof colors.bt2020;
    const greys = [0, 0.25, 0.5, 0.75, 1];
    const grey = await firstOf({ pixelFormat, color: wide, paint: () => bars(greys) });
    for (const [i, rgb] of middles(grey, greys.length).entries())
      for (const value of rgb) expect(Math.abs(value - 255 * greys[i]!)).toBeLessThan(5);
    const [red] = middles(await firstOf({ color: wide, paint: () => tint([200, 90, 90]) }), 1);
    expect(red![0]!).toBeGreaterThan(205);
    expect(red![1]!).toBeLessThan(85);
  });

  it('BT.2020’s matrix on BT.709’s primaries is just another matrix', async () => {
    const narrow = { ...colors.bt2020, primaries: 1, transfer: 1 } as typeof colors.bt2020;
    const [rgb] = middles(await firstOf({ color: narrow, paint: () => tint([200, 90, 40]) }), 1);
    expect(Math.max(...rgb!.map((value, i) => Math.abs(value - [200, 90, 40][i]!)))).toBeLessThan(5);
  });
});

function tint(rgb: readonly number[]): Pixels {
  const pixels = blank(size);
  rgb.forEach((value, channel) => {
    pixels.data.fill(value, channel * size.width * size.height, (channel + 1) * size.width * size.height);
  });
  return pixels;
}
