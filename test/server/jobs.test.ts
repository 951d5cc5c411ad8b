import { copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { BadInput } from '../../src/errors.js';
import type { JobInfo } from '../../src/server/protocol.js';
import type { Run } from '../../src/server/transcoder.js';
import { transcodeApart } from '../../src/server/transcoder.js';
import { workshop } from '../commands/cli.js';
import { clip } from '../fixtures/clips.js';
import { asked, type Doubles, folder } from './app-doubles.js';
import { until } from './doubles.js';

const root = folder();
let count = 0;

/** An API whose transcodes the test ends by hand. */
async function made(over: Doubles['jobs'] = {}) {
  const place = join(root, String(count++));
  await mkdir(join(place, 'media'), { recursive: true });
  await writeFile(join(place, 'media', 'clip.mp4'), 'x');
  const runs: (Run & { end: (error?: Error) => void })[] = [];
  const transcode = (run: Run) =>
    new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve());
      run.signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
      runs.push({ ...run, end });
    });
  const settings = { media: { folder: join(place, 'media') } };
  const api = asked({ place, settings, jobs: { transcode, ...over } });
  const start = async (request: object = {}) => {
    const answer = await api.send('POST', '/api/jobs', { input: 'clip.mp4', ...request });
    return { status: answer.status, job: (await answer.json()) as JobInfo };
  };
  const show = async (id: string) => (await (await api.ask(`/api/jobs/${id}`)).json()) as JobInfo;
  const cancel = (id: string) => api.ask(`/api/jobs/${id}`, { method: 'DELETE' });
  const reached = (id: string, state: JobInfo['state']) =>
    until(() => api.parts.jobs.get(id).state === state, `${state}`);
  return { ...api, place, runs, start, show, cancel, reached };
}

describe('jobs', () => {
  it('run one after another, tell how far they are, and keep their results', async () => {
    const { start, show, reached, runs, ask, place } = await made();
    const { job: one, status } = await start({
      style: 'wave',
      strength: 0.5,
      steady: 0.75,
      workHeight: 360,
      codec: 'h264',
    });
    expect([status, one.frames]).toEqual([202, 0]);
    const { job: two } = await start();
    await reached(one.id, 'running');
    await until(() => runs.length === 1);
    expect(runs[0]!.args).toEqual([
      ...[join(place, 'media', 'clip.mp4'), join(place, 'jobs', `${one.id}.mp4`)],
      ...['--model', 'tiny', '--engine', 'identity', '--strength', '0.5', '--style', 'wave:1'],
      ...['--steady', '0.75', '--codec', 'h264', '--work-size', '360'],
    ]);
    runs[0]!.onStep({ frames: 5, total: 10, fps: 2.5 });
    expect(await show(one.id)).toMatchObject({ state: 'running', frames: 5, total: 10, fps: 2.5 });
    expect((await show(two.id)).state).toBe('queued');
    expect((await ask(`/api/jobs/${one.id}/output`)).status).toBe(409);
    await writeFile(runs[0]!.args[1]!, 'painted');
    runs[0]!.end();
    await reached(one.id, 'done');
    const output = await ask((await show(one.id)).output!);
    expect([await output.text(), output.headers.get('content-disposition')]).toEqual([
      'painted',
      'attachment; filename="clip-wave.mp4"',
    ]);
    await until(() => runs.length === 2);
    runs[1]!.end(
      new BadInput(
        `${place}/media/clip.mp4 is damaged.`.replace(`${place}/media/clip.mp4`, runs[1]!.args[0]!),
      ),
    );
    await reached(two.id, 'failed');
    expect((await show(two.id)).problem).toBe('clip.mp4 is damaged.');
    const { jobs } = (await (await ask('/api/jobs')).json()) as { jobs: JobInfo[] };
    expect(jobs.map(({ id }) => id)).toEqual([two.id, one.id]);
  });

  it('can be cancelled while they wait, while they run and when they are over', async () => {
    const { start, show, reached, runs, cancel, ask, place } = await made();
    const { job: one } = await start();
    const { job: two } = await start();
    await until(() => runs.length === 1);
    expect(await (await cancel(two.id)).json()).toMatchObject({ state: 'cancelled' });
    await writeFile(runs[0]!.args[1]!, 'half');
    await cancel(one.id);
    await reached(one.id, 'cancelled');
    expect(await readdir(join(place, 'jobs'))).toEqual([]);
    expect(runs).toHaveLength(1);
    await cancel(one.id);
    expect((await ask(`/api/jobs/${one.id}`)).status).toBe(404);
    expect((await show(two.id)).state).toBe('cancelled');
  });

  it('are bounded in number', async () => {
    const { start, send } = await made({ most: 2 });
    await start();
    await start();
    const refused = await send('POST', '/api/jobs', { input: 'clip.mp4' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '30']);
  });

  it.each([
    [{ input: 'none.mp4' }, 404],
    [{ input: '../../etc/passwd' }, 404],
    [{ style: '/etc/passwd' }, 400],
    [{ style: '../x' }, 400],
    [{ strength: 2 }, 400],
    [{ steady: -1 }, 400],
    [{ container: 'exe' }, 400],
    [{ cues: [{ at: 0, style: '/etc/passwd' }] }, 400],
    [{ cues: [{ nonsense: 1 }] }, 400],
    [{ extra: true }, 400],
  ])('refuse %j', async (request, status) => {
    const { start, runs } = await made();
    expect((await start(request)).status).toBe(status);
    expect(runs).toEqual([]);
  });

  it('pass cue lists on, with the first style from there', async () => {
    const { start, runs } = await made();
    await start({ cues: [{ at: 0, style: 'wave' }] });
    await until(() => runs.length === 1);
    expect(runs[0]!.args).toContain('--cues');
    expect(runs[0]!.args).not.toContain('--style');
  });

  it('read files of strangers by the ffmpeg that is held to its allow-lists', async () => {
    const { start, runs, ask } = await made();
    const bytes = new TextEncoder().encode(`....ftypisom${' '.repeat(600)}`);
    const sent = await ask('/api/uploads?name=mine.mp4', { method: 'POST', body: bytes });
    const { id } = (await sent.json()) as { id: string };
    await start({ input: id });
    await until(() => runs.length === 1);
    expect(runs[0]!.args.slice(-2)).toEqual(['--media', 'ffmpeg']);
    expect((await (await ask('/api/jobs')).json()) as object).toMatchObject({
      jobs: [{ input: 'mine.mp4' }],
    });
  });
});

