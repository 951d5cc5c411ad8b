import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadInput, Unsupported, Usage } from '../../../src/errors.js';
import { openEngine } from '../../../src/models/engines/index.js';
import { openNative, probeNative } from '../../../src/models/engines/native.js';
import { NativePainter } from '../../../src/models/engines/native-painter.js';
import { MIX_SIZE, nativeProgram, STEP_SIZE, type Way } from '../../../src/models/engines/native-program.js';
import { chooseWay, type WayName, ways } from '../../../src/models/engines/native-ways.js';
import { NetBuilder, type NetSpec } from '../../../src/models/net.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Pixels, Size } from '../../../src/models/pixels.js';
import { type Addon, addonPath, loadAddon } from '../../../src/native.js';
import { describeEngine } from '../../suites/engine.js';
import { motleyNet } from '../../suites/lowered.js';
import { anySize, anyTransform } from '../../suites/nets.js';
import { reference } from '../../suites/reference.js';
import { seededPicture, seededWeights } from '../../suites/weights.js';

/** The kernels, where they load. */
function kernels(): Addon | undefined {
  try {
    return loadAddon();
  } catch {
    return undefined;
  }
}
const addon = kernels();
/** bfloat16 numbers have eight digits, so that pictures of random weights differ by a level here and there. */
const tolerances = {
  exact: { mean: 0.02, max: 1 },
  bf16: { mean: 2, max: 24 },
} as const;

/** Why a way cannot be tried here, if it cannot. */
function missing(name: WayName): string | undefined {
  if (!addon) return 'skipped: there are no kernels for this system';
  const index = ways.findIndex((way) => way.name === name);
  return (addon.ways >> index) & 1 ? undefined : `skipped: this processor has no ${name}`;
}

function apart(a: Uint8Array, b: Uint8Array): { mean: number; max: number } {
  const gaps = Array.from(a, (byte, i) => Math.abs(byte - b[i]!));
  return { mean: gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length, max: Math.max(...gaps) };
}

/** A picture as the kernels paint it, of which a net must be one that they know. */
async function painted(net: NetSpec, pixels: Pixels, name: WayName, seed: number, threads = 1) {
  const way = ways.findIndex((one) => one.name === name);
  const program = nativeProgram(net, pixels, ways[way]!);
  if (!program) throw new Error(`the kernels do not know ${net.name}`);
  await using painter = new NativePainter({
    addon: addon!,
    way,
    program,
    net,
    base: seededWeights(net, 'net', seed),
    size: pixels,
    threads,
    onClose: () => {},
  });
  using style = await painter.bind(seededWeights(net, 'style', seed + 1));
  const [first] = await painter.paint([{ pixels, style }]);
  const [second] = await painter.paint([{ pixels, style }]);
  expect(Buffer.compare(first!.data, second!.data)).toBe(0);
  return first!.data;
}

const truths = new Map<string, Uint8Array>();

/** The picture in double precision; each is computed once. */
function truth(net: NetSpec, pixels: Pixels, seed: number): Uint8Array {
  const key = JSON.stringify([net, seed, Buffer.from(pixels.data).toString('base64')]);
  const known = truths.get(key);
  if (known) return known;
  const params = new Map([...seededWeights(net, 'net', seed), ...seededWeights(net, 'style', seed + 1)]);
  const made = Uint8Array.from(reference(net, params, pixels).picture!.data);
  truths.set(key, made);
  return made;
}

