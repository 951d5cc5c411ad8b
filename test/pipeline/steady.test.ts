import { describe, expect, it } from 'vitest';
import { blank, type Pixels } from '../../src/models/pixels.js';
import { Steady } from '../../src/pipeline/stages/steady.js';
import { adding, grey } from './doubles.js';

const size = { width: 64, height: 48 };
const style = adding(1);
/** Grey with noise of a few steps, the same for the same seed. */
function noisy(value: number, spread: number, seed: number): Pixels {
  const pixels = blank(size);
  let state = seed * 2654435761;
  for (let i = 0; i < pixels.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    pixels.data[i] = value + Math.round((state / 2 ** 32 - 0.5) * 2 * spread);
  }
  return pixels;
}
const difference = (a: Pixels, b: Pixels) =>
  a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;

describe('steadiness', () => {
  it('holds the painting where the source only has noise', () => {
    const steady = new Steady();
    const first = noisy(100, 40, 1);
    steady.run(noisy(90, 2, 10), first, style, 1);
    const out = steady.run(noisy(90, 2, 11), noisy(100, 40, 2), style, 1);
    expect(difference(out, first)).toBeLessThan(4);
  });

  it('paints afresh where the source moves, and near it', () => {
    const steady = new Steady();
    steady.run(grey(90, size), grey(50, size), style, 1);
    const moved = grey(90, size);
    for (let c = 0; c < 3; c++)
      for (let y = 16; y < 32; y++) moved.data.fill(200, (c * 48 + y) * 64 + 32, (c * 48 + y) * 64 + 48);
    const out = steady.run(moved, grey(150, size), style, 1);
    expect(out.data[20 * 64 + 40]).toBe(150);
    // A far corner is held: 50 + 0.1 * 100.
    expect(out.data[46 * 64 + 2]).toBe(60);
  });

  it('lets errors of the held painting fade within a second', () => {
    const steady = new Steady();
    steady.run(grey(90, size), grey(0, size), style, 1);
    let out = grey(0, size);
    for (let i = 0; i < 25; i++) out = steady.run(grey(90, size), grey(100, size), style, 1);
    expect(out.data[0]).toBeGreaterThan(85);
  });

  it('does nothing at 0, half as much at a half, and starts afresh with another style or size', () => {
    const fresh = grey(150, size);
    for (const [amount, expected] of [
      [0, 150],
      [0.5, 105],
      [1, 60],
    ] as const) {
      const steady = new Steady();
      steady.run(grey(90, size), grey(50, size), style, amount);
      expect(steady.run(grey(90, size), fresh, style, amount).data[0]).toBe(expected);
    }
    const steady = new Steady();
    steady.run(grey(90, size), grey(50, size), style, 1);
    expect(steady.run(grey(90, size), fresh, adding(2), 1)).toBe(fresh);
    const small = grey(150, { width: 8, height: 8 });
    expect(steady.run(grey(90, { width: 8, height: 8 }), small, adding(2), 1)).toBe(small);
  });

  it('copes with pictures of any size', () => {
    for (const [width, height] of [
      [1, 1],
      [7, 9],
      [65, 17],
    ] as const) {
      const steady = new Steady();
      const odd = { width, height };
      steady.run(grey(90, odd), grey(50, odd), style, 1);
      const out = steady.run(grey(90, odd), grey(150, odd), style, 1);
      expect([...new Set(out.data)]).toEqual([60]);
    }
  });
});
