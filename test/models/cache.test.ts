import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cacheKey, openStyleCache, type StyleCache } from '../../src/models/cache.js';
import type { Pixels } from '../../src/models/pixels.js';
import { readWeights, type Tensor, type Weights } from '../../src/models/weights.js';
import { randomWeights, tinyModel } from './tiny-model.js';

const model = tinyModel();
let root: string;
let folder: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'livebrush-cache-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  folder = join(await mkdtemp(join(root, 'case-')), 'styles');
});

const picture = (value: number): Pixels => ({ data: new Uint8Array(12).fill(value), width: 2, height: 2 });
const made = (seed: number) => randomWeights(model.transform, 'style', seed);
const never = async (): Promise<Weights> => expect.fail('the weights were made again');
const get = (cache: StyleCache, value: number, make = async (): Promise<Weights> => made(value)) =>
  cache.weights(model, picture(value), make);
const bytes = (weights: Weights) =>
  Buffer.concat([...weights].sort().map(([, { data }]) => Buffer.from(data.buffer.slice(0))));
const pathOf = (value: number) => join(folder, `${cacheKey(model, picture(value))}.safetensors`);

describe('a style cache', () => {
  it('makes once, then remembers, then reads from the disk: the same numbers each time', async () => {
    const cache = openStyleCache({ folder });
    const first = await get(cache, 1);
    expect(first.from).toBe('made');
    const second = await get(cache, 1, never);
    expect(second.from).toBe('memory');
    const third = await get(openStyleCache({ folder }), 1, never);
    expect(third.from).toBe('disk');
    expect(bytes(second.weights).equals(bytes(first.weights))).toBe(true);
    expect(bytes(third.weights).equals(bytes(first.weights))).toBe(true);
  });

  it('keys by model, size and every pixel', () => {
    const keys = [
      cacheKey(model, picture(1)),
      cacheKey(model, picture(2)),
      cacheKey(model, { ...picture(1), width: 4, height: 1 }),
      cacheKey(model, { ...picture(1), data: picture(1).data.with(11, 9) }),
      cacheKey(tinyModel('tiny', 5), picture(1)),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(cacheKey(tinyModel('renamed'), picture(1))).toBe(keys[0]);
  });

  it('makes once for callers that come together, and again after a failure', async () => {
    const cache = openStyleCache({ folder });
    let runs = 0;
    const slow = async () => {
      runs++;
      await new Promise((done) => setTimeout(done, 20));
      if (runs === 1) throw new Error('out of memory');
      return made(1);
    };
    const failed = await Promise.allSettled([get(cache, 1, slow), get(cache, 1, slow)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(runs).toBe(1);
    const both = await Promise.all([get(cache, 1, slow), get(cache, 1, slow)]);
    expect(runs).toBe(2);
    expect(both[0]!.weights).toBe(both[1]!.weights);
  });

  it('refuses what is not a style of the model, and keeps nothing of it', async () => {
    const cache = openStyleCache({ folder });
    const [name, { shape, data }] = [...made(1)][0]!;
    const broken = new Map<string, Tensor>(made(1)).set(name, { shape, data: data.with(0, Number.NaN) });
    await expect(get(cache, 1, async () => broken)).rejects.toThrow(/not finite/);
    await expect(get(cache, 1, async () => new Map())).rejects.toThrow(/is missing/);
    expect(await readdir(folder).catch(() => [])).toEqual([]);
  });

  it('holds no more in memory than it may', async () => {
    const size = bytes(made(1)).length;
    const cache = openStyleCache({ folder, memoryBytes: 2.5 * size });
    for (const value of [1, 2, 3]) await get(cache, value);
    expect((await get(cache, 3, never)).from).toBe('memory');
    expect((await get(cache, 2, never)).from).toBe('memory');
    expect((await get(cache, 1, never)).from).toBe('disk');
  });

  it('holds no more on the disk than it may, and drops what was not used for longest', async () => {
    await get(openStyleCache({ folder }), 1);
    const { size } = await stat(pathOf(1));
    const cache = () => openStyleCache({ folder, diskBytes: 3.5 * size });
    for (const value of [2, 3]) await get(cache(), value);
    for (const [i, value] of [1, 2, 3].entries()) await utimes(pathOf(value), 1000 + i, 1000 + i);
    expect((await get(cache(), 1, never)).from).toBe('disk');
    await get(cache(), 4);
    const left = await readdir(folder);
    expect(left).toHaveLength(3);
    for (const value of [1, 3, 4]) expect(left).toContain(`${cacheKey(model, picture(value))}.safetensors`);
  });

  it('clears away what a dead process left, and touches nothing else', async () => {
    await mkdir(folder, { recursive: true });
    const left = `${'a'.repeat(64)}.safetensors.123456`;
    for (const name of [left, `${'b'.repeat(64)}.safetensors.99`, 'notes.txt'])
      await writeFile(join(folder, name), 'x');
    for (const name of [left, 'notes.txt']) await utimes(join(folder, name), 1000, 1000);
    await get(openStyleCache({ folder }), 1);
    expect((await readdir(folder)).filter((name) => !pathOf(1).endsWith(name)).sort()).toEqual([
      `${'b'.repeat(64)}.safetensors.99`,
      'notes.txt',
    ]);
  });
});

describe('a damaged entry is made again', () => {
  const damages: [string, (file: Buffer) => Buffer | string][] = [
    ['empty', () => Buffer.alloc(0)],
    ['cut short', (file) => file.subarray(0, file.length - 5)],
    ['a web page', () => '<!DOCTYPE html>'],
    [
      'one with a flipped bit among its numbers',
      (file) => Buffer.from(file.with(file.length - 9, file.at(-9)! ^ 1)),
    ],
    ['one with a flipped bit in its header', (file) => Buffer.from(file.with(40, file[40]! ^ 1))],
    ['zeroes of the right length', (file) => Buffer.alloc(file.length)],
  ];
  it.each(damages)('%s', async (_, damage) => {
    const first = await get(openStyleCache({ folder }), 1);
    await writeFile(pathOf(1), damage(await readFile(pathOf(1))));
    const again = await get(openStyleCache({ folder }), 1);
    expect(again.from).toBe('made');
    expect(bytes(again.weights).equals(bytes(first.weights))).toBe(true);
    expect((await get(openStyleCache({ folder }), 1, never)).from).toBe('disk');
  });

  it("another picture's under this name, or a folder", async () => {
    await get(openStyleCache({ folder }), 1);
    await get(openStyleCache({ folder }), 2);
    await writeFile(pathOf(1), await readFile(pathOf(2)));
    expect((await get(openStyleCache({ folder }), 1)).from).toBe('made');
    await rm(pathOf(2));
    await mkdir(pathOf(2));
    expect((await get(openStyleCache({ folder }), 2)).from).toBe('made');
  });
});

describe('a disk that refuses', () => {
  it('is no reason to stop: a file where the folder should be', async () => {
    await writeFile(folder, 'in the way');
    const cache = openStyleCache({ folder });
    expect((await get(cache, 1)).from).toBe('made');
    expect((await get(cache, 1, never)).from).toBe('memory');
    expect((await get(openStyleCache({ folder }), 1)).from).toBe('made');
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'is no reason to stop: a folder without permission (not as root, not on Windows)',
    async () => {
      await mkdir(folder, { recursive: true });
      await chmod(folder, 0o500);
      expect((await get(openStyleCache({ folder }), 1)).from).toBe('made');
      await chmod(folder, 0o700);
    },
  );
});

describe('several processes', () => {
  const writer = fileURLToPath(new URL('cache-writer.mjs', import.meta.url));
  const start = (from: number, to: number) =>
    spawn(process.execPath, [writer, folder, String(from), String(to)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  /** Every entry is whole: no reader, now or later, finds half of one. */
  async function expectWhole(): Promise<number> {
    const entries = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.safetensors'));
    for (const name of entries) readWeights(await readFile(join(folder, name)));
    return entries.length;
  }

  it('killed while they write leave whole entries, and every one they had finished', async () => {
    let acknowledged = 0;
    for (let round = 0; round < 5; round++) {
      const child = start(round * 1000, (round + 1) * 1000);
      let lines = '';
      child.stdout.on('data', (chunk) => {
        lines += chunk;
      });
      const closed = once(child, 'close');
      await Promise.race([once(child.stdout, 'data'), closed]);
      await new Promise((done) => setTimeout(done, 7 * round));
      child.kill('SIGKILL');
      await closed;
      acknowledged += lines.split('\n').filter((line) => line === 'done').length;
      expect(await expectWhole()).toBeGreaterThanOrEqual(acknowledged);
    }
    expect(acknowledged).toBeGreaterThan(4);
    expect((await get(openStyleCache({ folder }), 1)).from).toBe('made');
  });

  it('side by side on the same entries do not disturb each other', async () => {
    const children = [start(0, 40), start(0, 40)];
    for (const child of children) child.stdout.resume();
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'close'))[0]));
    expect(codes).toEqual([0, 0]);
    expect(await readdir(folder)).toHaveLength(40);
    expect(await expectWhole()).toBe(40);
  });
});