/** What TransformNets do not have but the kernels know: other sides and borders, sums that are activated, a large end. */
function oddNet(): NetSpec {
  const net = new NetBuilder();
  const norm = (x: string, name: string, channels: number) =>
    net.push('instanceNorm', {
      in: x,
      epsilon: 1e-3,
      shift: net.param(`${name}.shift`, [channels], 'style'),
    });
  const x = net.push('fromRgb8', { in: 'content' });
  const wide = net.conv(
    x,
    'wide',
    { in: 3, out: 5, size: 5 },
    { stride: 2, padMode: 'zero', bias: net.param('b', [5]) },
  );
  const one = norm(wide, 'one', 5);
  const point = net.push('relu', { in: norm(net.conv(one, 'point', { in: 5, out: 9, size: 1 }), 'two', 9) });
  const zero = norm(net.conv(point, 'zero', { in: 9, out: 5, size: 3 }, { padMode: 'zero' }), 'three', 5);
  const sum = net.push('relu', { in: net.push('add', { in: one, with: zero }) });
  const small = norm(net.conv(sum, 'small', { in: 5, out: 7, size: 3 }, { stride: 2 }), 'four', 7);
  const large = net.push('upsample', { in: small, scale: 2 });
  const half = norm(net.conv(large, 'half', { in: 7, out: 6, size: 3 }, { padMode: 'zero' }), 'five', 6);
  const whole = net.push('upsample', { in: net.push('relu', { in: half }), scale: 2 });
  const last = net.conv(whole, 'last', { in: 6, out: 3, size: 3 }, { bias: net.param('c', [3], 'style') });
  const picture = net.push('toRgb8', { in: net.push('sigmoid', { in: last }) });
  return net.build({ name: 'odd', inputs: ['content'], outputs: { picture }, stride: 4 });
}

/** A picture from a level for each of its bytes. */
function drawn(size: Size, level: (i: number) => number): Pixels {
  return { ...size, data: Uint8Array.from({ length: 3 * size.width * size.height }, (_, i) => level(i)) };
}

it.each([
  ['linux', 'x64'],
  ['linux', 'arm64'],
  ['darwin', 'arm64'],
  ['win32', 'x64'],
])('lies where %s on %s looks for it', (platform, arch) => {
  expect(existsSync(addonPath(platform, arch))).toBe(true);
});

it.skipIf(!addon)('is compiled for steps and mixes as they are written', () => {
  expect(addon).toMatchObject({ stepSize: STEP_SIZE, mixSize: MIX_SIZE });
});

