import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ageOf,
  COLUMNS,
  decodeMark,
  encodeMark,
  markBox,
  PERIOD_MS,
  readCells,
  STEP_MS,
} from '../../web/src/mark.js';

/** The brightness of both rows as drawn. */
const rows = (timeMs: number): [number[], number[]] => {
  const bits = encodeMark(timeMs);
  return [bits.map((bit) => 255 * bit), bits.map((bit) => 255 * (1 - bit))];
};

const time = fc.integer({ min: 0, max: 10_000_000 });

describe('the mark of the time', () => {
  it('comes back to the step', () => {
    fc.assert(
      fc.property(time, (ms) => {
        expect(decodeMark(...rows(ms))).toBe((Math.floor(ms / STEP_MS) * STEP_MS) % PERIOD_MS);
      }),
    );
  });

  it('survives dimming, tinting, noise and a turn of black and white', () => {
    fc.assert(
      fc.property(
        time,
        fc.double({ min: 0.2, max: 1, noNaN: true }),
        fc.boolean(),
        fc.integer(),
        (ms, gain, turned, seed) => {
          const spoil = (level: number, i: number) => {
            const noise = (((seed ^ (i * 7919)) >>> 0) % 17) - 8;
            return 30 + gain * (turned ? 255 - level : level) * 0.6 + noise;
          };
          const [upper, lower] = rows(ms);
          const read = decodeMark(
            upper.map(spoil),
            lower.map((level, i) => spoil(level, i + 31)),
          );
          expect(read).toBe((Math.floor(ms / STEP_MS) * STEP_MS) % PERIOD_MS);
        },
      ),
    );
  });

  it('is not seen where there is none', () => {
    expect(decodeMark(Array(COLUMNS).fill(120), Array(COLUMNS).fill(118))).toBeUndefined();
  });

  it('refuses nearly every mark with a wrong bit', () => {
    let taken = 0;
    for (let ms = 0; ms < 2000; ms += 10)
      for (let column = 3; column < COLUMNS; column++) {
        const [upper, lower] = rows(ms);
        [upper[column], lower[column]] = [lower[column]!, upper[column]!];
        if (decodeMark(upper, lower) !== undefined) taken++;
      }
    expect(taken).toBe(0);
  });

  it('is read from pixels, however large', () => {
    for (const cell of [6, 12, 24]) {
      const [width, height] = [COLUMNS * cell, 2 * cell];
      const data = new Uint8ClampedArray(4 * width * height);
      const drawn = rows(1234);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const level = drawn[y < cell ? 0 : 1]![Math.floor(x / cell)]!;
          data.set([level, level, level, 255], 4 * (y * width + x));
        }
      expect(decodeMark(...readCells(data, width, height))).toBe(1234);
    }
  });

  it('lies in the same place of the picture at every size', () => {
    const [small, large] = [markBox(640), markBox(1280)];
    expect(large).toEqual({
      x: 2 * small.x,
      y: 2 * small.y,
      width: 2 * small.width,
      height: 2 * small.height,
    });
    expect(small.x + small.width).toBeLessThan(640);
    expect(small.width / COLUMNS).toBeGreaterThanOrEqual(12);
  });

  it('tells how long ago it was, also over the end of its period', () => {
    expect(ageOf(100, 180)).toBe(80);
    expect(ageOf(PERIOD_MS - 20, 3 * PERIOD_MS + 60)).toBeCloseTo(80);
  });
});
