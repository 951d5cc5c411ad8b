import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { CannotWrite, NotFound } from '../../src/errors.js';
import { serveTrainingPage, type TrainingPage } from '../../src/server/training-page.js';
import type { TrainingMessage } from '../../src/server/training-protocol.js';

let folder = '';
const web = () => join(folder, 'web');
const out = () => join(folder, 'run');
const line = (step: number) => `${JSON.stringify({ event: 'step', step, total: 100 / step })}\n`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'page-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(out(), 'sheets'), { recursive: true });
  await mkdir(join(web(), 'assets'), { recursive: true });
  await writeFile(join(out(), 'log.jsonl'), line(10) + line(20));
  await writeFile(join(out(), 'sheets', 'step-20.png'), 'a sheet');
  await writeFile(join(folder, 'secret.png'), 'a secret');
  await writeFile(join(web(), 'training.html'), '<!doctype html><title>it</title>');
  await writeFile(join(web(), 'assets', 'page-abcdefgh1.js'), 'let it;');
  await writeFile(join(web(), 'index.html'), 'the panel');
});

async function serve(about: { port?: number; awaited?: boolean } = {}): Promise<TrainingPage> {
  const page = await serveTrainingPage(out(), { port: 0, web: web(), ...about });
  onTestFinished(() => page[Symbol.asyncDispose]());
  return page;
}

/** Asks for a path as it stands, without what URLs make of it. */
async function ask(page: TrainingPage, path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { port } = new URL(page.url);
  const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const text = (await answer.setEncoding('utf8').toArray()).join('');
  return { status: answer.statusCode, headers: answer.headers, text };
}

/** The messages of the event stream, as they come. */
async function* messages(page: TrainingPage): AsyncGenerator<TrainingMessage> {
  const sent = get(`${page.url}api/training/events`, { agent: false });
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  try {
    for await (const chunk of answer.setEncoding('utf8')) {
      text += chunk;
      const events = text.split('\n\n');
      text = events.pop()!;
      for (const event of events)
        if (event.startsWith('data: ')) yield JSON.parse(event.slice('data: '.length)) as TrainingMessage;
    }
  } finally {
    sent.destroy();
  }
}

