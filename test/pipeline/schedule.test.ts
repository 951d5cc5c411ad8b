import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Late } from '../../src/errors.js';
import { grey, tick } from './doubles.js';
import { look, small, Workshop } from './schedule-doubles.js';

const MS = 1000;
const large = { width: 8, height: 8 };

/** Learns that a call of one picture takes `alone` and one of eight `together` milliseconds. */
async function teach(shop: Workshop, { alone, together }: { alone: number; together: number }) {
  // Never asks: what was learned lasts as long as the painter does.
  await shop.batcher.lease(small);
  const one = await look(shop.batcher);
  const eight = await Promise.all(Array.from({ length: 8 }, () => look(shop.batcher)));
  for (let i = 0; i < 5; i++) {
    await one.ask(200);
    await shop.drain(alone * MS);
    await Promise.all(eight.map(({ ask }) => ask(201)));
    await shop.drain(together * MS);
  }
  for (const { painter } of [one, ...eight]) await painter[Symbol.asyncDispose]();
  shop.calls.length = 0;
}

describe('the schedule', () => {
  it('paints by deadline, across streams, sizes and nets of one engine', async () => {
    const shop = new Workshop();
    const first = await look(shop.batcher);
    const [a, b] = [await look(shop.batcher), await look(shop.batcher, { size: large })];
    const c = await look(shop.net());
    const now = shop.clock.now();
    await first.ask(0);
    await a.ask(1, { deadline: now + 300 * MS });
    await b.ask(2, { deadline: now + 100 * MS });
    await c.ask(3, { deadline: now + 200 * MS });
    for (let i = 0; i < 4; i++) await shop.end(20 * MS);
    expect(shop.calls).toEqual([[0], [2], [3], [1]]);
  });

  it('decides anew for each call: what comes later and is more urgent goes first', async () => {
    const shop = new Workshop();
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => look(shop.batcher)));
    const now = shop.clock.now();
    await a!.ask(1, { deadline: now + 100 * MS });
    await b!.ask(2, { deadline: now + 300 * MS });
    await c!.ask(3, { deadline: now + 200 * MS });
    for (let i = 0; i < 3; i++) await shop.end(20 * MS);
    expect(shop.calls).toEqual([[1], [3], [2]]);
  });

  it('paints what nobody waits for last, but within a second however busy it is', async () => {
    const shop = new Workshop();
    const [live, sample] = [await look(shop.batcher), await look(shop.batcher)];
    const ask = (value: number) => live.ask(value, { deadline: shop.clock.now() + 100 * MS });
    await ask(0);
    await sample.ask(99);
    let turns = 0;
    for (; sample.painted.length === 0 && turns < 100; turns++) {
      await ask(turns % 90);
      await shop.end(20 * MS);
    }
    // It is a tenth of a second ahead of whoever asks for that, and had nothing while the other had it all.
    expect(turns).toBeGreaterThan(1);
    expect(turns).toBeLessThan(60);
  });

  it('makes one call after the other where they are long, and has the next one ready where they are short', async () => {
    const shop = new Workshop();
    const looks = await Promise.all([1, 2, 3].map(() => look(shop.batcher)));
    for (const [i, { ask }] of looks.entries()) await ask(i);
    expect(shop.under).toHaveLength(1);
    await shop.end(60 * MS);
    expect(shop.under).toHaveLength(1);
    while (shop.under.length > 0) await shop.end(60 * MS);
    for (let i = 0; i < 10; i++) {
      await looks[0]!.ask(i);
      await shop.end(2 * MS);
    }
    for (const [i, { ask }] of looks.entries()) await ask(i);
    expect(shop.under).toHaveLength(2);
    while (shop.under.length > 0) await shop.end(2 * MS);
  });
});

