import { describe, expect, it } from 'vitest';
import { blank, type Pixels } from '../../src/models/pixels.js';
import { Steady } from '../../src/pipeline/stages/steady.js';
import { holdPainting, holdPlainly } from '../../src/pipeline/stages/steady-blend.js';
import { gridOf, WHOLE } from '../../src/pipeline/stages/steady-gate.js';
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
/** Grey 90 with a square of another grey. */
function square(value: number, left: number): Pixels {
  const pixels = grey(90, size);
  for (let c = 0; c < 3; c++)
    for (let y = 16; y < 32; y++)
      pixels.data.fill(value, (c * 48 + y) * 64 + left, (c * 48 + y) * 64 + left + 16);
  return pixels;
}
const at = ({ data }: Pixels, x: number, y: number) => data[y * 64 + x];
const difference = (a: Pixels, b: Pixels) =>
  a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;

describe('steadiness', () => {
  it('holds the painting where the source only has noise', () => {
    const steady = new Steady();
    const first = noisy(100, 40, 1);
    steady.run(noisy(90, 4, 10), first, style, 1);
    const out = steady.run(noisy(90, 4, 11), noisy(100, 40, 2), style, 1);
    expect(difference(out, first)).toBeLessThan(4);
  });

  it('keeps strokes as sharp as they are painted while it lets them change slowly', () => {
    const steady = new Steady();
    const spread = ({ data }: Pixels) =>
      Math.sqrt(data.reduce((sum, value) => sum + (value - 100) ** 2, 0) / data.length);
    let [last, changes, spreads] = [noisy(100, 40, 0), 0, 0];
    for (let i = 0; i < 90; i++) {
      const out = steady.run(noisy(90, 4, 200 + i), noisy(100, 40, i), style, 1);
      if (i > 0) changes += difference(out, last);
      spreads += spread(out);
      last = out;
    }
    // Uniform noise of ±40 has a spread of 23 and changes by 27 from frame to frame.
    expect(spreads / 90).toBeGreaterThan(0.9 * 23);
    expect(changes / 89).toBeLessThan(27 / 4);
  });

  it('paints afresh where the source moves, and near it', () => {
    const steady = new Steady();
    steady.run(grey(90, size), grey(50, size), style, 1);
    const out = steady.run(square(200, 32), grey(150, size), style, 1);
    expect(at(out, 40, 20)).toBe(150);
    expect(at(out, 28, 20)).toBe(150);
    // A far corner is held.
    expect(at(out, 2, 46)).toBe(50);
  });

  it('leaves no ghost of what has moved on, then or later', () => {
    const steady = new Steady();
    steady.run(square(200, 32), square(250, 32), style, 1);
    for (let i = 0; i < 70; i++) {
      const out = steady.run(square(200, 0), square(250, 0), style, 1);
      expect(at(out, 40, 20)).toBe(90);
      expect(at(out, 6, 20)).toBe(250);
    }
  });

  it('lets errors of the held painting go within two seconds', () => {
    const steady = new Steady();
    steady.run(grey(90, size), grey(0, size), style, 1);
    let out = grey(0, size);
    for (let i = 0; i < 56; i++) out = steady.run(grey(90, size), grey(100, size), style, 1);
    expect(Math.min(...out.data)).toBeGreaterThan(95);
  });

  it('follows light that changes slowly, and a cut at once', () => {
    const steady = new Steady();
    let out = grey(40, size);
    for (let i = 0; i < 60; i++) out = steady.run(grey(40 + i, size), grey(40 + i, size), style, 1);
    expect(Math.max(...out.data.map((value) => Math.abs(value - 99)))).toBeLessThan(25);
    expect([...new Set(steady.run(grey(200, size), grey(201, size), style, 1).data)]).toEqual([201]);
  });

  it('hurries to how the rest is painted when something enters, once', () => {
    /** What a far corner shows so many frames after the painting has changed, with something large in it or not. */
    const cornerAfter = (frames: number, enters: boolean) => {
      const steady = new Steady();
      for (let i = 0; i < 5; i++) steady.run(noisy(90, 2, i), grey(50, size), style, 1);
      let out = grey(0, size);
      for (let i = 0; i < frames; i++) {
        const source = noisy(90, 2, 100 + i);
        if (enters) for (let y = 0; y < 48; y++) source.data.fill(200, (48 + y) * 64, (48 + y) * 64 + 24);
        out = steady.run(source, grey(150, size), style, 1);
      }
      return at(out, 60, 44);
    };
    expect(cornerAfter(1, true)).toBe(50);
    expect(cornerAfter(16, true)).toBe(150);
    expect(cornerAfter(16, false)).toBe(50);
  });

  it('does nothing at 0, half as much at a half, and starts afresh with another style or size', () => {
    const fresh = grey(150, size);
    for (const [amount, expected] of [
      [0, 150],
      [0.5, 100],
      [1, 50],
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

  it('never writes to a picture that it was given or gave', () => {
    const steady = new Steady();
    const paintings = [noisy(100, 40, 1), noisy(100, 40, 2), noisy(100, 40, 3)];
    // As a Buffer, whose slices share memory.
    const given = paintings.map((it) => ({ ...it, data: Buffer.from(it.data) }));
    const outs: Pixels[] = [];
    const kept: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      const out = steady.run(i % 9 ? grey(90, size) : square(200, 32), given[i % 3]!, style, 1);
      outs.push(out);
      kept.push(Uint8Array.from(out.data));
    }
    for (const [i, it] of given.entries()) expect([...it.data]).toEqual([...paintings[i]!.data]);
    for (const [i, it] of outs.entries()) expect(Buffer.compare(it.data, kept[i]!)).toBe(0);
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
      expect([...new Set(out.data)]).toEqual([50]);
      const cut = steady.run(grey(200, odd), grey(150, odd), style, 1);
      expect([...new Set(cut.data)]).toEqual([150]);
    }
  });

  it.each([
    ['TypeScript', holdPlainly],
    ['what the machine has', holdPainting],
  ])('shows what moves in the last column alone, by %s', (_, hold) => {
    for (const width of [26, 27, 28, 29, 32]) {
      const odd = { width, height: 9 };
      const cells = new Int32Array(gridOf(odd).columns * gridOf(odd).rows).fill(WHOLE);
      const still = cells.map((whole, i) =>
        i % gridOf(odd).columns === gridOf(odd).columns - 1 ? 0 : whole,
      );
      const holding = { shown: grey(50, odd).data, key: grey(50, odd).data, keyGreen: grey(50, odd).data };
      hold({ ...holding, still, glides: cells.map(() => 0) }, grey(150, odd), grey(90, odd).data);
      expect(holding.shown[0]).toBe(50);
      expect(holding.shown.at(-1)).toBeGreaterThan(100);
    }
  });
});