describe('a job on the identity engine', () => {
  let shop: Awaited<ReturnType<typeof workshop>>;
  let video: string;
  beforeAll(async () => {
    shop = await workshop();
    video = await clip();
    const { addUserStyle } = await import('../../src/models/user-styles.js');
    await addUserStyle(shop.style, { name: 'mine' });
  });

  async function real(engine: string) {
    const api = await made({
      transcode: transcodeApart,
      model: shop.model,
      engine,
      style: 'mine',
      isolated: false,
    });
    await copyFile(video, join(api.place, 'media', 'clip.mp4'));
    return api;
  }

  it('paints a video in a process of its own', async () => {
    const { start, reached, ask, show } = await real('identity');
    const { job } = await start();
    await reached(job.id, 'done');
    expect(await show(job.id)).toMatchObject({ state: 'done', frames: 12, total: 12 });
    const output = await ask(`/api/jobs/${job.id}/output`);
    expect(
      Buffer.from(await output.arrayBuffer())
        .subarray(4, 8)
        .toString(),
    ).toBe('ftyp');
  });

  it('is ended by cancelling, and leaves nothing', async () => {
    const { start, reached, cancel, place, parts } = await real('identity:delay=2s');
    const { job } = await start();
    await reached(job.id, 'running');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await cancel(job.id);
    await reached(job.id, 'cancelled');
    await parts.jobs[Symbol.asyncDispose]();
    expect(await readdir(join(place, 'jobs'))).toEqual([]);
  });

  it('fails in a sentence without paths of this machine', async () => {
    const { start, reached, show, place } = await real('identity');
    await writeFile(join(place, 'media', 'clip.mp4'), 'no video at all');
    const { job } = await start();
    await reached(job.id, 'failed');
    const { problem } = await show(job.id);
    expect(problem).toMatch(/^clip\.mp4 .*\.$/);
    expect(problem).not.toContain(place);
    await expect(stat(join(place, 'jobs', `${job.id}.mp4`))).rejects.toThrow();
  });
});
