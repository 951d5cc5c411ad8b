import { afterAll, describe, expect, it } from 'vitest';
import { BadInput, Usage } from '../../../src/errors.js';
import { canRunAside, openAside } from '../../../src/models/engines/aside.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { blank } from '../../../src/models/pixels.js';
import { randomWeights } from '../../../src/models/random-weights.js';
import { describeEngine } from '../../suites/engine.js';

const compiled = new URL('../../../dist/models/engines/aside-worker.js', import.meta.url);
const open = (name: string) => openAside(name, compiled);

describe('in a thread of its own', () => describeEngine('onnx/cpu', () => open('onnx/cpu')));

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

  it('leaves the thread that asks free while it paints', async () => {
    const { painter, style } = await identity(':delay=30ms');
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    await painter.paint([{ pixels: blank(size), style }]);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(0);
  });
});
