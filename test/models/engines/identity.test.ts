import { describe, expect, it } from 'vitest';
import { LivebrushError, Usage } from '../../../src/errors.js';
import { IdentityEngine, identityOptions } from '../../../src/models/engines/identity.js';
import { metaNet } from '../../../src/models/nets/metanet.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { describeEngine } from '../../suites/engine.js';
import { seededPicture, seededWeights } from '../../suites/weights.js';

describeEngine('identity', async () => new IdentityEngine(), { numb: true });

describe('the identity engine', () => {
  const net = transformNet({ base: 2, residuals: 0 });
  const pixels = seededPicture({ width: 16, height: 12 });
  const open = async (options: string) => {
    const engine = new IdentityEngine(identityOptions(options));
    const painter = await engine.painter(net, seededWeights(net, 'net'), pixels);
    const style = await painter.bind(seededWeights(net, 'style'));
    return { engine, paint: () => painter.paint([{ pixels, style }]) };
  };

  it('returns a copy of the picture', async () => {
    const [painted] = await (await open('')).paint();
    expect(painted).toEqual(pixels);
    expect(painted!.data.buffer).not.toBe(pixels.data.buffer);
  });

  it('makes weights of zeros', async () => {
    const meta = metaNet(net, { hidden: 4, group: 2 });
    await using styler = await new IdentityEngine().styler(meta, seededWeights(meta, 'net'));
    const weights = await styler.weights(pixels);
    for (const { data } of weights.values()) expect(data.every((number) => number === 0)).toBe(true);
  });

  it('takes at least the time it is told to', async () => {
    const { paint } = await open('delay=30ms');
    const start = performance.now();
    await paint();
    expect(performance.now() - start).toBeGreaterThanOrEqual(29);
  });

  it('works on as many pictures of a call at once as it is told to', async () => {
    const engine = new IdentityEngine(identityOptions('batch=3,fail=0.5'));
    const painter = await engine.painter(net, seededWeights(net, 'net'), pixels);
    const style = await painter.bind(seededWeights(net, 'style'));
    const paint = (pictures: number) =>
      painter.paint(Array.from({ length: pictures }, () => ({ pixels, style })));
    expect([engine.batch, painter.batch]).toEqual([3, 3]);
    // Every second piece of work fails: three pictures are one, four are two.
    expect(await paint(3)).toEqual([pixels, pixels, pixels]);
    await expect(paint(1)).rejects.toThrow(LivebrushError);
    await expect(paint(4)).rejects.toThrow(LivebrushError);
  });

  it('fails the share of pictures it is told to, evenly', async () => {
    const { paint } = await open('fail=0.25');
    const outcomes: boolean[] = [];
    for (let i = 0; i < 12; i++)
      outcomes.push(
        await paint().then(
          () => true,
          (error) => {
            expect(error).toBeInstanceOf(LivebrushError);
            return false;
          },
        ),
      );
    expect(outcomes).toEqual(Array.from({ length: 12 }, (_, i) => i % 4 !== 3));
  });

  it('closes its painters with itself', async () => {
    const { engine, paint } = await open('');
    await engine[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    await expect(paint()).rejects.toThrow('closed');
  });

  it.each([
    'delay',
    'delay=-1',
    'delay=1h',
    'delay=61s',
    'fail=2',
    'fail=0.5s',
    'speed=3',
    'delay=1ms;fail=1',
  ])('refuses the option %s', (option) => {
    expect(() => identityOptions(option)).toThrow(Usage);
  });

  it('reads delays in milliseconds and seconds', () => {
    expect(identityOptions('delay=66ms,fail=0.01')).toEqual({ delayMs: 66, fail: 0.01, batch: 1 });
    expect(identityOptions('delay=1.5s')).toEqual({ delayMs: 1500, fail: 0, batch: 1 });
    expect(identityOptions('delay=5')).toEqual({ delayMs: 5, fail: 0, batch: 1 });
  });
});
