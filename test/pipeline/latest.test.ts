import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Latest } from '../../src/pipeline/latest.js';
import { tick } from './doubles.js';

class Item implements Disposable {
  static alive = 0;
  constructor(readonly number: number) {
    Item.alive++;
  }
  [Symbol.dispose]() {
    Item.alive--;
  }
}

async function readAll(latest: Latest<Item>): Promise<number[]> {
  const read: number[] = [];
  for await (using item of latest) read.push(item.number);
  return read;
}

describe('Latest', () => {
  it('keeps as many of the newest as it has slots, in order', async () => {
    const latest = new Latest<Item>(3);
    for (let i = 0; i < 5; i++) latest.put(new Item(i));
    expect(Item.alive).toBe(3);
    expect(latest.dropped).toBe(2);
    latest.end();
    expect(await readAll(latest)).toEqual([2, 3, 4]);
    expect(latest).toMatchObject({ dropped: 2, waiting: false });
    const closed = new Latest<Item>(3);
    for (let i = 0; i < 2; i++) closed.put(new Item(i));
    closed[Symbol.dispose]();
    expect(closed.dropped).toBe(2);
    expect(Item.alive).toBe(0);
  });

  it('gives a waiting reader each item as it comes', async () => {
    const latest = new Latest<Item>();
    const read = readAll(latest);
    for (let i = 0; i < 5; i++) {
      latest.put(new Item(i));
      await tick();
    }
    latest.end();
    expect(await read).toEqual([0, 1, 2, 3, 4]);
    expect(latest.dropped).toBe(0);
    expect(Item.alive).toBe(0);
  });

  it('keeps only the newest for a reader that comes late, and disposes and counts the others', async () => {
    const latest = new Latest<Item>();
    for (let i = 0; i < 5; i++) latest.put(new Item(i));
    expect(Item.alive).toBe(1);
    latest.end();
    expect(await readAll(latest)).toEqual([4]);
    expect(latest.dropped).toBe(4);
    expect(Item.alive).toBe(0);
  });

  it('throws the error it ended with after the last item', async () => {
    const latest = new Latest<Item>();
    latest.put(new Item(1));
    latest.end(new Error('gone'));
    const items = latest[Symbol.asyncIterator]();
    using first = (await items.next()).value as Item;
    expect(first.number).toBe(1);
    await expect(items.next()).rejects.toThrow('gone');
  });

  it('drops what is put after the end, and what waits when it is disposed', async () => {
    const latest = new Latest<Item>();
    latest.put(new Item(1));
    latest[Symbol.dispose]();
    latest.put(new Item(2));
    latest[Symbol.dispose]();
    expect(latest.dropped).toBe(2);
    expect(Item.alive).toBe(0);
    expect(await readAll(latest)).toEqual([]);
  });

  it('pumps an iterable to its end or its error and never rejects', async () => {
    async function* items(fails: boolean) {
      yield new Item(1);
      if (fails) throw new Error('broken');
    }
    const good = new Latest<Item>();
    await good.pump(items(false));
    expect(await readAll(good)).toEqual([1]);
    const bad = new Latest<Item>();
    await bad.pump(items(true));
    await expect(readAll(bad)).rejects.toThrow('broken');
    expect(Item.alive).toBe(0);
  });

  it('loses or delivers every item exactly once, in order, at any pace', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 30 }), async (paces) => {
        const latest = new Latest<Item>();
        const read: number[] = [];
        const reading = (async () => {
          for await (using item of latest) {
            read.push(item.number);
            for (let i = 0; i < (paces[item.number]?.[1] ?? 0); i++) await tick();
          }
        })();
        for (const [i, [pause]] of paces.entries()) {
          for (let k = 0; k < pause; k++) await tick();
          latest.put(new Item(i));
        }
        latest.end();
        await reading;
        expect(read.length + latest.dropped).toBe(paces.length);
        expect(read).toEqual([...new Set(read)].sort((a, b) => a - b));
        expect(read.at(-1)).toBe(paces.length ? paces.length - 1 : undefined);
        expect(Item.alive).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});