describe('an engine of several lanes', () => {
  it('has a call in each, one picture in every call, the most urgent first', async () => {
    const shop = new Workshop({}, 2);
    const looks = await Promise.all([1, 2, 3, 4].map(() => look(shop.batcher)));
    const now = shop.clock.now();
    for (const [i, { ask }] of looks.entries()) await ask(i, { deadline: now + (9 - i) * 100 * MS });
    expect(shop.calls).toEqual([[0], [1]]);
    await shop.end(60 * MS);
    await shop.end(60 * MS);
    expect(shop.calls).toEqual([[0], [1], [3], [2]]);
    await shop.drain(60 * MS);
  });

  it('has one call more ready where they are short, and knows how long each takes by itself', async () => {
    const shop = new Workshop({}, 2);
    const looks = await Promise.all([1, 2, 3, 4].map(() => look(shop.batcher)));
    for (let i = 0; i < 10; i++) {
      for (const { ask } of looks) await ask(i);
      // The two lanes are done one shortly after the other.
      while (shop.under.length > 0) await shop.end(9 * MS);
    }
    for (const { ask } of looks) await ask(0);
    expect(shop.under).toHaveLength(2);
    await shop.drain(9 * MS);
    for (let i = 0; i < 10; i++) {
      for (const { ask } of looks.slice(0, 2)) await ask(i);
      while (shop.under.length > 0) await shop.end(2 * MS);
    }
    for (const { ask } of looks) await ask(0);
    expect(shop.under).toHaveLength(3);
    await shop.drain(2 * MS);
  });

  it('gives one who is alone all lanes, and each of several those that the others leave', async () => {
    const shop = new Workshop({}, 3);
    const [a, b] = await Promise.all([1, 2].map(() => look(shop.batcher)));
    const room = () => [a!.painter.room, b!.painter.room];
    expect(room()).toEqual([3, 3]);
    await a!.ask(1);
    expect(room()).toEqual([3, 2]);
    await a!.ask(2);
    await a!.ask(3);
    await a!.ask(4);
    expect(room()).toEqual([3, 1]);
    await b!.ask(5);
    expect(room()).toEqual([2, 1]);
    await shop.drain(60 * MS);
    expect(room()).toEqual([3, 3]);
  });
});

describe('an engine that paints several pictures of a call at once', () => {
  it('is filled by one film: one call is painted while the next one comes together, and calls grow', async () => {
    const shop = new Workshop({}, 1, 8);
    const { painter, ask, painted } = await look(shop.batcher);
    expect([painter.room, painter.fill]).toEqual([1, 16]);
    let asked = 0;
    for (let i = 0; i < 200; i++) {
      while (asked - painted.length < painter.fill) await ask(asked++ % 256);
      await shop.end(20 * MS);
    }
    expect(shop.calls.slice(0, 3).map(({ length }) => length)).toEqual([1, 1, 1]);
    expect(shop.calls.slice(-40).filter(({ length }) => length === 8).length).toBeGreaterThan(36);
    await shop.drain(20 * MS);
  });

  it('is asked for less by one film while others are in line', async () => {
    const shop = new Workshop({}, 2, 4);
    const [a, b] = await Promise.all([1, 2].map(() => look(shop.batcher)));
    expect([a!.painter.fill, b!.painter.fill]).toEqual([12, 12]);
    for (let i = 0; i < 9; i++) await a!.ask(i);
    // Two are being painted, seven are in line.
    expect([a!.painter.fill, b!.painter.fill]).toEqual([12, 5]);
    await shop.drain(20 * MS);
  });
});

