import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfResolution } from '../../../src/models/engines/half-resolution.js';
import { NetBuilder, type NetSpec } from '../../../src/models/net.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Size } from '../../../src/models/pixels.js';
import { expectSamePainting, motleyNet } from '../../suites/lowered.js';
import { anySize, anyTransform } from '../../suites/nets.js';
import { seededWeights } from '../../suites/weights.js';

const outputs = ['picture'];
const lower = (net: NetSpec, size: Size) => halfResolution(net, outputs, size);
const expectSame = (net: NetSpec, size: Size, seed = 1) => expectSamePainting(net, size, lower, seed);

describe('a net at half resolution paints what the net paints', () => {
  it('for any TransformNet, size and weights', async () => {
    await fc.assert(
      fc.asyncProperty(anyTransform(2, 3, 4, 8), anySize(), fc.nat(1000), async (options, size, seed) => {
        await expectSame(transformNet(options), size, seed);
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  it.each([
    { width: 32, height: 32 },
    { width: 36, height: 44 },
    { width: 12, height: 12 },
  ])('at $width x $height', async (size) => {
    await expectSame(transformNet({ base: 8, residuals: 1 }), size);
    await expectSame(
      transformNet({ base: 9, residuals: 1, even: true, epsilon: 1e-9, output: 'tanh' }),
      size,
    );
  });

  it('where folded tensors meet ops that know no cells', async () => {
    expect(halfResolution(motleyNet(), outputs, { width: 24, height: 16 })).toBeDefined();
    await expectSame(motleyNet(), { width: 24, height: 16 });
  });
});

describe('what is folded', () => {
  const size = { width: 24, height: 16 };

  it('is every full-size layer of a TransformNet, and no other', () => {
    const { params, shapes, nodes } = halfResolution(transformNet({ base: 8, residuals: 1 }), outputs, size)!;
    const shape = (name: string) => params[`${name}.weight`]!.shape;
    expect(shape('first')).toEqual([32, 3, 10, 10]);
    expect(shape('down1')).toEqual([16, 32, 2, 2]);
    expect(shape('down2')).toEqual([32, 16, 3, 3]);
    expect(shape('res0a')).toEqual([32, 32, 3, 3]);
    expect(shape('up1')).toEqual([64, 32, 3, 3]);
    expect(shape('up2')).toEqual([32, 16, 3, 3]);
    expect(shape('last')).toEqual([24, 32, 6, 5]);
    expect(params['last.bias']!.shape).toEqual([24]);
    expect(nodes.map(({ op }) => op)).not.toContain('upsample');
    for (const node of nodes) if (node.op === 'cellConv') expect(shapes.get(node.out)).toHaveLength(3);
  });

  it('leaves weights that it does not fold as they are, and the given ones untouched', () => {
    const net = transformNet({ base: 2, residuals: 1 });
    const { fold } = halfResolution(net, outputs, size)!;
    const style = seededWeights(net, 'style');
    const before = new Map([...style].map(([name, { data }]) => [name, data.slice()]));
    const folded = fold(style);
    expect([...folded.keys()]).toEqual([...style.keys()]);
    expect(folded.get('res0a.weight')).toBe(style.get('res0a.weight'));
    expect(folded.get('up1.weight')).not.toBe(style.get('up1.weight'));
    for (const [name, { data }] of style) expect(data).toEqual(before.get(name));
  });

  it.each([
    ['a net that pads with zeros', { padMode: 'zero' as const }],
    ['a net that pads less than half its filter', { pad: 1 }],
  ])('is nothing of %s', (_, options) => {
    const net = new NetBuilder();
    const x = net.conv(net.push('fromRgb8', { in: 'content' }), 'c', { in: 3, out: 3, size: 9 }, options);
    const picture = net.push('toRgb8', { in: x });
    const spec = net.build({ name: 'plain', inputs: ['content'], outputs: { picture }, stride: 4 });
    expect(halfResolution(spec, outputs, size)).toBeUndefined();
  });

  it('is nothing that does not divide into cells, nor a filter that two layers share', () => {
    const one = new NetBuilder();
    const x = one.push('fromRgb8', { in: 'content' });
    const y = one.conv(x, 'c', { in: 3, out: 3, size: 9 });
    const spec = (picture: string) =>
      one.build({ name: 'n', inputs: ['content'], outputs: { picture }, stride: 1 });
    expect(halfResolution(spec(y), outputs, size)).toBeDefined();
    expect(halfResolution(spec(y), outputs, { width: 23, height: 16 })).toBeUndefined();
    const twice = { in: y, weight: 'c.weight', stride: 1, pad: 4, padMode: 'reflect' } as const;
    expect(halfResolution(spec(one.push('conv', twice)), outputs, size)).toBeUndefined();
  });
});
