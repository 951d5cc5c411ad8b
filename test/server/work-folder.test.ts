import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { WorkFolder } from '../../src/server/work-folder.js';

async function place(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-work-folder-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it('holds what a task works with while it works, and nothing afterwards', async () => {
  const folder = join(await place(), 'jobs');
  const work = new WorkFolder(folder);
  const made = await work.within('work-', async (cwd) => {
    await writeFile(join(cwd, 'frame'), 'x');
    expect(await readdir(folder)).toHaveLength(1);
    return 7;
  });
  expect(made).toBe(7);
  const failing = work.within('work-', () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await readdir(folder)).toEqual([]);
});

it('loses what was left long ago when it is opened first, and never what came since', async () => {
  const folder = await place();
  const left = async (...names: string[]) => {
    for (const name of names) await writeFile(join(folder, name), 'x');
    const before = new Date(Date.now() - 8 * 24 * 3_600_000);
    await utimes(join(folder, names[0]!), before, before);
  };
  await left('old.mp4', 'new.mp4');
  const work = new WorkFolder(folder);
  await work.open();
  expect(await readdir(folder)).toEqual(['new.mp4']);
  await left('ours.mp4');
  await work.open();
  expect(await readdir(folder)).toEqual(['new.mp4', 'ours.mp4']);
});
