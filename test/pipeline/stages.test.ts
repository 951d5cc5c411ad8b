import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { blank, type Pixels } from '../../src/models/pixels.js';
import type { Weights } from '../../src/models/weights.js';
import { type Frame, frame, framesAlive } from '../../src/pipeline/frame.js';
import type { Look } from '../../src/pipeline/look.js';
import { blend } from '../../src/pipeline/stages/blend.js';
import { type Resample, resize } from '../../src/pipeline/stages/resize.js';
import { Stylize, type StylizeOptions } from '../../src/pipeline/stages/stylize.js';
import { AddingPainter, adding, grey, tick } from './doubles.js';

const luma = (r: number, g: number, b: number) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
const rgb = (r: number, g: number, b: number): Pixels => ({
  data: Uint8Array.of(r, g, b),
  width: 1,
  height: 1,
});
const byte = fc.nat(255);
const colour = fc.tuple(byte, byte, byte);
/** Nearest neighbour, good enough to see sizes and corners. */
const nearest: Resample = async (from, to) => {
  const out = blank(to);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < to.height; y++)
      for (let x = 0; x < to.width; x++) {
        const sy = Math.floor((y * from.height) / to.height);
        const sx = Math.floor((x * from.width) / to.width);
        out.data[(c * to.height + y) * to.width + x] = from.data[(c * from.height + sy) * from.width + sx]!;
      }
  return out;
};

function studio(options: Partial<Pick<StylizeOptions, 'work' | 'due'>> = {}, pause?: () => Promise<void>) {
  const painters: AddingPainter[] = [];
  const state: { look: Look } = {
    look: { weights: adding(10), strength: 1, keepColor: 0, steady: 0, show: 'paint' },
  };
  const stage = new Stylize({
    stride: 4,
    look: () => state.look,
    open: async (size) => {
      const painter = new AddingPainter(size, pause);
      painters.push(painter);
      return painter;
    },
    ...options,
  });
  const paint = async (pixels: Pixels, timestamp = 0) => {
    using from: Frame = frame(pixels, timestamp);
    using to = await stage.run(from);
    return { data: [...to.data], width: to.width, height: to.height, timestamp: to.timestamp };
  };
  return { stage, painters, state, paint };
}

afterEach(() => expect(framesAlive()).toBe(0));

describe('blend', () => {
  it('is the source at strength 0 and the painting at strength 1', () => {
    fc.assert(
      fc.property(colour, colour, (s, p) => {
        const [source, painting] = [rgb(...s), rgb(...p)];
        expect(blend(source, painting, { strength: 0, keepColor: 0 }).data).toEqual(source.data);
        expect(blend(source, painting, { strength: 0, keepColor: 1 }).data).toEqual(source.data);
        expect(blend(source, painting, { strength: 1, keepColor: 0 }).data).toEqual(painting.data);
      }),
    );
  });

  it('lies between source and painting in proportion to the strength', () => {
    fc.assert(
      fc.property(colour, colour, fc.double({ min: 0, max: 1, noNaN: true }), (s, p, strength) => {
        const { data } = blend(rgb(...s), rgb(...p), { strength, keepColor: 0 });
        for (let i = 0; i < 3; i++)
          expect(Math.abs(data[i]! - (s[i]! + strength * (p[i]! - s[i]!)))).toBeLessThan(0.51);
      }),
    );
  });

  it('keeps the colour differences of the source and takes the luma of the painting', () => {
    const [r, g, b] = blend(rgb(100, 120, 90), rgb(200, 150, 30), { strength: 1, keepColor: 1 }).data;
    expect(Math.abs(luma(r!, g!, b!) - luma(200, 150, 30))).toBeLessThan(1.5);
    expect([g! - r!, b! - r!]).toEqual([20, -10]);
  });

  it('clips instead of wrapping around', () => {
    const bright = blend(rgb(250, 10, 10), rgb(255, 255, 255), { strength: 1, keepColor: 1 });
    expect(bright.data[0]).toBe(255);
    const dark = blend(rgb(10, 250, 250), rgb(0, 0, 0), { strength: 1, keepColor: 1 });
    expect(dark.data[0]).toBe(0);
  });

  it('handles every pixel of a picture alike', () => {
    const mixed = blend(grey(100, { width: 33, height: 7 }), grey(200, { width: 33, height: 7 }), {
      strength: 0.5,
      keepColor: 0.5,
    });
    expect([...new Set(mixed.data)]).toEqual([150]);
  });
});

