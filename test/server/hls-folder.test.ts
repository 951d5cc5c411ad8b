import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { CannotWrite } from '../../src/errors.js';
import { OWNER } from '../../src/pipeline/sinks/owner.js';
import { openHlsFolder } from '../../src/server/hls-folder.js';

async function place(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-hls-folder-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it('is of one run of a server alone, and empty', async () => {
  const cache = join(await place(), 'cache');
  const [one, two] = [await openHlsFolder(cache), await openHlsFolder(cache)];
  expect(one).not.toBe(two);
  expect((await readdir(cache)).sort()).toEqual([basename(one), basename(two)].sort());
  expect(await readdir(one)).toEqual([]);
});

it('makes those go that killed servers left, also under the same process id, and no others', async () => {
  const cache = await place();
  const [, machine] = OWNER.split('-');
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const left = [`hls-${gone}-${machine}-00112233-AbCdEf`, `hls-${process.pid}-${machine}-00112233-AbCdEf`];
  const kept = [
    `hls-${process.ppid}-${machine}-00112233-AbCdEf`,
    `hls-${OWNER}-AbCdEf`,
    'hls-of-mine',
    'jobs',
  ];
  for (const name of [...left, ...kept]) {
    const stream = join(cache, name, 'demo');
    await mkdir(stream, { recursive: true });
    await writeFile(join(stream, 'index.m3u8'), '#EXTM3U');
    const hourAgo = new Date(Date.now() - 3_600_000);
    for (const path of [stream, join(cache, name)]) await utimes(path, hourAgo, hourAgo);
  }
  const opened = await openHlsFolder(cache);
  expect((await readdir(cache)).sort()).toEqual([...kept, basename(opened)].sort());
});

it('needs a cache folder that can be written', async () => {
  const file = join(await place(), 'file');
  await writeFile(file, '');
  await expect(openHlsFolder(join(file, 'cache'))).rejects.toThrow(CannotWrite);
});
