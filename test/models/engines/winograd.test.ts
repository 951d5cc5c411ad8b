import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Order, orderOf } from '../../../src/models/engines/blocks.js';
import { lower as lowerFor } from '../../../src/models/engines/lower.js';
import { blockSize } from '../../../src/models/engines/onnx-block-size.js';
import { loadRuntime } from '../../../src/models/engines/onnx-session.js';
import {
  fewInputsWay,
  fewOutputsWay,
  inputTilesOf,
  mixedBias,
  mixedFilters,
  tilesOf,
  type Winograd,
  winogradFor,
} from '../../../src/models/engines/winograd.js';
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

const lower = (net: NetSpec, size: Size) => lowerFor(net, outputs, size, { block });
const mixing = (net: NetSpec, size: Size) =>
  lower(net, size)!.nodes.flatMap((node) => (node.op === 'mixedBlockConv' ? [node.weight] : []));

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

  it.each([
    ['3 rows by 4', wayFor(8)],
    ['3 rows by 6', wayFor(90)],
    ['9 rows by 6', fewInputsWay([8, 3, 9, 9], 16, 8)!],
    ['7 rows by 5', fewOutputsWay([3, 8, 7, 7], 16, 8)!],
    ['9 rows by 5', fewOutputsWay([3, 8, 9, 9], 16, 8)!],
  ])('yield what a filter of %s does, over several tiles', (_, way: Winograd) => {
    const height = 3 * way.rows;
    const read = way.step * (inputTilesOf(way, height) - 1) + way.input.length;
    fc.assert(
      fc.property(numbers(read), numbers(way.size), (input, filter) => {
        const products = Array.from({ length: tilesOf(way, height) }, (_, tile) =>
          way.input.map((row, k) =>
            Array.from({ length: way.parts }, (_, part) => {
              const first = tile * way.rows + part * way.taps;
              const taps = filter.slice(part * way.taps, (part + 1) * way.taps);
              return dot(row, input.slice(first)) * dot(taps, way.filter[k]!);
            }).reduce((sum, x) => sum + x),
          ),
        );
        for (let y = 0; y < height; y++) {
          const made = dot(way.output[y % way.rows]!, products[Math.floor(y / way.rows)]!);
          expect(made).toBeCloseTo(dot(filter, input.slice(y)), 7);
        }
      }),
    );
  });

  const data = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));

  it('are of filters in blocks, one mixture after the other', () => {
    const way = wayFor(8);
    const filters = data(64 * 64 * 9);
    const order = orderOf(64, 8);
    const made = mixedFilters(way, { shape, data: filters }, { block: 8, outs: order, ins: order });
    expect(made.shape).toEqual([way.input.length * 64, 64, 1, 3]);
    for (const [k, out, input, column] of [
      [0, 0, 0, 0],
      [1, 9, 3, 2],
      [4, 63, 40, 1],
      [5, 17, 63, 0],
    ] as const) {
      const taps = [0, 3, 6].map((row) => filters[(out * 64 + input) * 9 + row + column]!);
      const groups = (k * 8 + Math.floor(out / 8)) * 8 + Math.floor(input / 8);
      const place = ((groups * 3 + column) * 8 + (input % 8)) * 8 + (out % 8);
      expect(made.data[place]).toBeCloseTo(dot(way.filter[k]!, taps), 5);
    }
  });

  it('are of filters in several parts, on plain channels, with blocks that are filled up', () => {
    const way = fewInputsWay([8, 3, 7, 7], 16, 8)!;
    const filters = data(5 * 3 * 7 * 2);
    const outs: Order = [4, 3, 2, 1, 0, -1, -1, -1];
    const made = mixedFilters(
      way,
      { shape: [5, 3, 7, 2], data: filters },
      { block: 8, outs, ins: undefined },
    );
    expect(made.shape).toEqual([8 * 8, 3, 3, 2]);
    for (const [k, lane, input, part, column] of [
      [0, 0, 0, 0, 0],
      [3, 4, 2, 1, 1],
      [7, 1, 1, 2, 0],
    ] as const) {
      const taps = [0, 1, 2].map((tap) => {
        const row = 3 * part + tap;
        return row < 7 ? filters[((outs[lane]! * 3 + input) * 7 + row) * 2 + column]! : 0;
      });
      const place = (((k * 3 + input) * 3 + part) * 2 + column) * 8 + lane;
      expect(made.data[place]).toBeCloseTo(dot(way.filter[k]!, taps), 5);
    }
    expect(made.data.filter((_, i) => i % 8 > 4).every((value) => value === 0)).toBe(true);
  });

  it('are there for each of two runs of tiles where those of one would not fill blocks', () => {
    const way = fewInputsWay([8, 3, 9, 9], 16, 16)!;
    expect(way.runs).toBe(2);
    expect(fewInputsWay([8, 4, 9, 9], 16, 16)!.runs).toBe(1);
    expect([6, 12, 18, 90].map((height) => tilesOf(way, height))).toEqual([1, 1, 2, 8]);
    const outs = orderOf(16, 16);
    const filters = { shape: [16, 3, 9, 10], data: data(16 * 3 * 90) };
    const blocks = { block: 16, outs, ins: undefined };
    const [once, twice] = [{ ...way, runs: 1 }, way].map((way) => mixedFilters(way, filters, blocks));
    expect(twice!.shape).toEqual([2 * once!.shape[0]!, ...once!.shape.slice(1)]);
    const each = once!.data.length / way.input.length;
    for (const k of [0, 3, 7])
      for (const run of [0, 1])
        expect(twice!.data.slice((2 * k + run) * each, (2 * k + run + 1) * each)).toEqual(
          once!.data.slice(k * each, (k + 1) * each),
        );
    const bias = mixedBias(way, { shape: [1], data: Float32Array.of(7) }).data;
    expect([...bias]).toEqual([0, 0, 7, 7, ...new Array(12).fill(0)]);
  });

  it('add a bias once to every row', () => {
    const way = fewOutputsWay([3, 8, 9, 9], 16, 8)!;
    const bias = [2, -3, 5];
    const { data: mixed } = mixedBias(way, { shape: [3], data: Float32Array.from(bias) });
    for (const row of way.output)
      for (const [channel, value] of bias.entries())
        expect(
          dot(
            row,
            way.input.map((_, k) => mixed[3 * k + channel]!),
          ),
        ).toBeCloseTo(value, 6);
  });

  it('are for convolutions of many channels, in full blocks, with a reflected border and nothing added', () => {
    expect(winogradFor(conv, shape, 32, 16)).toBeDefined();
    expect(winogradFor(conv, [32, 32, 3, 3], 32, 8)).toBeDefined();
    expect(winogradFor(conv, [24, 24, 3, 3], 32, 8)).toBeUndefined();
    expect(winogradFor(conv, [64, 72, 3, 3], 32, 16)).toBeUndefined();
    expect(winogradFor(conv, [64, 64, 5, 5], 32, 8)).toBeUndefined();
    expect(winogradFor({ ...conv, stride: 2 }, shape, 32, 8)).toBeUndefined();
    expect(winogradFor({ ...conv, padMode: 'zero' }, shape, 32, 8)).toBeUndefined();
    expect(winogradFor({ ...conv, bias: 'b' }, shape, 32, 8)).toBeUndefined();
  });

  it('want more channels where a block has more', () => {
    expect(winogradFor(conv, [32, 32, 3, 3], 32, 16)).toBeUndefined();
    expect(winogradFor(conv, [64, 64, 3, 3], 32, 16)).toBeDefined();
  });

  it.each([8, 16])('are for large filters whose rows fill blocks of %i channels', (block) => {
    expect(fewInputsWay([8, 3, 9, 9], 16, block)).toBeDefined();
    expect(fewInputsWay([8, 3, 5, 5], 16, block)).toBeUndefined();
    expect(fewInputsWay([6, 3, 9, 9], 12, block)).toBeUndefined();
    expect(fewInputsWay([4, 3, 9, 9], 8, block)).toBeUndefined();
    expect(fewOutputsWay([3, 8, 9, 9], 16, block)).toBeDefined();
    expect(fewOutputsWay([3, 8, 5, 5], 16, block)).toBeUndefined();
    expect(fewOutputsWay([3, 6, 9, 9], 12, block)).toBeUndefined();
  });
});