describe('resize', () => {
  it('brings frames to the size and passes those that have it', async () => {
    const stage = resize({ width: 8, height: 4 }, nearest);
    using small = frame(grey(7), 5);
    using grown = await stage.run(small);
    expect(grown).toMatchObject({ width: 8, height: 4, timestamp: 5 });
    using same = await stage.run(grown);
    expect(same.data).toBe(grown.data);
  });
});

describe('stylize', () => {
  it('paints any size, one pixel included, and gives back that size and time', async () => {
    for (const size of [
      { width: 1, height: 1 },
      { width: 3, height: 50 },
      { width: 33, height: 31 },
      { width: 64, height: 36 },
    ]) {
      const { stage, painters, paint } = studio();
      const painted = await paint(grey(5, size), 1234);
      expect(painted).toMatchObject({ ...size, timestamp: 1234 });
      expect(painted.data).toHaveLength(3 * size.width * size.height);
      expect(new Set(painted.data)).toEqual(new Set([15]));
      expect(painters[0]!.size.width % 4).toBe(0);
      expect(Math.min(painters[0]!.size.width, painters[0]!.size.height)).toBeGreaterThanOrEqual(32);
      await stage[Symbol.asyncDispose]();
    }
  });

  it('keeps every pixel where it was', async () => {
    const { stage, paint } = studio();
    const from = blank({ width: 37, height: 35 });
    for (const i of from.data.keys()) from.data[i] = (i * 31) % 200;
    expect((await paint(from)).data).toEqual([...from.data].map((value) => value + 10));
    await stage[Symbol.asyncDispose]();
  });

  it('reads its look anew at every frame and binds a style once', async () => {
    const { stage, painters, state, paint } = studio();
    const [one, two] = [adding(1), adding(2)];
    const seen: number[] = [];
    for (const weights of [one, two, one, two, one]) {
      state.look = { ...state.look, weights };
      seen.push((await paint(grey(0))).data[0]!);
    }
    expect(seen).toEqual([1, 2, 1, 2, 1]);
    expect(painters[0]!.binds).toBe(2);
    await stage[Symbol.asyncDispose]();
  });

  it('holds few styles at once and none at the end', async () => {
    const { stage, painters, state, paint } = studio();
    for (let i = 0; i < 20; i++) {
      state.look = { ...state.look, weights: adding(i) };
      expect((await paint(grey(0))).data[0]).toBe(i);
      expect(painters[0]!.bounds).toBeLessThanOrEqual(3);
    }
    await stage[Symbol.asyncDispose]();
    await stage[Symbol.asyncDispose]();
    expect(painters[0]).toMatchObject({ bounds: 0, closed: 1 });
  });

  it('opens another painter for another size and closes the old one', async () => {
    const { stage, painters, paint } = studio();
    await paint(grey(0, { width: 40, height: 40 }));
    await paint(grey(0, { width: 39, height: 38 }));
    expect(painters).toHaveLength(1);
    expect((await paint(grey(0, { width: 80, height: 40 }))).data[0]).toBe(10);
    expect(painters.map(({ closed, bounds }) => [closed, bounds])).toEqual([
      [1, 0],
      [0, 1],
    ]);
    await stage[Symbol.asyncDispose]();
  });

  it('leaves frames alone at strength 0 and blends below 1', async () => {
    const { stage, painters, state, paint } = studio();
    state.look = { weights: adding(100), strength: 0, keepColor: 1, steady: 0, show: 'paint' };
    expect((await paint(grey(50))).data[0]).toBe(50);
    expect(painters).toHaveLength(0);
    state.look = { weights: adding(100), strength: 0.25, keepColor: 0, steady: 0, show: 'paint' };
    expect((await paint(grey(50))).data[0]).toBe(75);
    await stage[Symbol.asyncDispose]();
  });

  it('paints at its working size and gives back the size of the frame', async () => {
    const { stage, painters, paint } = studio({
      work: {
        sizeFor: () => ({ width: 36, height: 32 }),
        resample: nearest,
      },
    });
    const painted = await paint(grey(5, { width: 100, height: 90 }));
    expect(painters[0]!.size).toEqual({ width: 36, height: 32 });
    expect(painted).toMatchObject({ width: 100, height: 90 });
    expect(new Set(painted.data)).toEqual(new Set([15]));
    await stage[Symbol.asyncDispose]();
  });

  it('passes on what the painter throws and paints the next frame', async () => {
    const { stage, state, paint } = studio();
    state.look = { ...state.look, weights: new Map() as Weights };
    await expect(paint(grey(0))).rejects.toThrow();
    state.look = { ...state.look, weights: adding(3) };
    expect((await paint(grey(0))).data[0]).toBe(3);
    await stage[Symbol.asyncDispose]();
  });

  it('paints as many frames at once as the painter has room for', async () => {
    const { stage, painters, paint } = studio();
    expect(stage.width).toBe(1);
    await paint(grey(0));
    painters[0]!.room = 4;
    painters[0]!.fill = 16;
    expect(stage.width).toBe(16);
    await stage[Symbol.asyncDispose]();
  });

  it('keeps no more live frames in line than are painted side by side, as each would wait for the others', async () => {
    const { stage, painters, paint } = studio({ due: () => ({ deadline: 0 }) });
    await paint(grey(0));
    painters[0]!.room = 2;
    painters[0]!.fill = 16;
    expect(stage.width).toBe(2);
    await stage[Symbol.asyncDispose]();
  });

  it('keeps each of several frames apart, in styles and sizes of their own, and loses no style in use', async () => {
    const waits: (() => void)[] = [];
    const pause = () => new Promise<void>((resolve) => waits.push(resolve));
    const { stage, painters, state, paint } = studio(undefined, pause);
    const sizes = [40, 40, 40, 40, 40, 40, 80, 40].map((width) => ({ width, height: 40 }));
    const painted = sizes.map((size, i) => {
      state.look = { ...state.look, weights: adding(i) };
      return paint(grey(100, size), i);
    });
    // Those that came last are done first.
    let done = false;
    const all = Promise.all(painted).finally(() => {
      done = true;
    });
    while (!done) {
      for (let i = 0; i < 5; i++) await tick();
      waits.pop()?.();
    }
    expect((await all).map(({ data, width, timestamp }) => [data[0], width, timestamp])).toEqual(
      sizes.map(({ width }, i) => [100 + i, width, i]),
    );
    await stage[Symbol.asyncDispose]();
    await tick();
    expect(painters.map(({ bounds, closed }) => [bounds, closed])).toEqual(painters.map(() => [0, 1]));
  });

  it('steadies frames in order, whichever is painted first', async () => {
    const size = { width: 64, height: 48 };
    const scene = (i: number): Pixels => {
      const picture = blank(size);
      for (const at of picture.data.keys()) picture.data[at] = ((at * 31) % 97) + ((at * (i + 7)) % 3);
      return picture;
    };
    const all = Array.from({ length: 12 }, (_, i) => scene(i));
    const steadied = async (together: boolean) => {
      let turn = 0;
      const { stage, state, paint } = studio(undefined, async () => {
        for (let i = (++turn * 5) % 7; i > 0; i--) await tick();
      });
      state.look = { ...state.look, steady: 1 };
      const shown: number[][] = [];
      if (together)
        shown.push(
          ...(await Promise.all(all.map((picture, i) => paint(picture, i)))).map(({ data }) => data),
        );
      else for (const [i, picture] of all.entries()) shown.push((await paint(picture, i)).data);
      await stage[Symbol.asyncDispose]();
      return shown;
    };
    const truth = await steadied(false);
    expect(truth[11]).not.toEqual([...all[11]!.data].map((value) => value + 10));
    expect(await steadied(true)).toEqual(truth);
  });

  it('binds a style again that could not be bound', async () => {
    const { stage, painters, state, paint } = studio();
    await paint(grey(0));
    const weights = adding(7);
    state.look = { ...state.look, weights };
    const { bind } = AddingPainter.prototype;
    painters[0]!.bind = () => Promise.reject(new Error('not now'));
    await expect(paint(grey(0))).rejects.toThrow('not now');
    painters[0]!.bind = bind;
    expect((await paint(grey(0))).data[0]).toBe(7);
    await stage[Symbol.asyncDispose]();
  });
});
