import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadInput, Unsupported } from '../../src/errors.js';
import { leastSide, shapesOf } from '../../src/models/engines/shapes.js';
import { inputsOf, type NetSpec, netParams, nodesFor, sizeOf, styleParams } from '../../src/models/net.js';
import { metaNet, metaOptions } from '../../src/models/nets/metanet.js';
import { transformNet, transformOptions } from '../../src/models/nets/transform.js';
import { vggNet } from '../../src/models/nets/vgg.js';
import type { Tensor } from '../../src/models/weights.js';

const count = (net: NetSpec, names: readonly string[]) =>
  names.reduce((sum, name) => sum + sizeOf(net.params[name]!.shape), 0);

/** Every tensor is made before it is read, and every param that is read is declared. */
function expectSound(net: NetSpec): void {
  const made = new Set(net.inputs);
  for (const node of net.nodes) {
    for (const name of inputsOf(node)) expect(made).toContain(name);
    expect(made).not.toContain(node.out);
    made.add(node.out);
    for (const key of ['weight', 'bias', 'scale', 'shift'] as const) {
      const name = (node as unknown as Record<string, unknown>)[key];
      if (typeof name === 'string') expect(net.params).toHaveProperty([name]);
    }
  }
  for (const tensor of Object.values(net.outputs)) expect(made).toContain(tensor);
}

const anyTransform = fc.record({
  base: fc.integer({ min: 2, max: 12 }),
  residuals: fc.integer({ min: 0, max: 5 }),
  generated: fc.constantFrom('none', 'residual', 'inner', 'all'),
  affine: fc.constantFrom('style', 'net', 'none', 'generated'),
  output: fc.constantFrom('sigmoid', 'tanh', 'linear'),
} as const);

