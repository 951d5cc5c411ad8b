import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput } from '../../src/errors.js';
import type { Bound, Engine, Painter, Styler } from '../../src/models/engine.js';
import { NetBuilder, type NetSpec, styleParams } from '../../src/models/net.js';
import { metaNet } from '../../src/models/nets/metanet.js';
import { type TransformOptions, transformNet } from '../../src/models/nets/transform.js';
import type { Pixels } from '../../src/models/pixels.js';
import type { Weights } from '../../src/models/weights.js';
import { reference } from './reference.js';
import { seededPicture, seededWeights } from './weights.js';

export interface EngineSuiteOptions {
  /** Why the suite cannot run on this machine; shown with its name. */
  readonly skip?: string | false;
  /** How far the engine may be from the reference, in steps of 255. */
  readonly tolerance?: { readonly mean: number; readonly max: number };
  /** The engine computes nothing, so only what it does with its callers is tested. */
  readonly numb?: boolean;
  /** Every run takes seconds on this engine: the reference is met on fewer nets, fewer pictures are painted. */
  readonly slow?: boolean;
}

const size = { width: 20, height: 16 };
const transform = transformNet({ base: 2, residuals: 0 });
const base = seededWeights(transform, 'net', 1);
const style = (seed: number) => seededWeights(transform, 'style', seed);
const meta = metaNet(transform, { hidden: 8, group: 4 });
const metaWeights = seededWeights(meta, 'net', 4);

/** A net that is no use but has every op that a TransformNet does not, and each op's other forms. */
function everyOpNet(): NetSpec {
  const net = new NetBuilder();
  const x = net.push('fromRgb8', { in: 'style' });
  const zero = net.conv(x, 'zero', { in: 3, out: 4, size: 3 }, { padMode: 'zero', stride: 2 });
  const wide = net.conv(
    x,
    'wide',
    { in: 3, out: 4, size: 5 },
    { stride: 2, bias: net.param('wide.bias', [4]) },
  );
  const normed = net.push('instanceNorm', { in: wide, epsilon: 1e-5 });
  const joined = net.push('concat', { ins: [net.push('tanh', { in: zero }), normed] });
  const most = net.push('pool', { in: joined, kind: 'max', size: 2 });
  const mean = net.push('pool', { in: joined, kind: 'average', size: 3 });
  const large = net.push('upsample', { in: net.push('sigmoid', { in: mean }), scale: 3 });
  const flat = net.conv(large, 'flat', { in: 8, out: 3, size: 1 });
  const rows = [most, large, flat].map((name) => net.push('meanStd', { in: name, epsilon: 1e-5 }));
  const row = net.push('dropout', { in: net.push('concat', { ins: rows }), rate: 0.5 });
  const hidden = net.dense(row, 'hidden', { in: 38, out: 12 });
  const part = net.push('slice', { in: hidden, from: 3, to: 9 });
  const both = net.push('add', { in: part, with: net.push('slice', { in: row, from: 0, to: 6 }) });
  const outputs = {
    last: net.push('affine', { in: net.push('tanh', { in: both }), scale: 0.5, shift: -0.25 }),
    rows: row,
    bare: net.push('dense', { in: hidden, weight: net.param('bare.weight', [2, 12]) }),
  };
  return net.build({ name: 'every-op', inputs: ['style'], outputs });
}

function difference(a: Pixels, truth: ArrayLike<number>): { mean: number; max: number } {
  const gaps = Array.from(a.data, (byte, i) => Math.abs(byte - truth[i]!));
  return { mean: gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length, max: Math.max(...gaps) };
}