describe.skipIf(!block)('a net by mixtures of rows (skipped where there are no blocks)', () => {
  it('has its large filters so, and all others where they are wide', () => {
    const size = { width: 24, height: 16 };
    const named = (...layers: string[]) => layers.map((layer) => `${layer}.weight`);
    const by = (base: number) => mixing(transformNet({ base, residuals: 1 }), size).sort();
    const [large, inner, all] = [
      named('first', 'last'),
      named('first', 'last', 'res0a', 'res0b', 'up1'),
      named('down1', 'first', 'last', 'res0a', 'res0b', 'up1', 'up2'),
    ];
    expect(by(8)).toEqual(block === 8 ? inner.slice(0, -1) : large);
    expect(by(16)).toEqual(block === 8 ? inner : inner.slice(0, -1));
    expect(by(32)).toEqual(block === 8 ? all : inner);
    expect(mixing(transformNet({ base: 4 }), size)).toEqual([]);
  });

  it('paints what the net paints, for any size and weights', async () => {
    const sides = fc.integer({ min: 2, max: 15 }).map((n) => 4 * n);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(8, 16, 20, 32),
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
    expect(mixing(spec, size)).toEqual(['mixed.weight']);
    await expectSamePainting(spec, size, lower);
  });

  it.each([
    ['nothing but relu stands between them', false],
    ['a norm between them has to be plain', true],
  ])('where large filters alone make it, and %s', async (_, plain) => {
    const net = new NetBuilder();
    let x = net.push('fromRgb8', { in: 'content' });
    x = net.conv(x, 'first', { in: 3, out: 8, size: 7 }, { bias: net.param('first.bias', [8]) });
    const scale = net.param('scale', [8]);
    if (plain) for (let i = 0; i < 2; i++) x = net.push('instanceNorm', { in: x, epsilon: 1e-5, scale });
    x = net.push('relu', { in: x });
    x = net.conv(x, 'last', { in: 8, out: 3, size: 7 }, { bias: net.param('last.bias', [3]) });
    const picture = net.push('toRgb8', { in: net.push('sigmoid', { in: x }) });
    const spec = net.build({ name: 'large', inputs: ['content'], outputs: { picture }, stride: 4 });
    const size = { width: 20, height: 28 };
    expect(mixing(spec, size)).toEqual(plain ? [] : ['first.weight', 'last.weight']);
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
