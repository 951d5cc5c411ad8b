import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocked } from '../../../src/models/engines/blocked.js';
import { halfResolution } from '../../../src/models/engines/half-resolution.js';
import { asWritten } from '../../../src/models/engines/lowered.js';
import { blockSize } from '../../../src/models/engines/onnx-block-size.js';
import { loadRuntime } from '../../../src/models/engines/onnx-session.js';
import { mixedFilters, tilesOf, type Winograd, winogradFor } from '../../../src/models/engines/winograd.js';
import { NetBuilder, type NetSpec, type NodeOf } from '../../../src/models/net.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Size } from '../../../src/models/pixels.js';
import { expectSamePainting, paintLowered } from '../../suites/lowered.js';
import { reference } from '../../suites/reference.js';
import { seededWeights } from '../../suites/weights.js';

const block = await blockSize(await loadRuntime('cpu'));
const outputs = ['picture'];
const conv: NodeOf<'conv'> = {
  ...{ op: 'conv', in: 'x', out: 'y', weight: 'w' },
  ...{ stride: 1, pad: 1, padMode: 'reflect' },
};
const shape = [64, 64, 3, 3];
const wayFor = (height: number) => winogradFor(conv, shape, height, 8)!;

const lower = (net: NetSpec, size: Size) =>
  blocked(halfResolution(net, outputs, size) ?? asWritten(net, outputs, size), block!);
const mixing = (net: NetSpec, size: Size) =>
  lower(net, size)!.nodes.filter((node) => node.op === 'blockConv' && node.way);

const numbers = (count: number) =>
  fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: count, maxLength: count });
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

describe('mixtures of rows', () => {
  it.each([
    [4, 8],
    [6, 12],
    [6, 18],
    [6, 90],
    [4, 16],
    [6, 64],
  ])('make %i rows at a time of %i', (rows, height) => {
    expect(wayFor(height).rows).toBe(rows);
    expect(tilesOf(wayFor(height), height)).toBe(Math.ceil(height / rows));
  });

  it.each([wayFor(8), wayFor(90)])('yield what three rows of a filter do', (way: Winograd) => {
    fc.assert(
      fc.property(numbers(way.rows + 2), numbers(3), (input, filter) => {
        const products = way.input.map((row, k) => dot(row, input) * dot(way.filter[k]!, filter));
        way.output.forEach((row, y) => {
          expect(dot(row, products)).toBeCloseTo(dot(filter, input.slice(y, y + 3)), 9);
        });
      }),
    );
  });

  it('are of filters in blocks, one mixture after the other', () => {
    const way = wayFor(8);
    const data = Float32Array.from({ length: 64 * 64 * 9 }, (_, i) => Math.sin(i));
    const { shape: made, data: mixed } = mixedFilters(way, { shape, data }, 8);
    expect(made).toEqual([way.input.length * 64, 64, 1, 3]);
    for (const [k, out, input, column] of [
      [0, 0, 0, 0],
      [1, 9, 3, 2],
      [4, 63, 40, 1],
      [5, 17, 63, 0],
    ] as const) {
      const taps = [0, 3, 6].map((row) => data[(out * 64 + input) * 9 + row + column]!);
      const groups = (k * 8 + Math.floor(out / 8)) * 8 + Math.floor(input / 8);
      const place = ((groups * 3 + column) * 8 + (input % 8)) * 8 + (out % 8);
      expect(mixed[place]).toBeCloseTo(dot(way.filter[k]!, taps), 5);
    }
  });

  it('are for convolutions of many channels alone, in full blocks, with a reflected border and nothing added', () => {
    expect(winogradFor(conv, shape, 32, 16)).toBeDefined();
    expect(winogradFor(conv, [32, 32, 3, 3], 32, 8)).toBeUndefined();
    expect(winogradFor(conv, [64, 72, 3, 3], 32, 16)).toBeUndefined();
    expect(winogradFor(conv, [64, 64, 5, 5], 32, 8)).toBeUndefined();
    expect(winogradFor({ ...conv, stride: 2 }, shape, 32, 8)).toBeUndefined();
    expect(winogradFor({ ...conv, padMode: 'zero' }, shape, 32, 8)).toBeUndefined();
    expect(winogradFor({ ...conv, bias: 'b' }, shape, 32, 8)).toBeUndefined();
  });
});

describe.skipIf(!block)('a net by mixtures of rows (skipped where there are no blocks)', () => {
  it('has its residual convolutions so where they are wide, and no other', () => {
    const size = { width: 24, height: 16 };
    expect(mixing(transformNet({ base: 16, residuals: 3 }), size)).toHaveLength(6);
    expect(mixing(transformNet({ base: 8 }), size)).toEqual([]);
  });

  it('paints what the net paints, for any size and weights', async () => {
    const sides = fc.integer({ min: 2, max: 15 }).map((n) => 4 * n);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(16, 20, 32),
        fc.integer({ min: 1, max: 3 }),
        sides,
        sides,
        fc.nat(1000),
        async (base, residuals, width, height, seed) => {
          await expectSamePainting(transformNet({ base, residuals }), { width, height }, lower, seed);
        },
      ),
      { numRuns: 8 },
    );
  }, 60_000);

  it('where no other norm stands than that of the convolution itself', async () => {
    const net = new NetBuilder();
    const wide = net.conv(net.push('fromRgb8', { in: 'content' }), 'wide', { in: 3, out: 64, size: 3 });
    const mixed = net.conv(wide, 'mixed', { in: 64, out: 64, size: 3 });
    const normed = net.push('instanceNorm', { in: mixed, epsilon: 1e-5 });
    const last = net.conv(normed, 'last', { in: 64, out: 3, size: 3 });
    const picture = net.push('toRgb8', { in: net.push('sigmoid', { in: last }) });
    const spec = net.build({ name: 'alone', inputs: ['content'], outputs: { picture }, stride: 1 });
    const size = { width: 11, height: 13 };
    expect(mixing(spec, size)).toHaveLength(1);
    await expectSamePainting(spec, size, lower);
  });

  const size = { width: 64, height: 48 };
  it.each<[string, (i: number) => number]>([
    ['black', () => 0],
    ['grey', () => 131],
    ['white with a grain of one level', (i) => 254 + ((i * 7919) % 5 === 0 ? 1 : 0)],
    ['grey with one pixel one level brighter', (i) => (i === 1200 ? 251 : 250)],
    ['a slope of a few levels', (i) => 200 + Math.floor((i % size.width) / 16)],
  ])(
    'paints to the byte in double precision, for a picture that is %s',
    async (_, level) => {
      const data = Uint8Array.from({ length: 3 * size.width * size.height }, (_, i) => level(i));
      const net = transformNet({ base: 16, residuals: 5 });
      const params = new Map([...seededWeights(net, 'net', 2), ...seededWeights(net, 'style', 3)]);
      const truth = reference(net, params, { ...size, data }).picture!.data;
      const made = await paintLowered(net, { ...size, data }, lower(net, size), true, 2);
      expect(made.every((byte, i) => Math.abs(byte - truth[i]!) <= 1)).toBe(true);
      expect(made.filter((byte, i) => byte !== truth[i]).length / made.length).toBeLessThan(0.3);
    },
    30_000,
  );
});