for (const { name } of ways) {
  const why = missing(name);
  const precision = name === 'AMX' ? 'bf16' : 'cpu';
  const tolerance = name === 'AMX' ? tolerances.bf16 : tolerances.exact;
  const option = name.replace('-', '').toLowerCase();
  const open = () => openEngine(`native/${precision}:${option}`);
  describeEngine(`native/${precision}:${option}`, open, {
    skip: why ?? false,
    tolerance: name === 'AMX' ? { mean: 2, max: 24 } : { mean: 0.5, max: 3 },
  });

  describe.skipIf(why)(`kernels by ${name}${why ? ` (${why})` : ''}`, () => {
    const nets = anyTransform(2, 3, 4, 8, 12, 16);

    it('paint what the net paints, for any TransformNet, size, weights and number of threads', async () => {
      await fc.assert(
        fc.asyncProperty(nets, anySize(), fc.nat(1000), fc.constantFrom(1, 2, 5), async (...given) => {
          const [options, size, seed, threads] = given;
          const net = transformNet(options);
          const pixels = seededPicture(size, seed);
          const gaps = apart(await painted(net, pixels, name, seed, threads), truth(net, pixels, seed));
          expect(gaps.mean).toBeLessThan(tolerance.mean);
          expect(gaps.max).toBeLessThanOrEqual(tolerance.max);
        }),
        { numRuns: 16 },
      );
    }, 300_000);

    it('paint large pictures in blocks and bands', async () => {
      const net = transformNet({ base: 4, residuals: 1 });
      const pixels = seededPicture({ width: 344, height: 40 });
      const gaps = apart(await painted(net, pixels, name, 7, 3), truth(net, pixels, 7));
      expect(gaps.mean).toBeLessThan(tolerance.mean);
      expect(gaps.max).toBeLessThanOrEqual(tolerance.max);
    });

    it('paint nets with other sides, borders and sums', async () => {
      for (const size of [
        { width: 32, height: 28 },
        { width: 20, height: 52 },
      ]) {
        const pixels = seededPicture(size);
        const gaps = apart(await painted(oddNet(), pixels, name, 3, 2), truth(oddNet(), pixels, 3));
        expect(gaps.mean).toBeLessThan(tolerance.mean);
        expect(gaps.max).toBeLessThanOrEqual(tolerance.max);
      }
    });

    it('paint nets whose layers are all as wide as the first', async () => {
      const net = transformNet({ base: 6, even: true, residuals: 1 });
      const pixels = seededPicture({ width: 52, height: 44 });
      const gaps = apart(await painted(net, pixels, name, 5), truth(net, pixels, 5));
      expect(gaps.mean).toBeLessThan(tolerance.mean);
    });

    it.each<[string, (i: number) => number]>([
      ['black', () => 0],
      ['white', () => 255],
      ['white with a grain of one level', (i) => 254 + ((i * 7919) % 5 === 0 ? 1 : 0)],
      ['grey with one pixel one level brighter', (i) => (i === 1200 ? 251 : 250)],
      ['a slope of a few levels', (i) => 200 + Math.floor((i % 64) / 16)],
    ])('make no pattern of a picture that is %s', async (_, level) => {
      const net = transformNet({ base: 8, residuals: 2 });
      const pixels = drawn({ width: 64, height: 48 }, level);
      const gaps = apart(await painted(net, pixels, name, 2), truth(net, pixels, 2));
      expect(gaps.mean).toBeLessThan(name === 'AMX' ? 2 : 0.3);
      expect(gaps.max).toBeLessThanOrEqual(name === 'AMX' ? 24 : 1);
    });

    it('paint the same after weights that overflow', async () => {
      const net = transformNet({ base: 8, residuals: 1 });
      const pixels = seededPicture({ width: 36, height: 28 });
      await using engine = await open();
      await using painter = await engine.painter(net, seededWeights(net, 'net'), pixels);
      const paint = async (scale: number) => {
        const weights = seededWeights(net, 'style');
        for (const { data } of weights.values()) for (let i = 0; i < data.length; i++) data[i]! *= scale;
        using style = await painter.bind(weights);
        return (await painter.paint([{ pixels, style }]))[0]!.data;
      };
      const before = await paint(1);
      await paint(1e38);
      expect(Buffer.compare(await paint(1), before)).toBe(0);
    });
  });
}

