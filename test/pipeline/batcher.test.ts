import { describe, expect, it } from 'vitest';
import type { Painter } from '../../src/models/engine.js';
import type { Size } from '../../src/models/pixels.js';
import { Batcher } from '../../src/pipeline/batcher.js';
import { AddingPainter, adding, gate, grey, tick } from './doubles.js';

const size = { width: 4, height: 2 };
const other = { width: 8, height: 8 };

function studio(pause?: () => Promise<void>, most = 8) {
  const painters: AddingPainter[] = [];
  const open = async (size: Size) => {
    const painter = new AddingPainter(size, pause);
    painters.push(painter);
    return painter;
  };
  const batcher = new Batcher(open, { most });
  return { batcher, painters };
}

async function paint(painter: Painter, value: number, add = 100): Promise<number> {
  using style = await painter.bind(adding(add));
  const [painted] = await painter.paint([{ pixels: grey(value, painter.size), style }]);
  return painted!.data[0]!;
}

describe('the batcher', () => {
  it('opens one painter per size and closes it with its last lease', async () => {
    const { batcher, painters } = studio();
    const [a, b, c] = await Promise.all([batcher.lease(size), batcher.lease(size), batcher.lease(other)]);
    expect(painters.map((painter) => painter.size)).toEqual([size, other]);
    await a[Symbol.asyncDispose]();
    await a[Symbol.asyncDispose]();
    expect(painters[0]!.closed).toBe(0);
    await b[Symbol.asyncDispose]();
    await c[Symbol.asyncDispose]();
    expect(painters.map(({ closed }) => closed)).toEqual([1, 1]);
    await (await batcher.lease(size))[Symbol.asyncDispose]();
    expect(painters).toHaveLength(3);
  });

  it('hands over the requests of one tick as one batch, each in its own style', async () => {
    const { batcher, painters } = studio();
    const a = await batcher.lease(size);
    const b = await batcher.lease(size);
    expect(await Promise.all([paint(a, 1, 10), paint(b, 2, 20)])).toEqual([11, 22]);
    expect(painters[0]!.batches).toEqual([[1, 2]]);
  });

  it('never has more than two calls of one engine at a time', async () => {
    let running = 0;
    let most = 0;
    const { batcher } = studio(async () => {
      most = Math.max(most, ++running);
      await tick();
      running--;
    });
    const leases = await Promise.all(Array.from({ length: 4 }, () => batcher.lease(size)));
    await Promise.all(
      leases.flatMap((lease, i) => [paint(lease, i), tick().then(() => paint(lease, i + 10))]),
    );
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(2);
  });

  it('serves everyone in turn: one who asks much does not keep others waiting', async () => {
    const first = gate();
    let calls = 0;
    const { batcher, painters } = studio(() => (calls++ === 0 ? first.passed : Promise.resolve()));
    const greedy = await batcher.lease(size);
    const modest = await batcher.lease(size);
    using g = await greedy.bind(adding(0));
    using m = await modest.bind(adding(0));
    const job = (value: number, style = g) => ({ pixels: grey(value), style });
    const work = [greedy.paint([job(99)])];
    await tick();
    work.push(greedy.paint(Array.from({ length: 12 }, (_, i) => job(i))));
    work.push(modest.paint([job(50, m), job(51, m)]));
    first.open();
    await Promise.all(work);
    expect(painters[0]!.batches).toEqual([[99], [0, 50, 1, 51, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]);
  });

  it('gives a failure to those whose batch failed and paints on', async () => {
    let calls = 0;
    const { batcher } = studio(async () => {
      if (calls++ === 0) throw new Error('device lost');
    });
    const lease = await batcher.lease(size);
    await expect(paint(lease, 1)).rejects.toThrow('device lost');
    expect(await paint(lease, 1)).toBe(101);
  });

  it('forgets a painter that did not open', async () => {
    let calls = 0;
    const batcher = new Batcher(async (size) => {
      if (calls++ === 0) throw new Error('no memory');
      return new AddingPainter(size);
    });
    await expect(Promise.all([batcher.lease(size), batcher.lease(size)])).rejects.toThrow('no memory');
    expect(await paint(await batcher.lease(size), 1)).toBe(101);
  });

  it('lets what is queued finish before it closes a painter', async () => {
    const { batcher, painters } = studio(tick);
    const lease = await batcher.lease(size);
    const painting = paint(lease, 5);
    await tick();
    await lease[Symbol.asyncDispose]();
    expect(await painting).toBe(105);
    expect(painters[0]!.closed).toBe(1);
  });
});
