import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count, share, size, time } from '../../src/commands/options.js';
import { clock } from '../../src/commands/progress.js';
import { fitted, planSizes } from '../../src/commands/sizes.js';

describe('a time on the command line', () => {
  it('is seconds or a clock time', () => {
    for (const [text, ms] of [
      ['0', 0],
      ['90.5', 90_500],
      ['1:30', 90_000],
      ['00:01:30.500', 90_500],
      ['2:00:00', 7_200_000],
      ['100:00:00', 360_000_000],
    ] as const)
      expect(time(text)).toBe(ms);
  });

  it('is refused when it is anything else', () => {
    for (const text of [
      '',
      '-1',
      '1:60',
      '1:2:3:4',
      '60:00:00:00',
      'soon',
      '1e3',
      '1:75:00',
      'Infinity',
      '1,5',
    ])
      expect(() => time(text)).toThrow(InvalidArgumentError);
  });
});

describe('numbers on the command line', () => {
  it('are shares, sizes and counts', () => {
    expect([share('0'), share('0.25'), share('1')]).toEqual([0, 0.25, 1]);
    expect([size('720'), size('1280x720')]).toEqual([720, { width: 1280, height: 720 }]);
    expect([count('7'), count('40M'), count('1.5k')]).toEqual([7, 40_000_000, 1500]);
  });

  it('are refused out of bounds or when they are no numbers', () => {
    for (const text of ['', ' ', '-0.1', '1.1', 'x', 'NaN'])
      expect(() => share(text)).toThrow(InvalidArgumentError);
    for (const text of ['', '0', '0x5', '5x0', '1x2x3', '-5', '99999', '720p'])
      expect(() => size(text)).toThrow(InvalidArgumentError);
    for (const text of ['', '0', '-4', 'M', '4G']) expect(() => count(text)).toThrow(InvalidArgumentError);
  });
});

describe('the sizes of a video', () => {
  const source = { width: 640, height: 360, pixelAspect: { num: 1, den: 1 } };

  it('are its own unless wished otherwise, odd ones too', () => {
    const odd = { width: 641, height: 361, pixelAspect: { num: 4, den: 3 } };
    const own = { width: 641, height: 361 };
    expect(planSizes(odd, {})).toEqual({ output: own, work: own, pixelAspect: { num: 4, den: 3 } });
  });

  it('follow one number as the height, with an even width', () => {
    expect(planSizes(source, { size: 180 }).output).toEqual({ width: 320, height: 180 });
    expect(planSizes(source, { size: 100 }).output).toEqual({ width: 178, height: 100 });
    expect(planSizes({ ...source, width: 1, height: 1000 }, { size: 10 }).output).toEqual({
      width: 2,
      height: 10,
    });
  });

  it('are exact when both sides are given; the picture keeps its shape by that of its pixels', () => {
    const { output, pixelAspect } = planSizes(source, { size: { width: 640, height: 480 } });
    expect(output).toEqual({ width: 640, height: 480 });
    expect(pixelAspect).toEqual({ num: 4, den: 3 });
  });

  it('let the network paint smaller than the output', () => {
    expect(planSizes(source, { size: 720, workSize: 180 })).toMatchObject({
      output: { width: 1280, height: 720 },
      work: { width: 320, height: 180 },
    });
  });

  it('keep ratios within what media files hold', () => {
    const side = fc.integer({ min: 1, max: 16_384 });
    const number = fc.integer({ min: 1, max: 0x7fffffff });
    fc.assert(
      fc.property(side, side, side, side, number, number, (width, height, w, h, num, den) => {
        const { pixelAspect } = planSizes(
          { width, height, pixelAspect: { num, den } },
          { size: { width: w, height: h } },
        );
        for (const value of [pixelAspect.num, pixelAspect.den]) {
          expect(Number.isInteger(value)).toBe(true);
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThanOrEqual(0x7fffffff);
        }
      }),
    );
  });
});

describe('fitting a picture', () => {
  it('shrinks to a longest side or into a box and never enlarges', () => {
    expect(fitted({ width: 4000, height: 3000 }, 1000)).toEqual({ width: 1000, height: 750 });
    expect(fitted({ width: 300, height: 4000 }, { width: 200, height: 400 })).toEqual({
      width: 30,
      height: 400,
    });
    expect(fitted({ width: 30, height: 40 }, 1000)).toEqual({ width: 30, height: 40 });
    expect(fitted({ width: 10_000, height: 3 }, 100)).toEqual({ width: 100, height: 1 });
  });
});

describe('a time to go', () => {
  it('reads like a clock', () => {
    expect([0, 7.4, 75, 3600, 36_125].map(clock)).toEqual(['0:00', '0:07', '1:15', '1:00:00', '10:02:05']);
  });
});
