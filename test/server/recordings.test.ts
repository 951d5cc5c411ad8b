import { spawnSync } from 'node:child_process';
import { link, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Conflict, NotFound } from '../../src/errors.js';
import { OWNER } from '../../src/pipeline/sinks/owner.js';
import type { OutputInfo } from '../../src/server/protocol.js';
import { Recordings } from '../../src/server/recordings.js';

const id = 'demo-20260102-030405-painted-ab12';
const [, machine] = OWNER.split('-');
const gone = spawnSync(process.execPath, ['-e', '']).pid;
const part = (owner: string, of = id, container = 'mp4') => `.${of}.part-${owner}-1.${container}`;

let folder = '';
const at = (name: string) => join(folder, name);
const put = (name: string, text = 'x'.repeat(2000)) => writeFile(at(name), text);
const open = (outputs: Partial<OutputInfo>[] = []) =>
  new Recordings(folder, () => outputs as readonly OutputInfo[]);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-recordings-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a recording in progress', () => {
  it('is listed as running, can be fetched as far as it is, and cannot be removed', async () => {
    await put(part(OWNER));
    const recordings = open([{ id, state: 'running', seconds: 2.5 }]);
    expect(await recordings.list()).toMatchObject([
      { id, stream: 'demo', what: 'painted', running: true, bytes: 2000, seconds: 2.5 },
    ]);
    const { name, path, type, cues } = await recordings.find(id);
    expect({ name, path, type, cues }).toEqual({
      ...{ name: `${id}.mp4`, path: at(part(OWNER)), type: 'video/mp4', cues: at(`${id}.cues.json`) },
    });
    await expect(recordings.remove(id)).rejects.toThrow(Conflict);
    // Of another server that shares the folder.
    expect(await open().list()).toMatchObject([{ id, running: true }]);
  });

  it('is one, also while it gets its name', async () => {
    await put(part(OWNER));
    await put(`${id}.mp4`);
    const recordings = open();
    expect(await recordings.list()).toMatchObject([{ id, running: false }]);
    expect((await recordings.find(id)).path).toBe(at(`${id}.mp4`));
  });

  it('is no other hidden file', async () => {
    await put(part(OWNER, 'holiday'));
    await put('.other.mp4');
    expect(await open().list()).toEqual([]);
    await expect(open().find('holiday')).rejects.toThrow(NotFound);
  });
});

describe('recordings that a killed server left', () => {
  it('get their names, and keep their cue lists', async () => {
    const other = 'demo-20260102-030405-source-cd34';
    await put(part(`${gone}-${machine}-00112233`));
    await put(`${id}.cues.json`, '[]');
    // In a container the next server has the same process id.
    const same = part(`${process.pid}-${machine}-00112233`, other, 'mkv');
    await put(same);
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(at(same), hourAgo, hourAgo);
    const recordings = open();
    await recordings.recover();
    expect((await readdir(folder)).sort()).toEqual([`${id}.cues.json`, `${id}.mp4`, `${other}.mkv`].sort());
    expect(await recordings.list()).toMatchObject([
      { id: other, running: false },
      { id, running: false },
    ]);
    await recordings.remove(id);
    expect(await readdir(folder)).toEqual([`${other}.mkv`]);
  });

  it('never replace others, and those of servers that run stay', async () => {
    const others = [
      part(OWNER, 'demo-20260102-030406-painted-ab12'),
      part(`${process.ppid}-${machine}-00112233`, 'demo-20260102-030407-painted-ab12'),
      part(`${gone}-${machine}-00112233`, 'holiday'),
    ];
    for (const name of others) await put(name);
    const twice = part(`${gone}-${machine}-00112233`);
    await put(twice);
    await put(`${id}.mp4`, 'first');
    await open().recover();
    expect((await readdir(folder)).sort()).toEqual([...others, twice, `${id}.mp4`].sort());
    expect(await readFile(at(`${id}.mp4`), 'utf8')).toBe('first');
  });

  it('go when they have their names already', async () => {
    const twice = part(`${gone}-${machine}-00112233`);
    await put(`${id}.mp4`);
    await put(`${id}.cues.json`, '[]');
    await link(at(`${id}.mp4`), at(twice));
    await open().recover();
    expect((await readdir(folder)).sort()).toEqual([`${id}.cues.json`, `${id}.mp4`]);
  });

  it('go when they show nothing', async () => {
    await put(part(`${gone}-${machine}-00112233`), '');
    await put(part(`${gone}-${machine}-00112233`, 'demo-20260102-030406-painted-ab12'), 'only a header');
    await put(`${id}.cues.json`, '[]');
    await open().recover();
    expect(await readdir(folder)).toEqual([]);
  });

  it('are none where there is no folder yet', async () => {
    await expect(new Recordings(at('none'), () => []).recover()).resolves.toBeUndefined();
  });
});
