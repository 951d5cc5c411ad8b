import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLUMNS, decodeMark, drawMark, encodeMark, NUMBERS, readMark } from '../../src/loadtest/mark.js';
import { blank, type Pixels } from '../../src/models/pixels.js';
import * as panel from '../../web/src/mark.js';

const number = fc.integer({ min: 0, max: NUMBERS - 1 });
const size = fc.record({
  width: fc.integer({ min: 80, max: 700 }).map((half) => 2 * half),
  height: fc.constant(400),
});

/** A picture of noise with a number in it. */
function drawn(given: { width: number; height: number }, value: number): Pixels {
  const pixels = blank(given);
  for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = (i * 31 + (i >> 8) * 17) & 255;
  drawMark(pixels, value);
  return pixels;
}

describe('the mark in the pictures of a load test', () => {
  it('comes back from pictures of any size', () => {
    fc.assert(
      fc.property(size, number, (given, value) => {
        expect(readMark(drawn(given, value))).toBe(value);
      }),
      { numRuns: 40 },
    );
  });

  it('is the one that the panel draws and reads', () => {
    expect(COLUMNS).toBe(panel.COLUMNS);
    expect(NUMBERS * panel.STEP_MS).toBe(panel.PERIOD_MS);
    for (let value = 0; value < NUMBERS; value++) {
      const bits = encodeMark(value);
      expect(bits).toEqual(panel.encodeMark(value * panel.STEP_MS));
      const rows = [bits.map((bit) => 200 * bit), bits.map((bit) => 200 * (1 - bit))] as const;
      expect(decodeMark(...rows)).toBe(value);
      expect(panel.decodeMark(...rows)).toBe(value * panel.STEP_MS);
    }
  });

  it('lies where the panel looks for it', () => {
    const width = 640;
    const pixels = drawn({ width, height: 360 }, 1234);
    const box = panel.markBox(width);
    // As a canvas hands it over: the box alone, four bytes a pixel.
    const rgba = new Uint8ClampedArray(4 * box.width * box.height);
    for (let y = 0; y < box.height; y++)
      for (let x = 0; x < box.width; x++)
        for (let plane = 0; plane < 3; plane++)
          rgba[4 * (y * box.width + x) + plane] = pixels.data[(plane * 360 + box.y + y) * width + box.x + x]!;
    const read = panel.decodeMark(...panel.readCells(rgba, box.width, box.height));
    expect(read).toBe(1234 * panel.STEP_MS);
  });

  it('survives dimming, noise, and a turn of black and white', () => {
    fc.assert(
      fc.property(
        number,
        fc.boolean(),
        fc.double({ min: 0.2, max: 1, noNaN: true }),
        (value, turned, gain) => {
          const pixels = drawn({ width: 320, height: 184 }, value);
          for (let i = 0; i < pixels.data.length; i++) {
            const level = turned ? 255 - pixels.data[i]! : pixels.data[i]!;
            pixels.data[i] = 30 + 0.7 * gain * level + ((i * 7919) % 17);
          }
          expect(readMark(pixels)).toBe(value);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is not seen where there is none, nor in a picture that is too small for it', () => {
    expect(readMark(blank({ width: 640, height: 360 }))).toBeUndefined();
    expect(readMark(drawn({ width: 640, height: 360 }, 7))).toBe(7);
    expect(readMark(blank({ width: 4, height: 4 }))).toBeUndefined();
  });
});
