import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfResolution } from '../../../src/models/engines/half-resolution.js';
import { onnxGraph } from '../../../src/models/engines/onnx-graph.js';
import { loadRuntime, Session } from '../../../src/models/engines/onnx-session.js';
import { NetBuilder, type NetSpec } from '../../../src/models/net.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Pixels, Size } from '../../../src/models/pixels.js';
import { seededPicture, seededWeights } from '../../suites/weights.js';

const runtime = await loadRuntime('cpu');
const outputs = ['picture'];

/** Paints once, the net as it is or folded, style weights as constants or as inputs. */
async function paint(net: NetSpec, picture: Pixels, how: { fold: boolean; bake: boolean }, seed = 1) {
  const [own, style] = [seededWeights(net, 'net', seed), seededWeights(net, 'style', seed + 1)];
  const folded = how.fold ? halfResolution(net, outputs, picture) : undefined;
  const constants = how.bake ? new Map([...own, ...style]) : own;
  const graph = onnxGraph(net, { outputs, constants, size: picture, folded });
  const session = await Session.open(runtime, 'cpu', 'painter', graph);
  try {
    const fed = how.bake ? [] : [...(folded?.fold(style) ?? style)];
    const feeds = fed.map(([name, { data, shape }]) => [name, session.floats(data, shape)] as const);
    const made = await session.run({
      ...Object.fromEntries(feeds),
      [net.inputs[0]!]: session.bytes(picture),
    });
    return Uint8Array.from(made.picture!.data as Uint8Array);
  } finally {
    await session.close();
  }
}

async function expectSame(net: NetSpec, size: Size, seed = 1) {
  const picture = seededPicture(size, seed);
  const truth = await paint(net, picture, { fold: false, bake: true }, seed);
  expect(new Set(truth).size).toBeGreaterThan(30);
  for (const bake of [true, false]) {
    const made = await paint(net, picture, { fold: true, bake }, seed);
    expect(made).toHaveLength(truth.length);
    const gaps = truth.map((byte, i) => Math.abs(byte - made[i]!));
    expect(gaps.reduce((most, gap) => Math.max(most, gap))).toBeLessThanOrEqual(1);
    expect(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toBeLessThan(0.05);
  }
}

/** Every way out of a folded tensor: ops without cells, tensors of unlike phases, an upsampling with two readers. */
function motleyNet(): NetSpec {
  const net = new NetBuilder();
  const x = net.push('fromRgb8', { in: 'content' });
  const wide = net.conv(x, 'wide', { in: 3, out: 4, size: 5 }, { bias: net.param('wide.bias', [4]) });
  const normed = net.push('instanceNorm', { in: wide, epsilon: 1e-5 });
  const doubled = net.push('add', { in: normed, with: net.push('tanh', { in: wide }) });
  const kept = net.conv(doubled, 'kept', { in: 4, out: 4, size: 3 });
  const mixed = net.push('add', { in: kept, with: doubled });
  const pooled = net.push('pool', { in: mixed, kind: 'average', size: 2 });
  const large = net.push('upsample', { in: pooled, scale: 2 });
  const folded = net.conv(large, 'folded', { in: 4, out: 5, size: 3 });
  const joined = net.push('concat', { ins: [folded, large, net.push('relu', { in: wide })] });
  const seen = net.push('upsample', { in: net.push('pool', { in: joined, kind: 'max', size: 2 }), scale: 2 });
  const half = net.conv(seen, 'half', { in: 13, out: 4, size: 3 });
  const small = net.conv(half, 'small', { in: 4, out: 4, size: 3 }, { stride: 2 });
  const zero = net.push('upsample', { in: small, scale: 2 });
  const last = net.conv(zero, 'last', { in: 4, out: 3, size: 3 }, { padMode: 'zero' });
  const picture = net.push('toRgb8', { in: net.push('sigmoid', { in: last }) });
  return net.build({ name: 'motley', inputs: ['content'], outputs: { picture }, stride: 4 });
}

describe('a net at half resolution paints what the net paints', () => {
  const sides = fc.integer({ min: 3, max: 12 }).map((n) => 4 * n);
  const nets = fc.record({
    base: fc.constantFrom(2, 3, 4, 8),
    residuals: fc.integer({ min: 0, max: 2 }),
    generated: fc.constantFrom('none', 'residual', 'inner', 'all'),
    affine: fc.constantFrom('style', 'net', 'none'),
    output: fc.constantFrom('sigmoid', 'tanh', 'linear'),
  } as const);

  it('for any TransformNet, size and weights', async () => {
    await fc.assert(
      fc.asyncProperty(nets, sides, sides, fc.nat(1000), async (options, width, height, seed) => {
        await expectSame(transformNet(options), { width, height }, seed);
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
