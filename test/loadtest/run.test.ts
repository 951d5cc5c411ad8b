import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openServerParts } from '../../src/commands/server-parts.js';
import { Denied, Interrupted, NotFound } from '../../src/errors.js';
import type { LoadNow, LoadOptions, LoadResult } from '../../src/loadtest/result.js';
import { loadTest } from '../../src/loadtest/run.js';
import { addUserStyle } from '../../src/models/user-styles.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { serve } from '../../src/server/serve.js';
import { type SettingsInput, settings as schema } from '../../src/server/settings.js';
import { workshop } from '../commands/cli.js';

let shop: Awaited<ReturnType<typeof workshop>>;
beforeAll(async () => {
  shop = await workshop();
  await addUserStyle(shop.style, { name: 'mine' });
  await addUserStyle(shop.other, { name: 'other' });
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  expect(framesAlive()).toBe(0);
});

/** Of the next server: below what systems give out by themselves. */
let ports = 28_000;

/** A whole server in this process that paints nothing: the identity engine. */
async function serving(given: SettingsInput = {}) {
  const { limits, tokens } = given;
  ports += 100;
  const settings = schema.parse({
    ...{ listen: { port: 0 }, demo: false, webrtc: { udpPorts: [ports, ports + 99], tcp: false } },
    paint: { model: shop.model, engine: 'identity', style: 'mine', width: 192, height: 112, adapt: false },
    limits: { signallingPerSecond: 1000, viewers: 20, ...limits },
    ...(tokens && { tokens }),
  });
  const control = new AbortController();
  const server = await openServerParts(settings, 'test', control.signal);
  const served = await serve(server.parts);
  await server.begin();
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= served.drain(async () => server[Symbol.asyncDispose]());
    return stopping;
  };
  closing.push(stop);
  const { sessions, peers } = server.parts;
  const viewers = () => sessions.list().reduce((sum, session) => sum + session.info().viewers, 0);
  return { url: served.url, sessions, peers: peers!, viewers, stop };
}

const small = { width: 192, height: 112, fps: 20, seconds: 3, warmup: 0, codec: 'h264' } as const;
const one: Omit<LoadOptions, 'url'> = { ...small, publishers: 1, viewers: 1 };

function run(options: LoadOptions, signal = new AbortController().signal) {
  const steps: string[] = [];
  const seen: LoadNow[] = [];
  const events = { step: (text: string) => steps.push(text), now: (now: LoadNow) => seen.push(now) };
  return { steps, seen, result: loadTest(options, events, signal) };
}

/** What holds of every result, whatever was measured. */
function consistent({ streams, together, viewers, loadtest }: LoadResult) {
  for (const { received, published, arrived, painted, dropped, latency, unread } of streams) {
    expect(published).toBeGreaterThan(0);
    expect(received!.min).toBeLessThanOrEqual(received!.median);
    expect(received!.median).toBeLessThanOrEqual(received!.max);
    expect(painted!).toBeLessThanOrEqual(arrived! + 1);
    expect(Object.values(dropped!).every((count) => count >= 0)).toBe(true);
    expect(latency.count).toBeGreaterThan(0);
    expect(unread).toBeLessThan(latency.count);
    expect(latency.p50!).toBeGreaterThan(0);
    expect(latency.p50!).toBeLessThanOrEqual(latency.p95!);
    expect(latency.p95!).toBeLessThanOrEqual(latency.p99!);
    expect(latency.p99!).toBeLessThanOrEqual(latency.worst!);
  }
  expect(together.latency.count).toBe(streams.reduce((sum, { latency }) => sum + latency.count, 0));
  expect(streams.reduce((sum, stream) => sum + stream.viewers, 0)).toBe(viewers.came);
  // It is printed, and logged: no secrets.
  expect(loadtest.token).toBeUndefined();
}

