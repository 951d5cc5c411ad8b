import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Conflict, NotFound, Overloaded, Usage } from '../../src/errors.js';
import { LiveDecoder } from '../../src/pipeline/codec/live-decode.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { depacketizer } from '../../src/pipeline/rtp/index.js';
import { Palette } from '../../src/server/palette.js';
import type { ServerMessage } from '../../src/server/protocol.js';
import { Session, type SessionParts } from '../../src/server/session.js';
import { Sessions } from '../../src/server/sessions.js';
import { adding, gate } from '../pipeline/doubles.js';
import { FakeCard, FakeSource, FakeViewer, parts, until } from './doubles.js';

type Applied = Extract<ServerMessage, { type: 'applied' }>;

async function openSession(over: Partial<SessionParts> = {}, pause?: () => Promise<void>) {
  const made = parts(over, pause);
  await made.ready();
  const session = new Session('stage', made.parts);
  const heard: ServerMessage[] = [];
  session.on((message) => heard.push(message));
  const applied = () => heard.filter((message): message is Applied => message.type === 'applied');
  return { ...made, session, heard, applied };
}

/** The brightness of the first byte of what a viewer was sent last. */
async function seen(viewer: FakeViewer): Promise<number> {
  await using decoder = await LiveDecoder.open('h264');
  const parser = depacketizer('h264');
  let value = Number.NaN;
  for (const { payloads, timestamp } of viewer.pictures)
    for (const { payload, marker } of payloads)
      for (const unit of parser.push({ payload, marker, timestamp: Math.round(timestamp * 0.09) })) {
        using one = await decoder.decode({ ...unit, timestamp });
        if (one) value = one.data[0]!;
      }
  return value;
}

/** Publishes to a session and watches it: `look` shows a picture of 100 and tells how bright it was painted. */
async function watched(session: Session) {
  const source = new FakeSource();
  session.publish(source);
  const viewer = new FakeViewer();
  const seat = await session.watch('h264', viewer);
  const look = async () => {
    const time = source.show(100);
    await until(() => viewer.pictures.at(-1)?.timestamp === time, 'a picture');
    return (await session.snapshot())!.data[0];
  };
  return { look, [Symbol.dispose]: () => seat[Symbol.dispose]() };
}

afterEach(() => expect(framesAlive()).toBe(0));

describe('what comes into a session', () => {
  it('is given unpainted to who wants to see it, without the card', async () => {
    const { session } = await openSession({ card: () => new FakeCard() });
    const seen: number[] = [];
    const stop = new AbortController();
    const looking = (async () => {
      for await (const one of session.incoming(stop.signal)) {
        using frame = one;
        seen.push(frame.data[0]!);
      }
    })();
    await sleep(100);
    expect(seen).toEqual([]);
    const source = new FakeSource();
    session.publish(source);
    await until(async () => {
      source.show(100);
      await sleep(20);
      // A picture of the card may have been on its way.
      return seen.length > 3 && seen.slice(-3).every((value) => value === 100);
    }, 'pictures');
    stop.abort();
    await looking;
    await session[Symbol.asyncDispose]();
  });
});

