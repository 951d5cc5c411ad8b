import { describe, expect, it } from 'vitest';
import { Usage } from '../../../src/errors.js';
import { framesAlive } from '../../../src/pipeline/frame.js';
import {
  PatternSource,
  parsePattern,
  patternAt,
  patternNumber,
} from '../../../src/pipeline/sources/pattern.js';

async function times(source: PatternSource, signal = new AbortController().signal): Promise<number[]> {
  const all: number[] = [];
  for await (const frame of source.frames(signal)) {
    all.push(frame.timestamp);
    frame[Symbol.dispose]();
  }
  return all;
}

describe('pattern', () => {
  it('draws as many frames as asked for, at their times', async () => {
    expect(await times(new PatternSource({ width: 32, height: 16, fps: 30, frames: 4 }))).toEqual([
      0, 33_333, 66_667, 100_000,
    ]);
    expect(framesAlive()).toBe(0);
  });

  it('numbers its pictures', () => {
    for (const index of [0, 1, 2, 255, 256, 65_535])
      for (const size of [
        { width: 64, height: 48 },
        { width: 17, height: 5 },
        { width: 640, height: 360 },
      ])
        expect(patternNumber(patternAt(size, index))).toBe(index);
  });

  it('moves', () => {
    const size = { width: 64, height: 48 };
    expect(patternAt(size, 0).data).not.toEqual(patternAt(size, 128).data);
  });

  it('can be as small as one pixel', () => {
    for (const [width, height] of [
      [1, 1],
      [1, 9],
      [9, 1],
    ] as const)
      expect(patternAt({ width, height }, 3).data).toHaveLength(3 * width * height);
  });

  it('ends early, without an error, when the signal aborts', async () => {
    const stop = new AbortController();
    let count = 0;
    for await (const frame of new PatternSource({ width: 8, height: 8 }).frames(stop.signal)) {
      frame[Symbol.dispose]();
      if (++count === 3) stop.abort();
    }
    expect(count).toBe(3);
    expect(framesAlive()).toBe(0);
  });

  it('when live keeps its own pace, and stops waiting when told to', async () => {
    const source = new PatternSource({ width: 8, height: 8, fps: 0.1, live: true });
    expect(source.live).toBe(true);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    expect(await times(source, stop.signal)).toEqual([0]);
  });

  it('is named in a line', () => {
    expect(parsePattern('pattern:')).toMatchObject({ width: 640, height: 360, fps: 30, live: false });
    expect(parsePattern('pattern:320x180')).toMatchObject({ width: 320, height: 180 });
    expect(parsePattern('pattern:320x180@25,100')).toMatchObject({ fps: 25, frames: 100 });
    expect(parsePattern('pattern:320x180@12.5,live')).toMatchObject({ fps: 12.5, live: true });
  });

  it('refuses names that are none, and sizes and rates out of bounds', () => {
    for (const text of [
      'pattern',
      'pattern:big',
      'pattern:0x10',
      'pattern:10x99999',
      'pattern:10x10@0',
      'pattern:10x10@1e9',
      'pattern:10x10@.',
      'pattern:-5x5',
    ])
      expect(() => parsePattern(text), text).toThrow(Usage);
  });
});
