import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { serveTrainingAside } from '../../src/commands/train-watch.js';
import type { TrainingMessage } from '../../src/server/training-protocol.js';
import { livebrush, start } from './cli.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watch-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'log.jsonl'), '{"event":"step","step":10,"total":3}\n');
});

const told = async (url: string) =>
  (await (await fetch(new URL('api/training', url))).json()) as TrainingMessage;

describe('livebrush train watch', () => {
  it('serves the page of a folder until it is interrupted', async () => {
    const { process: child, ended } = start(['train', 'watch', folder, '--port', '0', '--json']);
    const [text] = (await once(child.stdout!, 'data')) as [string];
    const { listening } = JSON.parse(text) as { listening: { url: string } };
    expect(listening.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect((await told(listening.url)).whole!.training).toEqual({ steps: [10], values: { total: [3] } });
    child.kill('SIGINT');
    expect((await ended).stderr).not.toContain('    at ');
  });

  it.each([
    [['nowhere'], 1, 'There is no folder nowhere.'],
    [['EMPTY'], 1, 'holds no training'],
    [['RUN', '--port', '99999'], 2, '99999 is not a port.'],
    [['RUN', '--port', 'TAKEN'], 1, 'is taken by another program.'],
    [[], 2, 'folder'],
  ])('refuses %j in one sentence', async (args, code, sentence) => {
    await mkdir(join(folder, 'empty'));
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const taken = String((other.address() as AddressInfo).port);
    const given = { EMPTY: join(folder, 'empty'), RUN: folder, TAKEN: taken } as Record<string, string>;
    const ended = await livebrush('train', 'watch', ...args.map((arg) => given[arg] ?? arg));
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(sentence);
    expect(ended.stderr).not.toContain('    at ');
  });
});

it('serves the page of a training that is about to begin, and ends with it', async () => {
  const out = join(folder, 'later');
  const page = await serveTrainingAside(out, 0);
  expect((await told(page.url)).progress.state).toBe('waiting');
  await mkdir(out);
  await writeFile(join(out, 'log.jsonl'), '{"event":"step","step":4,"total":3}\n');
  expect((await told(page.url)).progress).toMatchObject({ state: 'running', step: 4 });
  await page[Symbol.asyncDispose]();
  await expect(fetch(page.url)).rejects.toThrow();
});
