import { afterAll, describe, expect, it, vi } from 'vitest';
import { BadInput, Usage } from '../../../src/errors.js';
import type { Painter } from '../../../src/models/engine.js';
import { canRunAside, openAside } from '../../../src/models/engines/aside.js';
import { metaNet } from '../../../src/models/nets/metanet.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { blank } from '../../../src/models/pixels.js';
import { randomWeights } from '../../../src/models/random-weights.js';
import { describeEngine } from '../../suites/engine.js';
import { seededPicture } from '../../suites/weights.js';

const compiled = new URL('../../../dist/models/engines/aside-worker.js', import.meta.url);
const open = (name: string, lanes = 1) => openAside(name, { program: compiled, lanes });

describe('in a thread of its own', () => describeEngine('onnx/cpu', () => open('onnx/cpu')));
describe('in two lanes', () => describeEngine('onnx/cpu', () => open('onnx/cpu', 2)));

describe('an engine in a thread of its own', () => {
  const net = transformNet({ base: 2, residuals: 0 });
  const size = { width: 32, height: 32 };
  const opened: AsyncDisposable[] = [];
  afterAll(async () => {
    for (const thing of opened) await thing[Symbol.asyncDispose]();
  });
  const identity = async (options = '') => {
    const engine = await open(`identity${options}`);
    opened.push(engine);
    const painter = await engine.painter(net, randomWeights(net, 'net'), size);
    return { engine, painter, style: await painter.bind(randomWeights(net, 'style')) };
  };

  it('is not chosen where only sources are at hand', () => {
    expect(canRunAside()).toBe(false);
  });

  it('keeps the class and the hint of errors', async () => {
    await expect(open('nonsense')).rejects.toThrow(Usage);
    await expect(open('nonsense')).rejects.toMatchObject({ hint: expect.stringContaining('onnx/cpu') });
    const { painter, style } = await identity();
    await expect(painter.paint([{ pixels: blank({ width: 4, height: 4 }), style }])).rejects.toThrow(
      BadInput,
    );
  });

  it('answers with an error when it is closed, also for what was asked before', async () => {
    const { engine, painter, style } = await identity(':delay=50ms');
    const pending = painter.paint([{ pixels: blank(size), style }]).then(
      () => 'painted',
      () => 'refused',
    );
    await engine[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    expect(['painted', 'refused']).toContain(await pending);
    await expect(painter.paint([{ pixels: blank(size), style }])).rejects.toThrow('closed');
    style[Symbol.dispose]();
    await painter[Symbol.asyncDispose]();
  });

  it('refuses a style of another painter', async () => {
    const [first, second] = [await identity(), await identity()];
    await expect(first.painter.paint([{ pixels: blank(size), style: second.style }])).rejects.toThrow(
      BadInput,
    );
  });

  it('tells what a call may gain by, and has a call painted as one, in the lane that has least to do', async () => {
    const engine = await open('identity:batch=4,fail=0.5', 2);
    opened.push(engine);
    const painter = await engine.painter(net, randomWeights(net, 'net'), size);
    const style = await painter.bind(randomWeights(net, 'style'));
    expect([engine.batch, painter.batch]).toEqual([4, 4]);
    const call = () => painter.paint(Array.from({ length: 4 }, () => ({ pixels: blank(size), style })));
    // Every second piece of work of a lane fails: had the four been painted apart, one of these had failed.
    const first = await Promise.all([call(), call()]);
    expect(first.map(({ length }) => length)).toEqual([4, 4]);
    expect((await identity()).painter.batch).toBe(1);
  });

  describe('whose thread fails', () => {
    // As the real one, but what a styler is asked ends it.
    const fragile = new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { parentPort } from 'node:worker_threads';
        import ${JSON.stringify(compiled.href)};
        parentPort.on('message', ({ method }) => method === 'weights' && process.exit(1));`)}`,
    );
    const meta = metaNet(net, { hidden: 8, group: 4 });
    async function failing(lanes: number) {
      const engine = await openAside('identity', { program: fragile, lanes });
      opened.push(engine);
      const painter = await engine.painter(net, randomWeights(net, 'net'), size);
      const style = await painter.bind(randomWeights(net, 'style'));
      const styler = await engine.styler(meta, randomWeights(meta, 'net'));
      await expect(styler.weights(blank(size))).rejects.toThrow();
      const paint = () => painter.paint([{ pixels: blank(size), style }]);
      return { engine, painter, styler, paint };
    }

    it('paints on in its other lanes', async () => {
      const { engine, painter, paint } = await failing(2);
      for (let i = 0; i < 4; i++) expect(await paint()).toHaveLength(1);
      await expect(painter.bind(randomWeights(net, 'style'))).resolves.toBeDefined();
      await using next = await engine.painter(net, randomWeights(net, 'net'), size);
      const bound = await next.bind(randomWeights(net, 'style'));
      const batch = Array.from({ length: 5 }, () => ({ pixels: blank(size), style: bound }));
      expect(await next.paint(batch)).toHaveLength(5);
    });

    it('says so where it has no other, and paints again with the same style once it is started anew', async () => {
      const { paint, painter } = await failing(1);
      await expect(paint()).rejects.toThrow();
      await vi.waitFor(async () => expect(await paint()).toHaveLength(1), 60_000);
      await using _painter = painter;
    });

    it('is started anew for its styler', async () => {
      const { styler } = await failing(1);
      // It fails again, but at its work: it was there to be asked.
      await expect(styler.weights(blank(size))).rejects.toThrow('closed');
      await styler[Symbol.asyncDispose]();
    });

    it('stays closed when the engine is', async () => {
      const { engine, paint } = await failing(2);
      await engine[Symbol.asyncDispose]();
      await expect(paint()).rejects.toThrow('closed');
    });
  });

  it('gives back pictures in order, each in its style, however many are asked for at once', async () => {
    const engine = await open('onnx/cpu', 3);
    opened.push(engine);
    const base = randomWeights(net, 'net');
    const all = await engine.painter(net, base, size);
    const alone = await engine.painter(net, base, size, { lanes: 1 });
    const batchOn = async (painter: Painter) => {
      const styles = await Promise.all([3, 4].map((seed) => painter.bind(randomWeights(net, 'style', seed))));
      return Array.from({ length: 7 }, (_, i) => ({
        pixels: seededPicture(size, i),
        style: styles[i % 2]!,
      }));
    };
    const painted = await all.paint(await batchOn(all));
    const truth = await alone.paint(await batchOn(alone));
    expect(painted.map(({ data }) => Buffer.from(data).toString('base64'))).toEqual(
      truth.map(({ data }) => Buffer.from(data).toString('base64')),
    );
  });

  it('leaves the thread that asks free while it paints', async () => {
    const { painter, style } = await identity(':delay=30ms');
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    await painter.paint([{ pixels: blank(size), style }]);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(0);
  });
});