/** What every engine must do. `open` is called once; the suite closes what it opens, and compiles as little as it can. */
export function describeEngine(
  name: string,
  open: () => Promise<Engine>,
  { skip, numb = false, slow = false, tolerance = { mean: 0.5, max: 3 } }: EngineSuiteOptions = {},
): void {
  const timeout = slow ? 300_000 : 60_000;
  describe.skipIf(skip)(`engine ${name}${skip ? ` (${skip})` : ''}`, { timeout }, () => {
    const pixels = seededPicture(size);
    let engine: Engine;
    let painter: Painter;
    let styler: Styler;
    let one: Bound;
    let two: Bound;
    beforeAll(async () => {
      engine = await open();
      painter = await engine.painter(transform, base, size);
      styler = await engine.styler(meta, metaWeights);
      one = await painter.bind(style(2));
      two = await painter.bind(style(3));
    }, timeout);
    afterAll(() => engine?.[Symbol.asyncDispose]());

    const paint = async (picture: Pixels, bound: Bound): Promise<Uint8Array> =>
      (await painter.paint([{ pixels: picture, style: bound }]))[0]!.data;

    it('names itself', () => {
      expect(engine.name).toBe(name);
      expect(painter.size).toEqual(size);
    });

    it('paints bytes of the same size and leaves the picture it was given alone', async () => {
      const before = pixels.data.slice();
      const [painted] = await painter.paint([{ pixels, style: one }]);
      expect(painted).toMatchObject(size);
      expect(painted!.data).toBeInstanceOf(Uint8Array);
      expect(painted!.data).toHaveLength(3 * size.width * size.height);
      expect(pixels.data).toEqual(before);
    });

    it('paints the same twice, into memory that stays the caller’s own', async () => {
      const first = await paint(pixels, one);
      const copy = first.slice();
      await paint(seededPicture(size, 9), one);
      const again = await paint(pixels, one);
      expect(first).toEqual(copy);
      expect(again).toEqual(copy);
      first.fill(0);
      expect(again).toEqual(copy);
    });

    it('paints each picture of a batch in its own style, in order', async () => {
      const batch = [
        { pixels, style: one },
        { pixels, style: two },
        { pixels: seededPicture(size, 5), style: one },
      ];
      const painted = await painter.paint(batch);
      expect(painted).toHaveLength(3);
      for (const [i, item] of batch.entries())
        expect(painted[i]!.data).toEqual(await paint(item.pixels, item.style));
      if (!numb) expect(painted[0]!.data).not.toEqual(painted[1]!.data);
      expect(await painter.paint([])).toEqual([]);
    });

    it('binds a style ahead while another paints', async () => {
      const before = await paint(pixels, one);
      const painting = paint(pixels, one);
      const ahead = await painter.bind(style(4));
      expect(await painting).toEqual(before);
      await paint(pixels, ahead);
      ahead[Symbol.dispose]();
      expect(await paint(pixels, one)).toEqual(before);
    });

    it('keeps a bound style as it was when its owner changes the numbers afterwards', async () => {
      const weights = style(2);
      using bound = await painter.bind(weights);
      for (const { data } of weights.values()) data.fill(0);
      expect(await paint(pixels, bound)).toEqual(await paint(pixels, one));
    });

    it('paints two sizes side by side', async () => {
      const tall = { width: 12, height: 20 };
      await using other = await engine.painter(transform, base, tall);
      using there = await other.bind(style(2));
      const [[wide], [high]] = await Promise.all([
        painter.paint([{ pixels, style: one }]),
        other.paint([{ pixels: seededPicture(tall), style: there }]),
      ]);
      expect(wide).toMatchObject(size);
      expect(high).toMatchObject(tall);
      await expect(painter.paint([{ pixels, style: there }])).rejects.toThrow(BadInput);
    });

    it('answers calls that overlap', async () => {
      const pictures = (slow ? [1, 2] : [1, 2, 3, 4]).map((seed) => seededPicture(size, seed));
      const together = await Promise.all(pictures.map((picture) => paint(picture, one)));
      for (const [i, picture] of pictures.entries()) expect(together[i]).toEqual(await paint(picture, one));
    });

    it('makes style weights shaped as the TransformNet wants them, finite, for any size of picture', async () => {
      const sizes = [
        { width: 5, height: 3 },
        { width: 40, height: 23 },
        { width: 1, height: 1 },
      ];
      for (const given of slow ? sizes.slice(0, 1) : sizes) {
        const weights = await styler.weights(seededPicture(given));
        expect([...weights.keys()].sort()).toEqual(styleParams(transform).sort());
        for (const [param, { shape, data }] of weights) {
          expect(shape).toEqual(transform.params[param]!.shape);
          expect(data.every(Number.isFinite)).toBe(true);
        }
        using bound = await painter.bind(weights);
        expect(await paint(pixels, bound)).toHaveLength(pixels.data.length);
      }
    });

    it('closes twice without harm, lets a picture under way finish, and refuses work from then on', async () => {
      const closing = await engine.painter(transform, base, size);
      const bound = await closing.bind(style(2));
      const painting = closing.paint([{ pixels, style: bound }]);
      await closing[Symbol.asyncDispose]();
      await closing[Symbol.asyncDispose]();
      expect((await painting)[0]).toMatchObject(size);
      await expect(closing.paint([{ pixels, style: bound }])).rejects.toThrow(BadInput);
      await expect(closing.bind(style(2))).rejects.toThrow(BadInput);
      bound[Symbol.dispose]();
      bound[Symbol.dispose]();

      const closingStyler = await engine.styler(meta, metaWeights);
      await closingStyler[Symbol.asyncDispose]();
      await closingStyler[Symbol.asyncDispose]();
      await expect(closingStyler.weights(pixels)).rejects.toThrow(BadInput);
      expect(await paint(pixels, one)).toHaveLength(pixels.data.length);
    });

    describe('refuses in words', () => {
      it.each([
        ['a picture of another size', seededPicture({ width: 28, height: 24 })],
        ['a picture with too few bytes', { ...size, data: new Uint8Array(100) }],
        ['a picture without sides', { width: 0, height: 0, data: new Uint8Array(0) }],
      ])('%s', async (_, wrong) => {
        await expect(painter.paint([{ pixels: wrong, style: one }])).rejects.toThrow(BadInput);
      });

      it('and paints on afterwards', async () => {
        const wrong = { ...size, data: new Uint8Array(100) };
        await expect(painter.paint([{ pixels: wrong, style: one }])).rejects.toThrow(BadInput);
        expect(await paint(pixels, one)).toHaveLength(pixels.data.length);
      });

      it('a style that was disposed', async () => {
        const disposed = await painter.bind(style(2));
        disposed[Symbol.dispose]();
        await expect(painter.paint([{ pixels, style: disposed }])).rejects.toThrow(BadInput);
      });

      it('style weights that do not fit the net', async () => {
        const [param, tensor] = [...style(2)][0]!;
        const bad: Weights[] = [
          new Map(),
          new Map([...style(2), ['stranger', tensor]]),
          new Map([...style(2), [param, { ...tensor, shape: [1] }]]),
          new Map([...style(2), [param, { ...tensor, data: tensor.data.map(() => Number.NaN) }]]),
        ];
        for (const weights of bad) await expect(painter.bind(weights)).rejects.toThrow(BadInput);
      });

      it('base weights that do not fit the net', async () => {
        await expect(engine.painter(transform, new Map(), size)).rejects.toThrow(BadInput);
        await expect(engine.styler(meta, base)).rejects.toThrow(BadInput);
      });

      it.each([
        { width: 33, height: 24 },
        { width: 4, height: 4 },
        { width: 0, height: 24 },
        { width: Number.NaN, height: 24 },
        { width: 2 ** 24, height: 2 ** 24 },
      ])('a painter of $width x $height', async (wrong) => {
        await expect(engine.painter(transform, base, wrong)).rejects.toThrow(BadInput);
      });

      it('a net that does not paint', async () => {
        await expect(engine.painter(meta, metaWeights, size)).rejects.toThrow(BadInput);
      });

      it('a style picture with too few bytes', async () => {
        await expect(styler.weights({ ...size, data: new Uint8Array(5) })).rejects.toThrow(BadInput);
      });
    });

    describe.skipIf(numb)('agrees with the reference', () => {
      const forms: Partial<TransformOptions>[] = [
        {},
        { generated: 'none', affine: 'net', output: 'tanh' },
        { generated: 'residual', affine: 'none', output: 'linear' },
        { generated: 'all', affine: 'style', residuals: 0 },
        { generated: 'residual', affine: 'generated' },
        { generated: 'none', affine: 'style', epsilon: 1e-3 },
        { base: 9, even: true, generated: 'none', affine: 'none', output: 'tanh', epsilon: 1e-9 },
      ];
      it.each(slow ? forms.slice(0, 1) : forms)('on a TransformNet with %o', async (form) => {
        const net = transformNet({ base: 2, residuals: 1, ...form });
        const own = seededWeights(net, 'net', 6);
        const look = seededWeights(net, 'style', 7);
        const picture = seededPicture(size, 8);
        await using reader = await engine.painter(net, own, size);
        using bound = await reader.bind(look);
        const [painted] = await reader.paint([{ pixels: picture, style: bound }]);
        const truth = reference(net, new Map([...own, ...look]), picture).picture!;
        expect(new Set(truth.data).size).toBeGreaterThan(50);
        const gap = difference(painted!, truth.data);
        expect(gap.mean).toBeLessThan(tolerance.mean);
        expect(gap.max).toBeLessThan(tolerance.max);
      });

      const nets: [what: string, net: NetSpec][] = [
        ['every op', everyOpNet()],
        ['a MetaNet', meta],
        ['a MetaNet without hidden layer', metaNet(transform, { hidden: 0, group: 3 })],
      ];
      it.each(slow ? nets.slice(0, 1) : nets)('on %s', async (_, net) => {
        const own = seededWeights(net, 'net', 10);
        const picture = seededPicture({ width: 29, height: 22 }, 11);
        await using reader = await engine.styler(net, own);
        const made = await reader.weights(picture);
        const truth = reference(net, own, picture);
        expect([...made.keys()].sort()).toEqual(Object.keys(truth).sort());
        for (const [output, { data }] of made)
          for (const [i, number] of truth[output]!.data.entries())
            expect(Math.abs(data[i]! - number), `${output}[${i}]`).toBeLessThan(
              1e-3 * (1 + Math.abs(number)),
            );
      });
    });
  });
}