describe('shares of an engine', () => {
  /** A flood that always has pictures in line, and a polite stream that asks anew once it was served. */
  async function contend(flooders: number, owner?: object) {
    const shop = new Workshop();
    const flood = await Promise.all(Array.from({ length: flooders }, () => look(shop.batcher, { owner })));
    const polite = await look(shop.batcher);
    for (const { ask } of flood) for (let i = 0; i < 4; i++) await ask(1, { deadline: shop.clock.now() + 1 });
    for (let i = 0; i < 200; i++) {
      for (const { ask } of flood) await ask(1, { deadline: shop.clock.now() + 1 });
      if (i % 2 === 0) await polite.ask(2, { deadline: shop.clock.now() + 250 * MS });
      await shop.end(10 * MS);
    }
    return { polite, shop };
  }

  it('are not taken away by a stream that floods with earlier deadlines', async () => {
    const { polite } = await contend(1);
    // A hundred were asked for in two hundred turns: nearly all of them had theirs.
    expect(polite.painted.length).toBeGreaterThan(90);
  });

  it('count a stream with many looks once', async () => {
    const { polite } = await contend(4, {});
    expect(polite.painted.length).toBeGreaterThan(90);
  });

  it('bind nobody while there is enough for all', async () => {
    const shop = new Workshop();
    const [much, little] = [await look(shop.batcher), await look(shop.batcher)];
    for (let i = 0; i < 50; i++) {
      await much.ask(1);
      await shop.end(20 * MS);
    }
    const now = shop.clock.now();
    const blocker = await look(shop.batcher);
    await blocker.ask(0);
    await little.ask(2, { deadline: now + 200 * MS });
    await much.ask(1, { deadline: now + 100 * MS });
    shop.calls.length = 0;
    for (let i = 0; i < 3; i++) await shop.end(20 * MS);
    expect(shop.calls).toEqual([[1], [2]]);
  });

  it('leave nobody out where there is too little: each is painted about as often as every other', async () => {
    const shop = new Workshop();
    const streams = await Promise.all([1, 2, 3, 4, 5].map(() => look(shop.batcher)));
    const fresh = () => ({ deadline: shop.clock.now() + 100 * MS, lapses: true });
    // Everyone has a frame in line at any time, and a new one as soon as that is painted or refused.
    let over = false;
    const asking = streams.map(async ({ ask }, i) => {
      while (!over) await ask(i, fresh(), true);
    });
    await tick();
    for (let i = 0; i < 200; i++) await shop.end(60 * MS);
    over = true;
    await shop.drain(MS);
    await Promise.all(asking);
    const counts = streams.map(({ painted }) => painted.length);
    for (const count of counts) expect(Math.abs(count - 40)).toBeLessThanOrEqual(4);
  });
});

describe('a stream whose frames are always wanted last', () => {
  it.each([10, 60, 100, 300])('has its share all the same where calls take %i ms', async (ms) => {
    const shop = new Workshop();
    // Those who bring fresher frames have later deadlines, and one allows them to be older.
    const ages = [0, 15, 40, 100];
    const streams = await Promise.all(ages.map(() => look(shop.batcher)));
    let over = false;
    const asking = streams.map(async ({ ask }, i) => {
      const deadline = () => shop.clock.now() + (i === 1 ? 150 : 250 - ages[i]!) * MS;
      while (!over) await ask(i, { deadline: deadline(), lapses: true }, true);
    });
    await tick();
    for (let i = 0; i < 200; i++) await shop.end(ms * MS);
    over = true;
    await shop.drain(MS);
    await Promise.all(asking);
    for (const { painted } of streams) expect(painted.length).toBeGreaterThan(35);
  });
});

