import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkFolder, writeFolder } from '../../src/commands/export-folder.js';
import { CannotWrite, Usage } from '../../src/errors.js';

let folder = '';
const at = (...names: string[]) => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-folder-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const model = (text: string, more = {}) =>
  new Map(
    Object.entries({ 'model.json': text, 'shard1.bin': text, ...more }).map(([name, content]) => [
      name,
      new TextEncoder().encode(content),
    ]),
  );

it('is made with the folders above it, and replaced beside what else lies there', async () => {
  const out = at('web', 'models', 'wave');
  await checkFolder(out);
  await writeFolder(out, model('one'));
  expect((await readdir(out)).sort()).toEqual(['model.json', 'shard1.bin']);
  await writeFile(join(out, 'notes.txt'), 'mine');
  await expect(checkFolder(out)).rejects.toThrow(/model\.json exists already/);
  await checkFolder(out, true);
  await writeFolder(out, model('two'));
  expect((await readdir(out)).sort()).toEqual(['model.json', 'notes.txt', 'shard1.bin']);
  for (const name of ['model.json', 'shard1.bin'])
    expect(await readFile(join(out, name), 'utf8')).toBe('two');
});

it('is as it was, or not there, when a file cannot be written', async () => {
  const bad = model('three', { 'no/such/folder.bin': '' });
  await expect(writeFolder(at('fresh', 'deep'), bad)).rejects.toThrow(CannotWrite);
  expect(await readdir(folder)).not.toContain('fresh');
  const out = at('old');
  await writeFolder(out, model('one'));
  await expect(writeFolder(out, bad)).rejects.toThrow(CannotWrite);
  expect((await readdir(out)).sort()).toEqual(['model.json', 'shard1.bin']);
  expect(await readFile(join(out, 'model.json'), 'utf8')).toBe('one');
});

it('holds no model while files of two might lie there', async () => {
  const out = at('between');
  await writeFolder(out, model('one'));
  await rm(join(out, 'shard1.bin'));
  // What is in the way of one file ends it after the first has taken its place.
  await mkdir(join(out, 'shard1.bin'));
  await expect(writeFolder(out, model('two', { 'a.bin': 'two' }))).rejects.toThrow(CannotWrite);
  expect(await readdir(out)).not.toContain('model.json');
});

it('is refused when it is a file, or cannot be made', async () => {
  await writeFile(at('file'), '');
  await expect(checkFolder(at('file'))).rejects.toThrow(Usage);
  if (process.getuid?.() === 0 || process.platform === 'win32') return;
  await mkdir(at('locked'));
  await chmod(at('locked'), 0o500);
  await expect(checkFolder(at('locked', 'deep', 'deeper'))).rejects.toThrow(/permission denied/);
});