describe('the page of a training', () => {
  it('is served with its files, its numbers and its sheets, under strict headers', async () => {
    const page = await serve();
    const html = await ask(page, '/');
    expect([html.status, html.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(html.headers['content-security-policy']).toContain("script-src 'self'");
    expect((await ask(page, '/assets/page-abcdefgh1.js')).headers['cache-control']).toContain('immutable');
    const told = JSON.parse((await ask(page, '/api/training')).text) as TrainingMessage;
    expect(told.name).toBe('run');
    expect(told.whole!.training).toEqual({ steps: [10, 20], values: { total: [10, 5] } });
    expect(told.sheets!.map(({ step }) => step)).toEqual([20]);
    const sheet = await ask(page, told.sheets![0]!.url);
    expect([sheet.status, sheet.headers['content-type'], sheet.text]).toEqual([200, 'image/png', 'a sheet']);
  });

  it('tells everything first, and what is new as it is written', async () => {
    const page = await serve();
    const stream = messages(page);
    const first = (await stream.next()).value as TrainingMessage;
    expect(first.whole!.training.steps).toEqual([10, 20]);
    await appendFile(join(out(), 'log.jsonl'), '{"event":"step","st');
    await appendFile(join(out(), 'log.jsonl'), 'ep":30,"total":2}\n');
    const second = (await stream.next()).value as TrainingMessage;
    expect(second.whole).toBeUndefined();
    expect(second.sheets).toBeUndefined();
    expect(second.rows).toEqual([{ kind: 'training', step: 30, values: { total: 2 } }]);
    await writeFile(join(out(), 'sheets', 'step-30.png'), 'another');
    const third = (await stream.next()).value as TrainingMessage;
    expect([third.rows, third.sheets!.map(({ step }) => step)]).toEqual([[], [20, 30]]);
    await appendFile(
      join(out(), 'log.jsonl'),
      `{"event":"begin","step":20,"steps":50,"options":{"rate":1}}\n${line(25)}`,
    );
    const fourth = (await stream.next()).value as TrainingMessage;
    expect(fourth.whole!.training.steps).toEqual([10, 20, 25]);
    expect(fourth.whole!.runs).toEqual([{ step: 20, at: null, options: { rate: 1 } }]);
    await stream.return(undefined);
  });

  it('tells what came last before it ends', async () => {
    const page = await serve();
    const stream = messages(page);
    await stream.next();
    await appendFile(join(out(), 'log.jsonl'), line(50));
    const [last] = await Promise.all([stream.next(), page[Symbol.asyncDispose]()]);
    expect((last.value as TrainingMessage).progress.step).toBe(50);
  });

  it.each([
    '/sheets/../log.jsonl',
    '/sheets/..%2Flog.jsonl',
    '/sheets/%2e%2e%2flog.jsonl',
    '/sheets/step-20.png%00',
    '/sheets/step-20.png/..',
    '/sheets/..%5c..%5csecret.png',
    '/sheets/step-1.png/../../../secret.png',
    '/sheets/step-99.png',
    '/sheets/step-7.png',
    '/sheets/',
    '/../secret.png',
    '/assets/../../secret.png',
    '/assets/..%2f..%2fsecret.png',
    '/assets/%2e%2e/index.html',
    '/log.jsonl',
    '/run/log.jsonl',
    '/index.html',
  ])('gives nothing for %s', async (path) => {
    // A link, too, leads out of the folder.
    await symlink(join(folder, 'secret.png'), join(out(), 'sheets', 'step-7.png'));
    const answer = await ask(await serve(), path);
    expect(answer.status).toBe(404);
    expect(answer.text).not.toMatch(/secret"|a secret|the panel|"event"/);
  });

  it.each([
    [{ host: 'evil.example' }, 403],
    [{ host: 'evil.example:8090' }, 403],
    [{ host: '192.168.1.7' }, 403],
    [{ host: 'localhost:1' }, 200],
    [{ host: '127.0.0.1' }, 200],
    [{ host: '[::1]:8090' }, 200],
    [{ origin: 'https://evil.example' }, 403],
    [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
  ])('answers who comes with %j by %i', async (headers, status) => {
    const page = await serve();
    for (const path of ['/', '/api/training', '/sheets/step-20.png'])
      expect((await ask(page, path, headers as Record<string, string>)).status).toBe(status);
  });

  it('takes no requests that change anything', async () => {
    const page = await serve();
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await ask(page, '/api/training', {}, method)).status).toBe(404);
  });

  it('lets a bounded number of pages follow', async () => {
    const page = await serve();
    const streams = Array.from({ length: 32 }, () => messages(page));
    for (const stream of streams) await stream.next();
    expect((await ask(page, '/api/training/events')).status).toBe(503);
    await streams[0]!.return(undefined);
    await expect
      .poll(async () => {
        const stream = messages(page);
        const { value } = await stream.next();
        await stream.return(undefined);
        return value?.name;
      })
      .toBe('run');
  });

  it('waits for a training that is only about to begin', async () => {
    await rm(out(), { recursive: true });
    const page = await serve({ awaited: true });
    const stream = messages(page);
    const first = (await stream.next()).value as TrainingMessage;
    expect([first.progress.state, first.sheets]).toEqual(['waiting', []]);
    await mkdir(out());
    await writeFile(join(out(), 'log.jsonl'), line(10));
    const second = (await stream.next()).value as TrainingMessage;
    expect([second.progress.state, second.rows.length]).toEqual(['running', 1]);
    await stream.return(undefined);
  });

  it('says in one sentence that there is no such folder, no training in it, or no free port', async () => {
    await expect(serveTrainingPage(join(folder, 'nowhere'), { port: 0, web: web() })).rejects.toThrow(
      NotFound,
    );
    await expect(serveTrainingPage(join(out(), 'log.jsonl'), { port: 0, web: web() })).rejects.toThrow(
      'There is no folder',
    );
    await expect(serveTrainingPage(web(), { port: 0, web: web() })).rejects.toThrow('holds no training');
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    await expect(serve({ port })).rejects.toThrow(CannotWrite);
    await expect(serve({ port })).rejects.toThrow(/taken by another program/);
  });

  it('says that it is not built where it is not', async () => {
    await rm(web(), { recursive: true });
    expect(await ask(await serve(), '/')).toMatchObject({ status: 503 });
  });
});