describe.skipIf(!addon?.ways)('nets that the kernels do not know', () => {
  it('are painted by ONNX Runtime', async () => {
    const net = motleyNet(8);
    const pixels = seededPicture({ width: 24, height: 16 });
    expect(nativeProgram(net, pixels, ways[0])).toBeUndefined();
    await using engine = await openNative('cpu');
    await using painter = await engine.painter(net, seededWeights(net, 'net', 1), pixels);
    using style = await painter.bind(seededWeights(net, 'style', 2));
    const [made] = await painter.paint([{ pixels, style }]);
    expect(apart(made!.data, truth(net, pixels, 1)).max).toBeLessThanOrEqual(1);
  });

  const way: Way = ways[1];
  const size = { width: 32, height: 24 };
  const program = (write: (net: NetBuilder, x: string) => string) => {
    const net = new NetBuilder();
    const x = net.push('fromRgb8', { in: 'content' });
    const picture = net.push('toRgb8', { in: write(net, x) });
    return nativeProgram(net.build({ name: 'odd', inputs: ['content'], outputs: { picture } }), size, way);
  };
  const layer = (net: NetBuilder, x: string, name: string, channels = 4) =>
    net.push('instanceNorm', { in: net.conv(x, name, { in: 4, out: channels, size: 3 }), epsilon: 1e-5 });
  const first = (net: NetBuilder, x: string) =>
    net.push('instanceNorm', { in: net.conv(x, 'first', { in: 3, out: 4, size: 3 }), epsilon: 1e-5 });
  const last = (net: NetBuilder, x: string) => net.conv(x, 'last', { in: 4, out: 3, size: 3 });

  it('are told from those that they do', () => {
    expect(program((net, x) => last(net, layer(net, first(net, x), 'inner')))).toBeDefined();
  });

  it.each<[string, (net: NetBuilder, x: string) => string]>([
    ['no convolution at all', (_, x) => x],
    ['a norm of the picture', (net, x) => last(net, net.push('instanceNorm', { in: x, epsilon: 1e-5 }))],
    [
      'a convolution without norm inside',
      (net, x) => last(net, net.conv(first(net, x), 'bare', { in: 4, out: 4, size: 3 })),
    ],
    ['an activation before the norm', (net, x) => last(net, net.push('tanh', { in: first(net, x) }))],
    [
      'pictures enlarged thrice',
      (net, x) => last(net, net.push('upsample', { in: first(net, x), scale: 3 })),
    ],
    [
      'the same tensor within mirrors and within zeros',
      (net, x) => {
        const one = first(net, x);
        const zero = net.conv(one, 'zero', { in: 4, out: 4, size: 3 }, { padMode: 'zero' });
        const norm = net.push('instanceNorm', { in: zero, epsilon: 1e-5 });
        return last(net, net.push('add', { in: norm, with: layer(net, one, 'mirror') }));
      },
    ],
  ])('%s', (_, write) => {
    expect(program(write)).toBeUndefined();
  });
});

describe('ways to multiply', () => {
  it('are refused where there is none of the name', async () => {
    await expect(openNative('cpu', 'mmx')).rejects.toThrow('native/cpu does not multiply by "mmx".');
    await expect(openNative('bf16', 'avx2')).rejects.toThrow(Usage);
  });
});

describe('machines without it', () => {
  const bare = { ways: 0 } as Addon;

  it('are told which instructions are missing, and what to choose instead', () => {
    expect(() => chooseWay(bare, ['AVX2', 'AVX-512'])).toThrow('This processor has no AVX2 or AVX-512');
    try {
      chooseWay(bare, ['AMX']);
    } catch (error) {
      expect(error).toBeInstanceOf(Unsupported);
      expect((error as Unsupported).hint).toContain('--engine onnx/cpu');
    }
  });

  it('take the fastest way of those that they have', () => {
    expect(chooseWay({ ways: 0b011 } as Addon, ['AVX2', 'AVX-512'])).toBe(1);
    expect(chooseWay({ ways: 0b001 } as Addon, ['AVX2', 'AVX-512'])).toBe(0);
    expect(chooseWay({ ways: 0b111 } as Addon, ['AVX2', 'AVX-512'])).toBe(1);
  });

  it.skipIf(!addon?.ways)('say how they multiply where they can', async () => {
    expect(await probeNative('cpu')).toMatchObject({
      name: 'native/cpu',
      present: true,
      device: expect.stringContaining('AVX'),
    });
  });
});

describe.skipIf(!addon?.ways)('a native painter that is closed', () => {
  it('refuses to bind and to paint, and frees a style that outlives it', async () => {
    const net = transformNet({ base: 2, residuals: 0 });
    const pixels = seededPicture({ width: 20, height: 16 });
    const engine = await openNative('cpu');
    const painter = await engine.painter(net, seededWeights(net, 'net'), pixels);
    const style = await painter.bind(seededWeights(net, 'style'));
    await engine[Symbol.asyncDispose]();
    await expect(painter.bind(seededWeights(net, 'style'))).rejects.toThrow(BadInput);
    await expect(painter.paint([{ pixels, style }])).rejects.toThrow('The painter is closed.');
    style[Symbol.dispose]();
    style[Symbol.dispose]();
    await painter[Symbol.asyncDispose]();
  });
});