describe('a test of load', () => {
  it('plays publishers and viewers of both codecs, measures them, and leaves nothing behind', async () => {
    const { url, sessions, peers } = await serving();
    for (const codec of ['h264', 'vp8'] as const) {
      const options = {
        ...small,
        url,
        codec,
        publishers: 2,
        viewers: 3,
        styles: ['mine', 'other'],
      };
      const { result, seen, steps } = run(options);
      const found = await result;
      expect(found.faults).toEqual([]);
      expect(found).toMatchObject({ ok: true, interrupted: false, server: { engine: 'identity' } });
      expect(found.publishers).toMatchObject({ wanted: 2, came: 2, connectMs: { count: 2 } });
      expect(found.viewers).toMatchObject({ wanted: 3, came: 3, firstPictureMs: { count: 3 } });
      expect(found.streams.map(({ styles, viewers }) => [styles, viewers])).toEqual([
        [['mine'], 2],
        [['other'], 1],
      ]);
      expect(found.seconds).toBeGreaterThanOrEqual(3);
      expect(found.server.cpuPercent).toBeGreaterThan(0);
      expect(found.generator.cpuPercent).toBeGreaterThan(0);
      consistent(found);
      expect(steps).toHaveLength(2);
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.at(-1)).toMatchObject({ of: 3, streams: 2, viewers: 3 });
      expect([sessions.list().length, peers.size]).toEqual([0, 0]);
    }
  });

  it('switches styles every so many frames where that is asked for', async () => {
    const { url, sessions } = await serving();
    const { result, steps } = run({ ...one, url, switchEvery: 2 });
    const cycles: unknown[] = [];
    const looking = setInterval(() => cycles.push(sessions.list()[0]?.info().cycle), 100);
    const { streams, faults } = await result.finally(() => clearInterval(looking));
    expect(faults).toEqual([]);
    expect(steps).toHaveLength(2);
    const { styles } = streams[0]!;
    expect(styles).toHaveLength(2);
    expect(cycles).toContainEqual({ styles, everyFrames: 2 });
  });

  it('tells that the server is full as a finding, and measures those who came in', async () => {
    const { url } = await serving({ limits: { streams: 2, viewers: 1 } });
    const { result } = run({ ...small, url, publishers: 4, viewers: 4 });
    const found = await result;
    expect(found.ok).toBe(false);
    expect(found.publishers).toMatchObject({ wanted: 4, came: 2 });
    expect(found.viewers).toMatchObject({ wanted: 4, came: 1 });
    const full = found.faults.filter(({ fullForS }) => fullForS !== undefined);
    expect(new Set(full.map(({ message }) => message))).toEqual(
      new Set(['There are 2 streams already.', 'There are 1 viewers already: more would slow all of them.']),
    );
    expect(full.map(({ fullForS }) => fullForS)).toContain(30);
    expect(found.streams.find(({ viewers }) => viewers === 1)!.latency.count).toBeGreaterThan(0);
  });

  it('needs the right token, and says what is missing where one allows only a part', async () => {
    const tokens = { admin: ['token-for-admin'], publish: ['token-for-publish'] };
    const { url } = await serving({ tokens });
    await expect(run({ ...one, url }).result).rejects.toThrow(Denied);
    await expect(run({ ...one, url }).result).rejects.toThrow('The server wants a token.');
    await expect(run({ ...one, url, token: 'token-of-nobody' }).result).rejects.toThrow(
      'The token is wrong.',
    );
    const part = await run({ ...one, url, token: 'token-for-publish' }).result;
    expect(part).toMatchObject({ ok: false, publishers: { came: 1 }, viewers: { came: 0 } });
    expect(part.faults.map((fault) => fault.part)).toEqual(['viewer']);
    // The server does not show it its numbers.
    expect(part.streams[0]).not.toHaveProperty('painted');
    expect(part.server).not.toHaveProperty('cpuPercent');
    const all = await run({ ...one, url, token: 'token-for-admin' }).result;
    expect(all.ok).toBe(true);
  });

  it('refuses styles that the server does not have', async () => {
    const { url, peers } = await serving();
    await expect(run({ ...one, url, styles: ['mine', 'nowhere'] }).result).rejects.toThrow(NotFound);
    await expect(run({ ...one, url, styles: 60 }).result).rejects.toThrow(/styles, and 60 are asked for/);
    expect(peers.size).toBe(0);
  });

  it('tells that the server went away, and what it saw until then', async () => {
    const { url, stop } = await serving();
    const { result, seen } = run({ ...one, url, seconds: 12 });
    const watching = setInterval(() => {
      if (seen.some(({ latency }) => latency.count > 0)) void stop();
    }, 20);
    const found = await result.finally(() => clearInterval(watching));
    expect(found.ok).toBe(false);
    const parts = found.faults.map(({ part }) => part);
    expect(parts).toEqual(expect.arrayContaining(['server', 'viewer']));
    expect(found.faults.find(({ part }) => part === 'server')!.message).toContain('does not answer');
    expect(found.streams[0]!.latency.count).toBeGreaterThan(0);
    expect(found.streams[0]!.freezes).toBeGreaterThan(0);
  });

  it('ends early when it is interrupted, with what was measured until then', async () => {
    const { url, sessions, peers } = await serving();
    const control = new AbortController();
    const { result, seen } = run({ ...one, url, seconds: 600 }, control.signal);
    const watching = setInterval(() => {
      if (seen.some(({ latency }) => latency.count > 0)) control.abort(new Interrupted());
    }, 20);
    const found = await result.finally(() => clearInterval(watching));
    expect(found.interrupted).toBe(true);
    expect(found.seconds).toBeGreaterThan(0.5);
    expect(found.seconds).toBeLessThan(60);
    consistent(found);
    expect([sessions.list().length, peers.size]).toEqual([0, 0]);
  });

  it('ends at once when it is interrupted before anything was measured', async () => {
    const { url, sessions, peers, viewers } = await serving();
    const control = new AbortController();
    const { result } = run({ ...one, url, warmup: 600 }, control.signal);
    const watching = setInterval(() => {
      if (viewers() > 0) control.abort(new Interrupted());
    }, 20);
    await expect(result.finally(() => clearInterval(watching))).rejects.toThrow(Interrupted);
    expect([sessions.list().length, peers.size]).toEqual([0, 0]);
  });
});
