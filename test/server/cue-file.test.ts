import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Cue } from '../../src/pipeline/cues.js';
import { CueFile } from '../../src/server/cue-file.js';
import { until } from './doubles.js';

async function place() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-cue-file-'));
  onTestFinished(async () => {
    vi.useRealTimers();
    await rm(folder, { recursive: true, force: true });
  });
  const path = join(folder, 'one.cues.json');
  const read = async (): Promise<Cue[]> => JSON.parse(await readFile(path, 'utf8').catch(() => '[]'));
  return { folder, path, read };
}

it('is there from the start, and grows with what is played', async () => {
  const { folder, path, read } = await place();
  const cues: Cue[] = [{ at: 0, style: 'wave', fadeMs: 0 }];
  await using file = new CueFile(path, () => cues);
  file.begin();
  file.begin();
  await until(async () => (await read()).length === 1, 'the first list');
  cues.push({ at: 1, style: 'scream', fadeMs: 0 });
  vi.advanceTimersByTime(10_000);
  await until(async () => (await read()).length === 2, 'the next list');
  cues.push({ at: 2, style: 'wave', fadeMs: 0 });
  await file.finish();
  expect(await read()).toEqual(cues);
  expect(await readdir(folder)).toHaveLength(1);
});

it('goes with a recording that fails', async () => {
  const { folder, path, read } = await place();
  const file = new CueFile(path, () => [{ at: 0, style: 'wave', fadeMs: 0 }]);
  file.begin();
  await until(async () => (await read()).length === 1, 'the list');
  await file[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual([]);
});
