import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocked } from '../../../src/models/engines/blocked.js';
import { halfResolution } from '../../../src/models/engines/half-resolution.js';
import { lower } from '../../../src/models/engines/lower.js';
import { asWritten } from '../../../src/models/engines/lowered.js';
import { blockSize } from '../../../src/models/engines/onnx-block-size.js';
import { loadRuntime } from '../../../src/models/engines/onnx-session.js';
import { NetBuilder, type NetSpec } from '../../../src/models/net.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Size } from '../../../src/models/pixels.js';
import { expectSamePainting, motleyNet, paintLowered } from '../../suites/lowered.js';
import { anySize, anyTransform } from '../../suites/nets.js';
import { reference } from '../../suites/reference.js';
import { seededWeights } from '../../suites/weights.js';

const runtime = await loadRuntime('cpu');
const block = await blockSize(runtime);
const outputs = ['picture'];

const inBlocks = (net: NetSpec, size: Size) => blocked(asWritten(net, outputs, size), block!)!;
const cellsInBlocks = (net: NetSpec, size: Size) => {
  const half = halfResolution(net, outputs, size);
  return blocked(half ?? asWritten(net, outputs, size), block!) ?? half;
};
const asPainted = (net: NetSpec, size: Size) => lower(net, outputs, size, { block });

describe('the width of a block', () => {
  it('is 8 or 16 where the library has blocks at all', () => {
    expect([8, 16, undefined]).toContain(block);
  });

  it('is unknown to a runtime that has none', async () => {
    const without = { InferenceSession: { create: () => Promise.reject(new Error('no such domain')) } };
    expect(await blockSize(without as unknown as typeof runtime)).toBeUndefined();
  });
});

describe.skipIf(!block)(
  'a net in blocks paints what the net paints (skipped where there are no blocks)',
  () => {
    const nets = anyTransform(2, 3, 4, 8, 12, 16);

    it('for any TransformNet, size and weights, with cells, with mixtures, and with neither', async () => {
      await fc.assert(
        fc.asyncProperty(nets, anySize(), fc.nat(1000), async (options, size, seed) => {
          const net = transformNet(options);
          for (const lower of [asPainted, cellsInBlocks, inBlocks])
            await expectSamePainting(net, size, lower, seed);
        }),
        { numRuns: 16 },
      );
    }, 60_000);

    it('where blocks meet ops that know none', async () => {
      await expectSamePainting(motleyNet(8), { width: 24, height: 16 }, cellsInBlocks);
      await expectSamePainting(motleyNet(8), { width: 24, height: 16 }, inBlocks);
      await expectSamePainting(motleyNet(8), { width: 24, height: 16 }, asPainted);
    });

    it('where a param is read twice', async () => {
      const net = new NetBuilder();
      const x = net.push('fromRgb8', { in: 'content' });
      const wide = net.conv(x, 'wide', { in: 3, out: 16, size: 3 });
      const scale = net.param('scale', [16]);
      const once = net.push('instanceNorm', { in: wide, epsilon: 1e-5, scale });
      const twice = net.push('instanceNorm', { in: once, epsilon: 1e-5, scale });
      const picture = net.push('toRgb8', {
        in: net.push('sigmoid', { in: net.conv(twice, 'last', { in: 16, out: 3, size: 3 }) }),
      });
      const spec = net.build({ name: 'twice', inputs: ['content'], outputs: { picture } });
      await expectSamePainting(spec, { width: 12, height: 8 }, inBlocks);
    });

    const size = { width: 64, height: 48 };
    it.each<[string, (i: number) => number]>([
      ['black', () => 0],
      ['white with a grain of one level', (i) => 254 + ((i * 7919) % 5 === 0 ? 1 : 0)],
      ['grey with one pixel one level brighter', (i) => (i === 1200 ? 251 : 250)],
      ['a slope of a few levels', (i) => 200 + Math.floor((i % size.width) / 16)],
    ])('to the byte in double precision, for a picture that is %s', async (_, level) => {
      const data = Uint8Array.from({ length: 3 * size.width * size.height }, (_, i) => level(i));
      const net = transformNet({ base: 8, residuals: 2 });
      const params = new Map([...seededWeights(net, 'net', 2), ...seededWeights(net, 'style', 3)]);
      const truth = reference(net, params, { ...size, data }).picture!.data;
      const made = await paintLowered(net, { ...size, data }, asPainted(net, size), true, 2);
      expect(made.every((byte, i) => Math.abs(byte - truth[i]!) <= 1)).toBe(true);
      expect(made.filter((byte, i) => byte !== truth[i]).length / made.length).toBeLessThan(0.3);
    });
  },
);

describe('what stands in blocks', () => {
  const size = { width: 24, height: 16 };
  const lowered = blocked(halfResolution(transformNet({ base: 8, residuals: 1 }), outputs, size)!, 8)!;

  it('is every convolution and norm of a TransformNet, with what follows them', () => {
    const ops = lowered.nodes.map(({ op }) => op);
    const count = (op: string) => ops.filter((other) => other === op).length;
    expect(count('blockConv')).toBe(6);
    expect(count('mixedBlockConv')).toBe(2);
    expect(count('blockNorm')).toBe(7);
    expect(
      ops.filter((op) => ['conv', 'cellConv', 'relu', 'add', 'sigmoid', 'toBlocks'].includes(op)),
    ).toEqual([]);
    expect(count('fromBlocks')).toBe(1);
    expect(count('blockUnfold')).toBe(1);
  });

  it('reads four pixels for one of an upsampled picture, where a norm follows that makes cells again', () => {
    const corners = lowered.nodes.filter((node) => 'corners' in node && node.corners);
    expect(corners.map(({ op }) => op)).toEqual(['blockConv', 'blockNorm', 'blockConv', 'blockNorm']);
    const [conv, norm] = corners;
    expect(lowered.shapes.get(conv!.out)).toEqual([64, size.height / 4 + 1, size.width / 4 + 1]);
    expect(lowered.shapes.get(norm!.out)).toEqual([64, size.height / 4, size.width / 4]);
    for (const name of ['up1.weight', 'up2.weight'])
      expect(lowered.params[name]!.shape.slice(2)).toEqual([2, 2]);
  });

  it('keeps every number of the filters', () => {
    const shape = [16, 8, 3, 3];
    const net = transformNet({ base: 8, residuals: 1 });
    expect(net.params['down1.weight']!.shape).toEqual(shape);
    const data = Float32Array.from({ length: 16 * 8 * 9 }, (_, i) => i + 1);
    const folded = lowered.fold(new Map([['down1.weight', { shape, data }]])).get('down1.weight')!;
    expect(folded.shape).toEqual(lowered.params['down1.weight']!.shape);
    expect([...folded.data].filter((value) => value !== 0).sort((a, b) => a - b)).toEqual([...data]);
  });
});
