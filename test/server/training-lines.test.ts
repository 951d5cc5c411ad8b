import { appendFile, mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { GrowingLines } from '../../src/server/training-lines.js';

let path = '';
let seen: (string | undefined)[] = [];
let restarts = 0;
let lines: GrowingLines;
const read = () =>
  lines.read(
    (line) => seen.push(line),
    () => restarts++,
  );
const taken = async () => {
  await read();
  return seen.splice(0);
};

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lines-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  path = join(folder, 'log.jsonl');
  lines = new GrowingLines(path);
  [seen, restarts] = [[], 0];
});

it('waits for a file that is not there yet, and takes no folder for one', async () => {
  expect((await read()).changed).toBeUndefined();
  await mkdir(path);
  expect((await read()).changed).toBeUndefined();
  expect(seen).toEqual([]);
});

it('gives each line once, when its end is written, whatever the pieces it comes in', async () => {
  await writeFile(path, 'one\ntw');
  expect(await taken()).toEqual(['one']);
  await appendFile(path, 'o');
  expect(await taken()).toEqual([]);
  const [first, second] = [Buffer.from('\nthrée\n').subarray(0, 5), Buffer.from('\nthrée\n').subarray(5)];
  await appendFile(path, first);
  expect(await taken()).toEqual(['two']);
  await appendFile(path, second);
  expect(await taken()).toEqual(['thrée']);
  expect(await taken()).toEqual([]);
  expect(restarts).toBe(0);
});

it('reads a file of many chunks as it is', async () => {
  const all = Array.from({ length: 60_000 }, (_, i) => `line ${i}`);
  await writeFile(path, `${all.join('\n')}\n`);
  expect(await taken()).toEqual(all);
});

it('passes over a line beyond all bounds, and goes on after it', async () => {
  await writeFile(path, `short\n${'x'.repeat(700_000)}`);
  expect(await taken()).toEqual(['short']);
  await appendFile(path, `${'x'.repeat(700_000)}\nafter\n`);
  expect(await taken()).toEqual([undefined, 'after']);
  await appendFile(path, `${'y'.repeat(300_000)}\nafter\n`);
  expect(await taken()).toEqual([undefined, 'after']);
});

it('begins anew when the file was cut, or is another one', async () => {
  await writeFile(path, 'one\ntwo\nthr');
  await taken();
  await truncate(path, 4);
  expect(await taken()).toEqual(['one']);
  expect(restarts).toBe(1);
  await writeFile(`${path}.new`, 'another\nfile\n');
  await rename(`${path}.new`, path);
  expect(await taken()).toEqual(['another', 'file']);
  expect(restarts).toBe(2);
});
