import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { IdentityEngine, identityOptions } from '../../src/models/engines/identity.js';
import { transformNet } from '../../src/models/nets/transform.js';
import { Batcher } from '../../src/pipeline/batcher.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { liveNow } from '../../src/pipeline/live.js';
import { Palette } from '../../src/server/palette.js';
import { Session, type SessionParts } from '../../src/server/session.js';
import { seededWeights } from '../suites/weights.js';
import { FakeSource, FakeViewer, parts, until } from './doubles.js';

afterEach(() => expect(framesAlive()).toBe(0));

const net = transformNet({ base: 2, residuals: 0 });
const base = seededWeights(net, 'net', 1);

/** Streams that share an identity engine that takes its time for each picture. */
async function stage(
  names: readonly string[],
  { delay, ...over }: { delay: string } & Partial<SessionParts>,
) {
  const engine = new IdentityEngine(identityOptions(`delay=${delay}`));
  const batcher = new Batcher((size) => engine.painter(net, base, size));
  const palette = new Palette(async (name) => seededWeights(net, 'style', Number(name.slice(1))));
  await palette.ready(['p10']);
  const { parts: made } = parts(over);
  const tier = { ...made.branch.tiers[0], batcher, palette, stride: net.stride };
  const sessions = names.map(
    (name) => new Session(name, { ...made, branch: { ...made.branch, tiers: [tier] } }),
  );
  const sources = sessions.map((session) => {
    const source = new FakeSource();
    session.publish(source);
    return source;
  });
  const close = async () => {
    for (const session of sessions) await session[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  };
  return { sessions, sources, close };
}

/** Whether every frame of a stream is accounted for. */
function settled(session: Session): boolean {
  const { in: came, painted, dropped } = session.stats().frames;
  return came === painted + Object.values(dropped).reduce((a, b) => a + b);
}

describe('streams that share an engine', () => {
  it('are all painted, and every frame is counted, though one floods in many looks', async () => {
    const { sessions, sources, close } = await stage(['flood', 'polite'], { delay: '4ms', maxAge: 250 });
    const [flood, polite] = sessions as [Session, Session];
    const viewer = () => new FakeViewer();
    using _a = await flood.watch('h264', viewer());
    using _b = await flood.watch('h264', viewer(), { strength: 0.9 });
    using _c = await flood.watch('h264', viewer(), { strength: 0.8 });
    using _d = await polite.watch('h264', viewer());
    await until(async () => {
      sources[0]!.show(100);
      sources[1]!.show(100);
      await sleep(2);
      return polite.stats().frames.painted > 20 && Object.values(flood.painted()).every((count) => count > 5);
    }, 'paintings for all');
    await until(() => sessions.every(settled), 'exact counts');
    for (const session of sessions) {
      const { painted, onTime } = session.stats().frames;
      expect(onTime).toBeLessThanOrEqual(painted);
    }
    expect(polite.stats().hitRate).toBeGreaterThan(0);
    await close();
  });

  it('drop frames that waited for too long for their turn, paint the newest, and count all of them', async () => {
    const { sessions, sources, close } = await stage(['slow', 'strict'], { delay: '120ms', maxAge: 10_000 });
    const [slow, strict] = sessions as [Session, Session];
    strict.set({ maxAge: 20 });
    using _a = await slow.watch('h264', new FakeViewer());
    using _b = await strict.watch('h264', new FakeViewer());
    await until(async () => {
      for (const source of sources) source.show(100);
      await sleep(10);
      return strict.stats().frames.dropped.late! > 3 && strict.stats().frames.painted > 3;
    }, 'frames that were late, and some that were not');
    await until(() => sessions.every(settled), 'exact counts');
    expect(slow.stats().frames.dropped.late).toBe(0);
    // It took longer than strict allows.
    expect(strict.stats().frames.onTime).toBe(0);
    expect(slow.stats().frames.onTime).toBe(slow.stats().frames.painted);
    await close();
  });

  it('show old pictures where there are no newer ones: a source that lags does not stand still', async () => {
    const { sessions, sources, close } = await stage(['lagging'], { delay: '1ms', maxAge: 50 });
    const [session] = sessions as [Session];
    using _seat = await session.watch('h264', new FakeViewer());
    for (let i = 1; i <= 10; i++) {
      sources[0]!.show(100, liveNow() - 500_000);
      await until(() => session.stats().frames.painted === i, 'its picture');
    }
    expect(session.stats().frames).toMatchObject({ in: 10, painted: 10, onTime: 0, dropped: { late: 0 } });
    expect(session.stats().hitRate).toBe(0);
    await until(() => settled(session), 'an exact count');
    await close();
  });

  it('end in the middle of a call without leaving anything behind', async () => {
    const { sessions, sources, close } = await stage(['one', 'two'], { delay: '50ms', maxAge: 250 });
    const seats = await Promise.all(sessions.map((session) => session.watch('h264', new FakeViewer())));
    for (const source of sources) source.show(1);
    await until(() => sessions.every((session) => session.stats().frames.in > 0), 'frames');
    for (const seat of seats) seat[Symbol.dispose]();
    await close();
  });
});