describe('TransformNet', () => {
  it('has the filters of the paper at base 32, their biases left to the norm', () => {
    const net = transformNet({ base: 32, affine: 'none' });
    const residuals = Array.from({ length: 10 }, () => 147_584 - 128);
    expect(styleParams(net).map((name) => sizeOf(net.params[name]!.shape))).toEqual([
      18_496 - 64,
      73_856 - 128,
      ...residuals,
      73_792 - 64,
      18_464 - 32,
    ]);
    expect(netParams(net).sort()).toEqual(['first.weight', 'last.bias', 'last.weight']);
  });

  /** At base 8: the 14 inner filters, those of the residual blocks, both outer ones with a bias, all scales and shifts. */
  const [inner, residual, outer, affine] = [103_680, 92_160, 2 * 1944 + 3, 2 * 400];
  const forms: [options: Parameters<typeof transformNet>[0], style: number, own: number][] = [
    [{ base: 8 }, inner + affine, outer],
    [{ base: 8, generated: 'none', affine: 'net' }, 0, inner + outer + affine],
    [{ base: 8, residuals: 0, affine: 'none' }, inner - residual, outer],
    [{ base: 8, generated: 'residual', affine: 'none' }, residual, inner - residual + outer],
    [{ base: 8, generated: 'all' }, inner + outer + affine, 0],
    // The small net of seed 002 at alpha 0.3: 9 channels everywhere, three residual blocks.
    [
      { base: 9, residuals: 3, even: true, generated: 'none', affine: 'net' },
      0,
      2 * 2187 + 3 + 10 * 729 + 2 * 99,
    ],
  ];
  it.each(forms)('with %o has %d numbers for each style and %d of its own', (options, style, own) => {
    const net = transformNet(options);
    expect(count(net, styleParams(net))).toBe(style);
    expect(count(net, netParams(net))).toBe(own);
  });

  it('paints pictures of their own size for every form', () => {
    fc.assert(
      fc.property(
        anyTransform,
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 2, max: 20 }),
        (options, w, h) => {
          const net = transformNet(options);
          expectSound(net);
          const size = { width: 4 * w, height: 4 * h };
          expect(shapesOf(net, size).get(net.outputs.picture!)).toEqual([3, size.height, size.width]);
          expect(shapesOf(net, size).get(net.outputs.floats!)).toEqual([3, size.height, size.width]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('takes four times the base channels through its residual blocks at a quarter of the size', () => {
    const net = transformNet({ base: 16 });
    const shapes = shapesOf(net, { width: 64, height: 48 });
    const additions = net.nodes.filter(({ op }) => op === 'add');
    expect(additions).toHaveLength(5);
    for (const { out } of additions) expect(shapes.get(out)).toEqual([64, 12, 16]);
  });

  it('knows the smallest picture it can take', () => {
    const net = transformNet();
    expect(leastSide(net)).toBe(8);
    expect(() => shapesOf(net, { width: 4, height: 64 })).toThrow(BadInput);
  });

  it.each([
    { base: 1 },
    { base: 65 },
    { base: 8.5 },
    { residuals: -1 },
    { residuals: 17 },
    { generated: 'some' },
    { affine: true },
    { output: 'softmax' },
    { colour: 'red' },
  ])('refuses %o', (options) => {
    expect(transformOptions.safeParse(options).success).toBe(false);
    expect(() => transformNet(options as never)).toThrow();
  });

  it('computes only what an output needs', () => {
    const net = transformNet();
    const floats = nodesFor(net, ['floats']);
    expect(floats).toHaveLength(net.nodes.length - 1);
    expect(floats.some(({ op }) => op === 'toRgb8')).toBe(false);
    expect(nodesFor(net, ['picture'])).toEqual(net.nodes);
  });
});

describe('MetaNet', () => {
  it('makes every generated param of its TransformNet, flat, and says what shape it stands for', () => {
    fc.assert(
      fc.property(
        anyTransform,
        fc.constantFrom('own', 'vgg16', 'both'),
        fc.constantFrom(0, 8),
        (options, encoder, hidden) => {
          const transform = transformNet(options);
          if (styleParams(transform).length === 0) {
            expect(() => metaNet(transform)).toThrow(Unsupported);
            return;
          }
          const net = metaNet(transform, { encoder, hidden, group: 4 });
          expectSound(net);
          expect(Object.keys(net.outputs).sort()).toEqual(styleParams(transform).sort());
          const shapes = shapesOf(net, { width: 64, height: 48 });
          for (const [name, tensor] of Object.entries(net.outputs)) {
            expect(net.makes![name]).toEqual(transform.params[name]!.shape);
            expect(shapes.get(tensor)).toEqual([sizeOf(transform.params[name]!.shape)]);
          }
          expect(styleParams(net)).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('reads 1920 features of VGG-16 into 14 groups of 128 in the form of the paper', () => {
    const net = metaNet(transformNet({ base: 32, affine: 'none' }), {
      encoder: 'vgg16',
      hidden: 0,
      group: 128,
    });
    expect(net.params['groups.weight']!.shape).toEqual([14 * 128, 1920]);
    expect(net.params['make.res0a.weight.weight']!.shape).toEqual([147_456, 128]);
  });

  it('of seed 000 joins hidden numbers that all layers share with some for each', () => {
    const transform = transformNet({ generated: 'residual', affine: 'generated' });
    const net = metaNet(transform, { encoder: 'both' });
    expect(net.params['shared.vgg.weight']!.shape).toEqual([128, 1920]);
    expect(net.params['shared.gates.weight']!.shape).toEqual([16, 512]);
    expect(net.params['each.res4b.vgg.weight']!.shape).toEqual([64, 1920]);
    expect(net.params['make.res4b.shift.weight']!.shape).toEqual([32, 384]);
    const rates = net.nodes.flatMap((node) => (node.op === 'dropout' ? [node.rate] : []));
    expect(rates.sort()).toEqual([0.05, ...Array.from({ length: 10 }, () => 0.1)]);
    const factors = net.nodes.flatMap((node) => (node.op === 'affine' ? [node.scale] : []));
    expect(factors.filter((factor) => factor === 1e-4)).toHaveLength(30);
  });

  it('has about 3.8 million numbers in the form that ships', () => {
    const net = metaNet(transformNet({ base: 8 }));
    expect(count(net, netParams(net)) / 1e6).toBeCloseTo(3.8, 0);
  });

  it.each([
    { encoder: 'own', joint: {} },
    { encoder: 'both', joint: { shared: [1, 2] } },
    { encoder: 'both', joint: { dropout: [0, 1] } },
    { encoder: 'clip' },
    { hidden: -1 },
    { hidden: 5000 },
    { group: 0 },
    { groups: 3 },
  ])('refuses %o', (options) => {
    expect(metaOptions.safeParse(options).success).toBe(false);
  });
});

describe('VGG nets', () => {
  /** Weights of a VGG-like net with thin layers: numbers do not matter here. */
  function thin(
    blocks: readonly number[],
    extra: Record<string, readonly number[]> = {},
  ): Map<string, Tensor> {
    const shapes: Record<string, readonly number[]> = { ...extra };
    let channels = 3;
    for (const [i, convs] of blocks.entries())
      for (let j = 1; j <= convs; j++) {
        shapes[`conv${i + 1}_${j}.weight`] = [i + 2, channels, 3, 3];
        shapes[`conv${i + 1}_${j}.bias`] = [i + 2];
        channels = i + 2;
      }
    return new Map(
      Object.entries(shapes).map(([name, shape]) => [name, { shape, data: new Float32Array(sizeOf(shape)) }]),
    );
  }

  it('reads depth and widths off the weights', () => {
    const vgg16 = vggNet(thin([2, 2, 3, 3]));
    expectSound(vgg16);
    expect(Object.keys(vgg16.outputs)).toHaveLength(10);
    const shapes = shapesOf(vgg16, { width: 64, height: 32 });
    expect(shapes.get(vgg16.outputs.relu3_3!)).toEqual([4, 8, 16]);
    expect(Object.keys(vggNet(thin([2, 2, 4, 1])).outputs)).toHaveLength(9);
  });

  it('takes the projections of a distilled net for its features', () => {
    const net = vggNet(
      thin([1], {
        'conv0.weight': [3, 3, 1, 1],
        'conv0.bias': [3],
        'conv1_1_aux.weight': [64, 2, 1, 1],
        'conv1_1_aux.bias': [64],
      }),
    );
    expectSound(net);
    expect(shapesOf(net, { width: 8, height: 8 }).get(net.outputs.relu1_1!)).toEqual([64, 8, 8]);
  });

  it('refuses weights that are not of the family', () => {
    expect(() => vggNet(new Map())).toThrow(BadInput);
    expect(() => vggNet(new Map([['conv1_1.weight', { shape: [3], data: new Float32Array(3) }]]))).toThrow(
      BadInput,
    );
  });
});
