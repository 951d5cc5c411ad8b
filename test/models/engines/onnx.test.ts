import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bound, Engine, Painter } from '../../../src/models/engine.js';
import { openOnnx, probeOnnx } from '../../../src/models/engines/onnx.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { describeEngine } from '../../suites/engine.js';
import { seededPicture, seededWeights } from '../../suites/weights.js';

describeEngine('onnx/cpu', () => openOnnx('cpu'));

it('is present wherever its package is', async () => {
  expect(await probeOnnx('cpu')).toMatchObject({ name: 'onnx/cpu', present: true });
});

describe('a style that stays, on onnx/cpu', () => {
  const net = transformNet({ base: 2, residuals: 1 });
  const pixels = seededPicture({ width: 16, height: 12 });
  let engine: Engine;
  let painter: Painter;
  beforeAll(async () => {
    engine = await openOnnx('cpu');
    painter = await engine.painter(net, seededWeights(net, 'net'), pixels);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  const paint = async (style: Bound) => (await painter.paint([{ pixels, style }]))[0]!.data;
  const often = async (style: Bound, times = 70) => {
    for (let i = 0; i < times; i++) await paint(style);
  };
  /** Another order of additions may round one way or the other. */
  const expectSame = (a: Uint8Array, b: Uint8Array) => {
    expect(a.every((byte, i) => Math.abs(byte - b[i]!) <= 1)).toBe(true);
  };

  it('paints the same from the graph that it is baked into, however styles come and go', async () => {
    using one = await painter.bind(seededWeights(net, 'style', 2));
    const two = await painter.bind(seededWeights(net, 'style', 3));
    const [first, other] = [await paint(one), await paint(two)];
    expect(first).not.toEqual(other);
    await often(one);
    expectSame(await paint(one), first);
    expectSame(await paint(two), other);
    await often(two);
    expectSame(await paint(two), other);
    expectSame(await paint(one), first);
    two[Symbol.dispose]();
    await often(one);
    expectSame(await paint(one), first);
    const three = await painter.bind(seededWeights(net, 'style', 3));
    expectSame(await paint(three), other);
  });

  it('is baked while calls overlap, and with the painter closed at that moment', async () => {
    const closing = await engine.painter(net, seededWeights(net, 'net'), pixels);
    const style = await closing.bind(seededWeights(net, 'style', 2));
    const calls = Array.from({ length: 130 }, () => closing.paint([{ pixels, style }]));
    const painted = await Promise.all(calls);
    for (const [picture] of painted) expectSame(picture!.data, painted[0]![0]!.data);
    const another = await closing.bind(seededWeights(net, 'style', 4));
    for (let i = 0; i < 59; i++) await closing.paint([{ pixels, style: another }]);
    const last = closing.paint([{ pixels, style: another }]).then(
      () => 'painted',
      (error: Error) => error.message,
    );
    await closing[Symbol.asyncDispose]();
    expect(await last).toMatch(/painted|closed/);
  });
});