describe('a session', () => {
  it('waits with a snapshot for what feeds the stream, rather than show the card', async () => {
    const { session } = await openSession({
      card: () => new FakeCard(),
      base: async () => ({
        ...{ kind: 'demo', lazy: true },
        open: async () => {
          await sleep(100);
          return new FakeCard(100);
        },
      }),
    });
    await session.setInput({ kind: 'demo' });
    expect((await session.snapshot())?.data[0]).toBe(110);
    await session[Symbol.asyncDispose]();
  });

  it('paints a snapshot where nobody looks, and shows nobody what comes in', async () => {
    const { session } = await openSession({
      base: async () => ({ kind: 'demo', open: async () => new FakeCard() }),
    });
    await session.setInput({ kind: 'demo' });
    await until(async () => (await session.snapshot())?.data[0] === 11, 'a picture');
    await session.change({ show: 'blackout', fadeMs: 0 });
    await until(async () => (await session.snapshot())?.data[0] === 0, 'a black picture');
    await session[Symbol.asyncDispose]();
  });

  it('paints what is published, for viewers who share one encoder', async () => {
    const { session } = await openSession();
    const source = new FakeSource();
    const publication = session.publish(source);
    const [one, two] = [new FakeViewer(), new FakeViewer()];
    using _one = await session.watch('h264', one);
    using _two = await session.watch('h264', two);
    // Opening the encoder takes as long as it takes: the publisher goes on meanwhile.
    await until(async () => {
      source.show(100);
      source.sound();
      await sleep(20);
      return one.pictures.length > 3 && two.pictures.length > 3 && one.sounds.length > 5;
    }, 'pictures and sound');
    expect(await seen(one)).toBeCloseTo(110, -1);
    expect(one.pictures.at(-1)?.payloads).toBe(two.pictures.at(-1)?.payloads);
    expect(one.sounds.length).toBeGreaterThan(5);
    expect(session.info()).toMatchObject({ live: true, viewers: 2, input: { kind: 'whip', width: 64 } });
    await publication[Symbol.asyncDispose]();
    expect(source.closed).toBeGreaterThan(0);
    await session[Symbol.asyncDispose]();
  });

  it('paints once for each distinct look, however many watch, and shows each viewer its own', async () => {
    const { session } = await openSession();
    const source = new FakeSource();
    session.publish(source);
    const viewers = [new FakeViewer(), new FakeViewer(), new FakeViewer(), new FakeViewer()];
    const own = { mix: [{ style: 'p60', weight: 1 }] };
    const seats = [
      await session.watch('h264', viewers[0]!),
      await session.watch('h264', viewers[1]!, own),
      await session.watch('h264', viewers[2]!, own),
    ];
    let shown = 0;
    await until(async () => {
      const before = session.painted();
      source.show(100);
      // The next one comes when this one was painted in every look, so that none is dropped.
      await until(
        () => Object.entries(session.painted()).every(([look, count]) => count > (before[look] ?? 0)),
        'a painting in each look',
      );
      // The fourth joins late.
      if (shown++ === 5) seats.push(await session.watch('h264', viewers[3]!, { strength: 0 }));
      return shown > 12 && viewers.every(({ pictures }) => pictures.length > 2);
    }, 'pictures for all');
    const counts = Object.values(session.painted());
    expect(counts).toHaveLength(3);
    expect(counts[0]).toBeGreaterThan(8);
    expect(counts[1]).toBe(counts[0]);
    const values = await Promise.all(viewers.map(seen));
    for (const [i, expected] of [110, 160, 160, 100].entries())
      expect(Math.abs(values[i]! - expected)).toBeLessThan(6);
    for (const seat of seats) seat[Symbol.dispose]();
    await session[Symbol.asyncDispose]();
  });

  it('applies a change on the very frame that it reports', async () => {
    const { session, applied } = await openSession();
    const source = new FakeSource();
    session.publish(source);
    const viewer = new FakeViewer();
    using _seat = await session.watch('h264', viewer);
    const painted = new Map<number, number>();
    const look = async () => {
      const time = source.show(100);
      await until(() => session.stats().timestamp === time && session.stats().fps >= 0, 'the frame');
      await until(() => viewer.pictures.at(-1)?.timestamp === time, 'its picture');
      painted.set(time, (await session.snapshot())!.data[0]!);
    };
    await look();
    await look();
    await session.change({ style: 'p40', fadeMs: 0 }, 'mine');
    await look();
    await look();
    const [report] = applied();
    expect(report).toMatchObject({ id: 'mine', look: { mix: [{ style: 'p40', weight: 1 }] } });
    const times = [...painted.keys()];
    expect(times.indexOf(report!.timestamp)).toBe(2);
    expect([...painted.values()]).toEqual([110, 110, 140, 140]);
    await session[Symbol.asyncDispose]();
  });

  it('shows a different style on consecutive frames in a cycle of one', async () => {
    const { session } = await openSession();
    const source = new FakeSource();
    session.publish(source);
    const viewer = new FakeViewer();
    using _seat = await session.watch('h264', viewer);
    await session.change({ cycle: { styles: ['p10', 'p20', 'p30'], everyFrames: 1 }, fadeMs: 0 });
    const values: number[] = [];
    for (let i = 0; i < 6; i++) {
      const time = source.show(100);
      await until(() => viewer.pictures.at(-1)?.timestamp === time, 'a picture');
      values.push((await session.snapshot())!.data[0]!);
    }
    const first = values.indexOf(110);
    expect(values.slice(first, first + 3)).toEqual([110, 120, 130].slice(0, 6 - first));
    for (const [i, value] of values.slice(1).entries()) expect(value).not.toBe(values[i]);
    await session[Symbol.asyncDispose]();
  });

  it('refuses unknown styles and keeps its look', async () => {
    const { session } = await openSession();
    await expect(session.change({ style: 'nothing', fadeMs: 0 })).rejects.toThrow(NotFound);
    await expect(
      session.watch('h264', new FakeViewer(), { mix: [{ style: 'no', weight: 1 }] }),
    ).rejects.toThrow(NotFound);
    expect(session.look.mix).toEqual([{ style: 'p10', weight: 1 }]);
    await session[Symbol.asyncDispose]();
  });

  it('applies changes also while nobody watches', async () => {
    const { session, applied } = await openSession();
    await session.change({ strength: 0.5, fadeMs: 0 });
    await until(() => applied().length === 1, 'the change');
    expect(session.look.strength).toBe(0.5);
    await session[Symbol.asyncDispose]();
  });

  it('admits one publisher at a time, and the next once the first is gone', async () => {
    const { session } = await openSession();
    const first = session.publish(new FakeSource());
    expect(() => session.publish(new FakeSource())).toThrow(Conflict);
    await first[Symbol.asyncDispose]();
    const again = session.publish(new FakeSource());
    await again[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
  });

  it('shows viewers a card while the publisher is gone, on the same seat, and the picture when it returns', async () => {
    const { session } = await openSession({ card: () => new FakeCard() });
    const viewer = new FakeViewer();
    using _seat = await session.watch('h264', viewer);
    const first = new FakeSource();
    const publication = session.publish(first);
    first.show(100);
    await until(() => viewer.pictures.length > 0, 'the first picture');
    await publication[Symbol.asyncDispose]();
    const before = viewer.pictures.length;
    await until(() => viewer.pictures.length > before + 3, 'the card');
    expect(session.info()).toMatchObject({ live: false, input: { kind: 'card' } });
    expect((await session.snapshot())?.data[0]).toBe(11);
    const second = new FakeSource();
    session.publish(second);
    // A publisher that pauses for longer than a second would be followed by the card again.
    await until(async () => {
      second.show(200);
      await sleep(20);
      return (await session.snapshot())?.data[0] === 210;
    }, 'the second publisher');
    const before2 = viewer.pictures.length;
    await until(() => viewer.pictures.length > before2, 'its picture on the same seat');
    const times = viewer.pictures.map(({ timestamp }) => timestamp);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    await session[Symbol.asyncDispose]();
  });

  it('draws the base only while it is seen: someone watches and nobody publishes', async () => {
    let open = 0;
    class Drawn extends FakeCard {
      constructor() {
        super();
        open++;
      }
      override async [Symbol.asyncDispose]() {
        open--;
        await super[Symbol.asyncDispose]();
      }
    }
    const base = { kind: 'demo', lazy: true, open: async () => new Drawn() };
    const { session } = await openSession({ base: async () => base });
    await session.setInput({ kind: 'demo' });
    expect(open).toBe(0);
    const viewer = new FakeViewer();
    using _seat = await session.watch('h264', viewer);
    await until(() => open === 1 && viewer.pictures.length > 0, 'the base');
    const publication = session.publish(new FakeSource());
    await until(() => open === 0, 'the base to rest');
    await publication[Symbol.asyncDispose]();
    await until(() => open === 1, 'the base again');
    await session[Symbol.asyncDispose]();
    expect(open).toBe(0);
  });

  it('lets a frame through unpainted when the engine fails on it', async () => {
    let fail = false;
    const { session } = await openSession({}, async () => {
      if (fail) throw new Error('out of memory');
    });
    using shown = await watched(session);
    const { look } = shown;
    expect(await look()).toBe(110);
    fail = true;
    expect(await look()).toBe(100);
    fail = false;
    expect(await look()).toBe(110);
    await session[Symbol.asyncDispose]();
  });

  it('drops the oldest under load and counts every frame', async () => {
    const held = gate();
    const { session } = await openSession({}, () => held.passed);
    const source = new FakeSource();
    session.publish(source);
    const viewer = new FakeViewer();
    using _seat = await session.watch('h264', viewer);
    let newest = 0;
    for (let i = 0; i < 40; i++) {
      newest = source.show(100);
      await sleep(1);
    }
    held.open();
    await until(() => {
      const { in: came, painted, dropped } = session.stats().frames;
      return came === 40 && came === painted + Object.values(dropped).reduce((a, b) => a + b);
    }, 'an exact count');
    expect(session.stats().frames.dropped.busy).toBeGreaterThan(30);
    // What is newest is painted.
    await until(() => viewer.pictures.at(-1)?.timestamp === newest, 'the newest');
    await session[Symbol.asyncDispose]();
  });

  it('falls back on a lighter model while the machine cannot keep up, and says so', async () => {
    const heavy = parts({}, () => sleep(60)).parts.branch;
    const light = parts().parts.branch.tiers[0];
    const palette = new Palette(async () => adding(50));
    const tiers = [heavy.tiers[0], { ...light, model: 'light', palette, cost: 0.01 }] as const;
    const { session } = await openSession({ branch: { ...heavy, tiers: [...tiers], adapt: true } });
    await heavy.tiers[0].palette.ready(['p10']);
    await palette.ready(['p10']);
    const source = new FakeSource();
    session.publish(source);
    using _seat = await session.watch('h264', new FakeViewer());
    const fed = setInterval(() => source.show(100), 20);
    await until(() => session.info().degraded.model === 'light', 'the lighter model');
    await until(async () => (await session.snapshot())?.data[0] === 150, 'its painting');
    expect(session.info().degraded.reason).toContain('cannot keep up');
    clearInterval(fed);
    await session[Symbol.asyncDispose]();
  });

  it('bounds the looks of one stream', async () => {
    const { session } = await openSession({ maxLooks: 2 });
    using _main = await session.watch('h264', new FakeViewer());
    using _own = await session.watch('h264', new FakeViewer(), { strength: 0.5 });
    await expect(session.watch('h264', new FakeViewer(), { strength: 0.25 })).rejects.toThrow(Overloaded);
    await session[Symbol.asyncDispose]();
  });
});

describe('the sessions', () => {
  it('open streams by name, refuse names that are none, and more than there may be', async () => {
    const { parts: made, ready } = parts();
    await ready();
    await using sessions = new Sessions(made, { streams: 2, viewers: 1 });
    const stage = sessions.open('stage');
    expect(sessions.open('stage')).toBe(stage);
    for (const name of ['', '../x', 'api', 'a b', 'x'.repeat(65)])
      expect(() => sessions.open(name)).toThrow(Usage);
    using _stage = stage.on(() => {});
    const other = sessions.open('other');
    const heard = other.on(() => {});
    expect(() => sessions.open('third')).toThrow(Overloaded);
    heard[Symbol.dispose]();
    // One that nobody uses makes room.
    sessions.open('third');
    expect(sessions.find('other')).toBeUndefined();
    expect(sessions.find('stage')).toBe(stage);
    await sessions.close('third');
    sessions.open('other');
    expect(sessions.admitViewer()).toBeUndefined();
    using _seat = await stage.watch('h264', new FakeViewer());
    expect(() => sessions.admitViewer()).toThrow(Overloaded);
    await sessions.close('other');
    expect(sessions.find('other')).toBeUndefined();
    await expect(sessions.close('other')).rejects.toThrow(NotFound);
  });

  it('keep those that a person wanted, with their looks, and end others to make room', async () => {
    const { parts: made, ready } = parts();
    await ready();
    await using sessions = new Sessions(made, { streams: 2, viewers: 1 });
    const stage = sessions.keep('stage');
    stage.set({ maxAge: 120 });
    for (const name of ['a', 'b', 'c']) sessions.open(name);
    expect(sessions.list().map(({ name }) => name)).toEqual(['stage', 'c']);
    expect(sessions.keep('stage')).toBe(stage);
    expect(stage.info().maxAge).toBe(120);
    // Also one that was there before.
    sessions.keep('c');
    expect(() => sessions.open('d')).toThrow('There are 2 streams already.');
    expect(() => sessions.keep('d')).toThrow(Overloaded);
    await sessions.close('c');
    sessions.open('c');
    sessions.open('d');
    expect(sessions.list().map(({ name }) => name)).toEqual(['stage', 'd']);
  });

  it('hold the weights of styles that looks name, at once or later, and of few others', async () => {
    const { parts: made, ready } = parts();
    await ready();
    const { palette } = made.branch.tiers[0];
    await using sessions = new Sessions(made, { streams: 2, viewers: 2 });
    const stage = sessions.open('stage');
    using _seat = await stage.watch('h264', new FakeViewer(), { mix: [{ style: 'p100', weight: 1 }] });
    await stage.change({ style: 'p101', fadeMs: 0, atFrame: 1e6 });
    await stage.change({ cycle: { styles: ['p102', 'p103'], everyFrames: 1 }, fadeMs: 0, atFrame: 1e6 });
    const other = sessions.open('other');
    other.publish(new FakeSource());
    for (let i = 200; i < 300; i++) await other.change({ style: `p${i}`, fadeMs: 0, atFrame: 1e6 }, `c${i}`);
    expect(palette.size).toBe(105);
    for (let i = 200; i < 300; i++) other.cancel(`c${i}`);
    await other.change({ style: 'p300', fadeMs: 0 });
    const has = (style: string) => palette.has({ ...made.opening, mix: new Map([[style, 1]]) });
    expect(['p10', 'p100', 'p101', 'p102', 'p103', 'p300', 'p299'].filter((style) => !has(style))).toEqual(
      [],
    );
    expect(palette.size).toBe(6 + 32);
    sessions.restyle('p299');
    expect(has('p299')).toBe(false);
    sessions.restyle('p101');
    expect(has('p101')).toBe(true);
  });

  it('fade to what a style was tuned to, and say so; styles that nobody has used stay unmade', async () => {
    let brighter = 10;
    const made: string[] = [];
    const palette = new Palette(async (name) => {
      made.push(name);
      return adding(brighter);
    });
    const { parts: whole } = parts();
    const tiers = [{ ...whole.branch.tiers[0], palette }] as const;
    await palette.ready(['p10']);
    await using sessions = new Sessions(
      { ...whole, branch: { ...whole.branch, tiers } },
      { streams: 2, viewers: 1 },
    );
    const session = sessions.open('stage');
    const heard: ServerMessage[] = [];
    session.on((message) => heard.push(message));
    using shown = await watched(session);
    const { look } = shown;
    expect(await look()).toBe(110);
    brighter = 50;
    const fade = sessions.retune('p10', 2500);
    expect(heard).toContainEqual({ type: 'styles' });
    let between = 110;
    await until(async () => {
      between = (await look())!;
      return between > 110;
    }, 'a change');
    expect(between).toBeLessThan(150);
    await fade;
    await sessions.retune('never-used');
    expect(await look()).toBe(150);
    expect(made).toEqual(['p10', 'p10']);
  });
});
