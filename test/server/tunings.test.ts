import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { BadInput, Conflict, NotFound } from '../../src/errors.js';
import { openStyleCache } from '../../src/models/cache.js';
import { IdentityEngine } from '../../src/models/engines/identity.js';
import { openGallery } from '../../src/models/gallery.js';
import { openModel } from '../../src/models/models.js';
import { readPicture } from '../../src/models/picture.js';
import { Batcher } from '../../src/pipeline/batcher.js';
import { type Frame, frame, framesAlive } from '../../src/pipeline/frame.js';
import type { StyleInfo, TuningInfo } from '../../src/server/protocol.js';
import { Styles } from '../../src/server/styles.js';
import { type TuneRun, tuneApart } from '../../src/server/tuner.js';
import type { Teacher } from '../../src/server/tunings.js';
import { workshop } from '../commands/cli.js';
import { patches } from '../fixtures/pictures.js';
import { asked, type Doubles, folder } from './app-doubles.js';
import { until } from './doubles.js';

const root = folder();
let count = 0;
const input = { width: 64, height: 36, fps: 25, bitrate: 0 };

/** A stream of ten pictures a second, by its own clock: as many as are asked for, or so many. */
const stream = (pictures = Number.POSITIVE_INFINITY, kind = 'whip'): Teacher => ({
  info: () => ({ input: { kind, ...input } }),
  async *incoming(signal): AsyncGenerator<Frame, void> {
    for (let i = 0; i < pictures && !signal.aborted; i++) {
      yield frame(patches({ width: 64, height: 36 }), i * 100_000);
      await sleep(1);
    }
  },
});

/** An API whose tunings the test ends by hand. */
function made(over: Doubles['tunings'] = {}) {
  const place = join(root, String(count++));
  const runs: (TuneRun & { end: (error?: Error) => void })[] = [];
  const kept: string[] = [];
  const tune = (run: TuneRun) =>
    new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve());
      run.signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
      runs.push({ ...run, end });
    });
  const styles = {
    checkTunable: async (name: string) => {
      if (name === 'none') throw new NotFound('There is no style none.');
      if (name === 'wave') throw new Conflict('wave ships with Livebrush and is tuned already.');
    },
    keepTuned: async (name: string, path: string) => void kept.push(`${name} ${path}`),
  };
  const find = (name: string) =>
    ({ main: stream(), short: stream(3), empty: stream(0, 'card') })[name as 'main'];
  const gathered = { count: 4, least: 4, patienceMs: 50_000 };
  const api = asked({
    place,
    tunings: { styles, stream: find, tune, gather: gathered, ...over },
  });
  const start = async (request: object = {}) => {
    const answer = await api.send('POST', '/api/tunings', { style: 'mine', ...request });
    return { status: answer.status, tuning: (await answer.json()) as TuningInfo };
  };
  const show = async (id: string) => (await (await api.ask(`/api/tunings/${id}`)).json()) as TuningInfo;
  const cancel = (id: string) => api.ask(`/api/tunings/${id}`, { method: 'DELETE' });
  const reached = (id: string, state: TuningInfo['state']) =>
    until(() => api.parts.tunings.get(id).state === state, state);
  return { ...api, place, runs, kept, start, show, cancel, reached };
}