describe('a frame that is too old', () => {
  it('is refused when its turn comes, and who asked for it is next', async () => {
    const shop = new Workshop();
    const [a, b] = [await look(shop.batcher), await look(shop.batcher)];
    const due = (ms: number) => ({ deadline: shop.clock.now() + ms * MS, lapses: true });
    await a.ask(1, due(250));
    await b.ask(2, due(50));
    await shop.end(60 * MS);
    expect(b.refused[0]).toBeInstanceOf(Late);
    await a.ask(3, due(10));
    expect(shop.calls).toEqual([[1], [3]]);
    // While that one was painted the other came back with something newer, which is wanted later than a's next one.
    await b.ask(4, due(250));
    await shop.end(5 * MS);
    expect(shop.calls).toEqual([[1], [3], [4]]);
    await shop.end(5 * MS);
    expect([a.painted, b.painted]).toEqual([[1, 3], [4]]);
  });

  it('goes before those with earlier deadlines once it was let down', async () => {
    const shop = new Workshop();
    const [a, b, c] = [await look(shop.batcher), await look(shop.batcher), await look(shop.batcher)];
    const due = (ms: number, lapses = true) => ({ deadline: shop.clock.now() + ms * MS, lapses });
    await a.ask(1, due(250));
    await b.ask(2, due(50));
    await c.ask(3, due(500));
    await shop.end(60 * MS);
    expect(b.refused).toHaveLength(1);
    await a.ask(4, due(20, false));
    await b.ask(5, due(900));
    await shop.end(5 * MS);
    expect(shop.calls).toEqual([[1], [3], [5]]);
  });

  it('lapses as soon as something newer has come, and not before', async () => {
    const shop = new Workshop();
    const [a, b] = [await look(shop.batcher), await look(shop.batcher)];
    await a.ask(1);
    let newer = false;
    const style = await b.painter.bind(new Map());
    const due = { deadline: shop.clock.now() - 1, lapses: () => newer };
    const refused = b.painter.paint([{ pixels: grey(2), style }], due).catch((error: unknown) => error);
    await shop.clock.advance(50 * MS);
    expect(shop.clock.next).toBeUndefined();
    newer = true;
    await shop.end(10 * MS);
    expect(await refused).toBeInstanceOf(Late);
    expect(shop.calls).toEqual([[1]]);
  });

  it('is painted all the same where it may not lapse', async () => {
    const shop = new Workshop();
    const [a, b] = [await look(shop.batcher), await look(shop.batcher)];
    await a.ask(1);
    await b.ask(2, { deadline: shop.clock.now() + 1, lapses: false });
    await shop.end(500 * MS);
    await shop.end(500 * MS);
    expect(b.painted).toEqual([2]);
  });

  it('is not taken along in a call of others either', async () => {
    const shop = new Workshop({ most: 8 });
    const looks = await Promise.all([1, 2, 3].map(() => look(shop.batcher)));
    await looks[0]!.ask(0);
    await looks[1]!.ask(1, { deadline: shop.clock.now() + 10 * MS, lapses: true });
    await looks[2]!.ask(2);
    await shop.end(20 * MS);
    await shop.end(20 * MS);
    expect(shop.calls).toEqual([[0], [2]]);
    expect(looks[1]!.refused).toHaveLength(1);
  });
});

