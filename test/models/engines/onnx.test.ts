import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bound, Engine, Painter } from '../../../src/models/engine.js';
import { openOnnx, probeOnnx } from '../../../src/models/engines/onnx.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { describeEngine } from '../../suites/engine.js';
import { seededPicture, seededWeights } from '../../suites/weights.js';

describeEngine('onnx/cpu', () => openOnnx());

it('is present wherever its package is', async () => {
  expect(await probeOnnx()).toMatchObject({ name: 'onnx/cpu', present: true });
});

describe('styles that take turns, on onnx/cpu', () => {
  const net = transformNet({ base: 8, residuals: 1 });
  const pixels = seededPicture({ width: 16, height: 12 });
  let engine: Engine;
  let painter: Painter;
  beforeAll(async () => {
    engine = await openOnnx();
    painter = await engine.painter(net, seededWeights(net, 'net'), pixels);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  const paint = async (style: Bound) => (await painter.paint([{ pixels, style }]))[0]!.data;

  it('paint the same at every turn, whatever becomes of the others and of their own numbers', async () => {
    const numbers = seededWeights(net, 'style', 2);
    using one = await painter.bind(numbers);
    for (const { data } of numbers.values()) data.fill(0);
    const two = await painter.bind(seededWeights(net, 'style', 3));
    const [first, other] = [await paint(one), await paint(two)];
    expect(first).not.toEqual(other);
    expect(await paint(one)).toEqual(first);
    expect(await paint(two)).toEqual(other);
    two[Symbol.dispose]();
    expect(await paint(one)).toEqual(first);
    using again = await painter.bind(seededWeights(net, 'style', 3));
    expect(await paint(again)).toEqual(other);
  });

  it('paint what was asked for before the painter is closed', async () => {
    const closing = await engine.painter(net, seededWeights(net, 'net'), pixels);
    const style = await closing.bind(seededWeights(net, 'style', 2));
    const calls = Array.from({ length: 20 }, () => closing.paint([{ pixels, style }]));
    const closed = closing[Symbol.asyncDispose]();
    const painted = await Promise.all(calls);
    for (const [picture] of painted) expect(picture!.data).toEqual(painted[0]![0]!.data);
    await closed;
  });
});