describe('tunings', () => {
  it('learn on pictures of a stream, tell how far they are, and keep what they made', async () => {
    const { start, show, reached, runs, kept, place, ask } = made();
    const { status, tuning } = await start({ steps: 20 });
    expect([status, tuning]).toMatchObject([202, { style: 'mine', stream: 'main', step: 0, steps: 20 }]);
    await until(() => runs.length === 1);
    const [{ args, cwd, onStep, end }] = runs as [(typeof runs)[0]];
    expect(cwd.startsWith(join(place, 'tunings', 'tune-'))).toBe(true);
    expect(args).toEqual([
      ...['--style', 'mine', '--model', 'tiny', '--content', join(cwd, 'frames'), '--out', join(cwd, 'made')],
      ...['--preset', 'live', '--steps', '20'],
    ]);
    const frames = await readdir(join(cwd, 'frames'));
    expect(frames).toEqual(['frame-001.webp', 'frame-002.webp', 'frame-003.webp', 'frame-004.webp']);
    expect((await readPicture(join(cwd, 'frames', frames[3]!))).pixels).toMatchObject({
      width: 64,
      height: 36,
    });
    onStep({ step: 5, left: 30 });
    expect(await show(tuning.id)).toMatchObject({ state: 'running', step: 5, left: 30 });
    end();
    await reached(tuning.id, 'done');
    expect(await show(tuning.id)).not.toHaveProperty('left');
    expect(kept).toEqual([`mine ${join(cwd, 'made', 'style.safetensors')}`]);
    expect(await readdir(join(place, 'tunings'))).toEqual([]);
    expect(await (await ask('/api/tunings')).json()).toMatchObject({ tunings: [{ id: tuning.id }] });
    expect(framesAlive()).toBe(0);
  });

  it('run one after another, can be cancelled, and leave nothing then', async () => {
    const { start, reached, runs, kept, cancel, place, parts, show } = made();
    const { tuning: one } = await start();
    const { tuning: two } = await start({ style: 'other' });
    const { tuning: three } = await start({ style: 'third' });
    expect((await start({ style: 'fourth' })).status).toBe(503);
    await until(() => runs.length === 1);
    await cancel(two.id);
    expect((await show(two.id)).state).toBe('cancelled');
    await cancel(one.id);
    await reached(one.id, 'cancelled');
    await until(() => runs.length === 2);
    expect(runs[1]!.args).toContain('third');
    await parts.tunings[Symbol.asyncDispose]();
    expect((await show(three.id)).state).toBe('cancelled');
    expect(await readdir(join(place, 'tunings'))).toEqual([]);
    expect(kept).toEqual([]);
    await cancel(one.id);
    expect((await cancel(one.id)).status).toBe(404);
  });

  it('end with the style that they are of', async () => {
    const { start, reached, runs, parts } = made();
    const { tuning } = await start();
    await until(() => runs.length === 1);
    expect((await start()).status).toBe(409);
    await parts.tunings.forget('another');
    await parts.tunings.forget('mine');
    await reached(tuning.id, 'cancelled');
  });

  it('can be cancelled while they wait for pictures', async () => {
    let waiting = false;
    const silent: Teacher = {
      ...stream(),
      async *incoming(signal) {
        waiting = true;
        await sleep(60_000, undefined, { signal }).catch(() => {});
      },
    };
    const { start, reached, cancel } = made({ stream: () => silent });
    const { tuning } = await start();
    await until(() => waiting);
    await cancel(tuning.id);
    await reached(tuning.id, 'cancelled');
  });

  it('fail in a sentence, and say nothing of what only the log should know', async () => {
    const { start, reached, show, runs, place } = made();
    const { tuning: few } = await start({ stream: 'short' });
    await reached(few.id, 'failed');
    expect((await show(few.id)).problem).toBe('Too few pictures came in to learn from.');
    const { tuning: wrong } = await start();
    await until(() => runs.length === 1);
    runs[0]!.end(new BadInput('The painting is damaged.'));
    await reached(wrong.id, 'failed');
    expect((await show(wrong.id)).problem).toBe('The painting is damaged.');
    const { tuning: odd } = await start();
    await until(() => runs.length === 2);
    runs[1]!.end(new Error(`${place} is on fire`));
    await reached(odd.id, 'failed');
    expect((await show(odd.id)).problem).toBe('The tuning failed; the log of the server says more.');
  });

  it.each([
    [{ style: 'none' }, 404],
    [{ style: 'wave' }, 409],
    [{ style: '../x' }, 400],
    [{ stream: 'nowhere' }, 404],
    [{ stream: 'empty' }, 409],
    [{ stream: '../x' }, 400],
    [{ steps: 0 }, 400],
    [{ steps: 1e9 }, 400],
    [{ steps: 1.5 }, 400],
    [{ extra: true }, 400],
  ])('refuse %j', async (request, status) => {
    const { start, ask } = made();
    expect((await start(request)).status).toBe(status);
    expect(await (await ask('/api/tunings')).json()).toEqual({ tunings: [] });
  });
});

describe('a tuning in a process of its own', () => {
  it('makes a style that paints in another way, until that is undone', async () => {
    const shop = await workshop();
    const place = join(root, String(count++));
    const model = await openModel(shop.model);
    const engine = new IdentityEngine();
    const retuned: string[] = [];
    const gallery = openGallery({ model, engine, cache: openStyleCache() });
    const styles = new Styles({
      ...{ gallery, stride: model.transform.stride, modelId: model.id, folder: join(place, 'pictures') },
      batcher: new Batcher((size) => engine.painter(model.transform, model.base, size)),
      ...{ maxStyles: 4, maxPixels: 24e6, maxBytes: 20e6 },
      sample: async () => patches({ width: 64, height: 36 }),
      onTuned: (name) => retuned.push(name),
    });
    const tunings = {
      ...{ styles, stream: () => stream(), model: shop.model, tune: tuneApart },
      gather: { count: 8, least: 8 },
    };
    const { parts, ask, send } = asked({ place, over: { styles }, tunings });
    await gallery.add(shop.style, 'mine');
    const shown = async () => {
      const { styles: all } = (await (await ask('/api/styles')).json()) as { styles: StyleInfo[] };
      return all[0]!;
    };
    const first = async () => [...(await gallery.resolve('mine')).weights.values()][0]!.data.slice(0, 4);
    const before = await first();
    expect(await shown()).toMatchObject({ tuned: false, painted: '/api/styles/mine/painted' });
    expect((await ask('/api/styles/mine/tuned', { method: 'DELETE' })).status).toBe(404);

    const { id } = (await (
      await send('POST', '/api/tunings', { style: 'mine', steps: 2 })
    ).json()) as TuningInfo;
    const done = { state: 'done', step: 2 };
    await vi.waitFor(() => expect(parts.tunings.get(id)).toMatchObject(done), {
      timeout: 100_000,
      interval: 50,
    });
    expect(retuned).toEqual(['mine']);
    expect(await first()).not.toEqual(before);
    expect((await shown()).tuned).toBe(true);
    expect((await shown()).painted).toMatch(/^\/api\/styles\/mine\/painted\?tuned=[0-9a-f]{8}$/);
    expect((await ask((await shown()).painted)).status).toBe(200);

    expect((await ask('/api/styles/mine/tuned', { method: 'DELETE' })).status).toBe(204);
    expect(await first()).toEqual(before);
    expect((await shown()).tuned).toBe(false);
    expect(retuned).toEqual(['mine', 'mine']);
  }, 120_000);
});