describe('a call for several streams', () => {
  it('takes along what is in line for the same painter, one of each stream first', async () => {
    const shop = new Workshop({ most: 4 });
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => look(shop.batcher)));
    const other = await look(shop.batcher, { size: large });
    await a!.ask(0);
    for (const value of [10, 11, 12]) await a!.ask(value);
    await other.ask(99);
    await b!.ask(20);
    await c!.ask(30);
    while (shop.under.length > 0) await shop.end(20 * MS);
    expect(shop.calls).toEqual([[0], [10, 20, 30, 11], [12], [99]]);
    expect([a!.painted, b!.painted, c!.painted, other.painted]).toEqual([[0, 10, 11, 12], [20], [30], [99]]);
  });

  it('waits for those who are about to come, where a full call saves more than the wait', async () => {
    const shop = new Workshop({ most: 8 });
    await teach(shop, { alone: 10, together: 20 });
    const [a, b] = [await look(shop.batcher), await look(shop.batcher)];
    for (let i = 0; i < 3; i++) {
      await Promise.all([a.ask(i), b.ask(i)]);
      await shop.drain(5 * MS);
      await shop.clock.advance(35 * MS);
    }
    shop.calls.length = 0;
    await a.ask(7);
    expect(shop.calls).toEqual([]);
    await shop.clock.advance(3 * MS);
    await b.ask(8);
    expect(shop.calls).toEqual([[7, 8]]);
  });

  it('waits no longer than the earliest deadline allows', async () => {
    const shop = new Workshop({ most: 8 });
    await teach(shop, { alone: 10, together: 20 });
    const [a, b] = [await look(shop.batcher), await look(shop.batcher)];
    for (let i = 0; i < 3; i++) {
      await Promise.all([a.ask(i), b.ask(i)]);
      await shop.drain(5 * MS);
      await shop.clock.advance(35 * MS);
    }
    shop.calls.length = 0;
    const now = shop.clock.now();
    await a.ask(7, { deadline: now + 24 * MS });
    expect(shop.calls).toEqual([]);
    // Two pictures take some time themselves: it has to begin before.
    const latest = shop.clock.next!;
    expect(latest).toBeLessThanOrEqual(now + 24 * MS);
    await shop.clock.advance(latest - now);
    expect(shop.calls).toEqual([[7]]);
  });

  it('does not wait where nobody is about to come, or nothing is gained', async () => {
    const gainful = new Workshop({ most: 8 });
    await teach(gainful, { alone: 10, together: 20 });
    const alone = await look(gainful.batcher);
    for (let i = 0; i < 3; i++) {
      await alone.ask(i);
      expect(gainful.under).toHaveLength(1);
      await gainful.end(5 * MS);
      await gainful.clock.advance(35 * MS);
    }
    const vain = new Workshop({ most: 8 });
    await teach(vain, { alone: 10, together: 80 });
    const [a, b] = [await look(vain.batcher), await look(vain.batcher)];
    for (let i = 0; i < 3; i++) {
      await Promise.all([a.ask(i), b.ask(i)]);
      await vain.drain(5 * MS);
      await vain.clock.advance(35 * MS);
    }
    vain.calls.length = 0;
    await a.ask(7);
    expect(vain.calls).toEqual([[7]]);
  });

  it('waits while the engine is busy anyway, until it is about to be free', async () => {
    const shop = new Workshop({ most: 8 });
    await teach(shop, { alone: 10, together: 12 });
    const looks = await Promise.all([1, 2, 3].map(() => look(shop.batcher)));
    await looks[0]!.ask(1);
    await looks[1]!.ask(2);
    expect(shop.under).toHaveLength(1);
    await shop.clock.advance(4 * MS);
    await looks[2]!.ask(3);
    expect(shop.under).toHaveLength(1);
    await shop.clock.advance(5 * MS);
    expect(shop.calls).toEqual([[1], [2, 3]]);
    expect(shop.under).toHaveLength(2);
  });
});

describe('whatever happens', () => {
  it('every picture is painted, refused as late or failed, once', async () => {
    const event = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          stream: fc.nat(4),
          ms: fc.integer({ min: -5, max: 80 }),
          lapses: fc.boolean(),
        }),
      },
      { weight: 3, arbitrary: fc.record({ end: fc.nat(60), fail: fc.boolean() }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 60 }),
        fc.constantFrom(1, 3, 8, undefined),
        async (events, most) => {
          const shop = new Workshop({ most });
          const owner = {};
          const streams = await Promise.all(
            [small, small, small, large, large].map((size, i) =>
              look(shop.batcher, { size, owner: i < 2 ? owner : undefined }),
            ),
          );
          let asked = 0;
          for (const one of events)
            if ('stream' in one) {
              asked++;
              const deadline = shop.clock.now() + one.ms * MS;
              await streams[one.stream]!.ask(asked % 200, { deadline, lapses: one.lapses });
            } else if (shop.under.length > 0)
              await shop.end(one.end * MS, one.fail ? new Error('device lost') : undefined);
          const closing = streams.map(({ painter }) => painter[Symbol.asyncDispose]());
          await shop.drain(MS);
          await Promise.all(closing);
          const settled = streams.map(({ painted, refused }) => painted.length + refused.length);
          expect(settled.reduce((a, b) => a + b)).toBe(asked);
          expect(shop.closed).toBe(2);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('a lease that is returned in the middle of a call and with pictures in line is painted for yet', async () => {
    const shop = new Workshop({ most: 2 });
    const [a, b] = [await look(shop.batcher), await look(shop.batcher)];
    await a.ask(1);
    await a.ask(2);
    await b.ask(3);
    const returned = a.painter[Symbol.asyncDispose]();
    const last = b.painter[Symbol.asyncDispose]();
    await shop.end(20 * MS);
    expect(shop.closed).toBe(0);
    await shop.end(20 * MS);
    await Promise.all([returned, last]);
    expect([a.painted, b.painted, shop.closed]).toEqual([[1, 2], [3], 1]);
  });
});
