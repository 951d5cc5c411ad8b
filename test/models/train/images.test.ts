import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { NotFound } from '../../../src/errors.js';
import { batches } from '../../../src/models/train/batches.js';
import { heldOutOf, isHeldOut, liveliest, Pictures, spread } from '../../../src/models/train/images.js';
import { noise } from './tiny.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'images-'));
  onTestFinished(() => rm(folder, { recursive: true }));
});

const options = { name: 'content', split: 'all', holdout: 0.2, seed: 1, size: 16, cacheMb: 4 } as const;
const write = async (name: string, data: Buffer | Promise<Buffer> | string) =>
  writeFile(join(folder, name), await data);
const fill = async (count: number) => {
  for (let i = 0; i < count; i++) await write(`p${i}.png`, noise(20 + i, 30, i));
};

describe('the split', () => {
  it('puts every picture on one side, the same at every opening', async () => {
    await fill(20);
    const files = async (split: 'all' | 'train' | 'held-out') =>
      (await Pictures.open([folder], { ...options, split })).files;
    const [all, train, held] = [await files('all'), await files('train'), await files('held-out')];
    expect(all).toHaveLength(20);
    expect([...train, ...held].sort()).toEqual([...all].sort());
    expect(held.length).toBeGreaterThan(0);
    expect(await files('held-out')).toEqual(held);
  });

  it('of a few pictures holds out the one with the lowest hash, and trains on one at least', async () => {
    await fill(4);
    const files = async (split: 'train' | 'held-out', holdout: number) =>
      (await Pictures.open([folder], { ...options, split, holdout })).files;
    for (const holdout of [1e-6, 1 - 1e-6]) {
      const [train, held] = [await files('train', holdout), await files('held-out', holdout)];
      expect([train.length, held.length].sort()).toEqual([1, 3]);
      expect(await files('held-out', holdout)).toEqual(held);
    }
    const names = ['a.jpg', 'b.jpg', 'c.jpg'];
    const held = [...heldOutOf(names, 1e-9)];
    expect([...heldOutOf(names.map((name) => `/elsewhere/${name}`).reverse(), 1e-9)]).toEqual(held);
    for (const share of [0.2, 0.5, 0.9]) expect(heldOutOf(names, share)).toContain(held[0]);
    expect(heldOutOf(names, 0).size).toBe(0);
  });

  it('of a single picture, also in several copies, is none', async () => {
    expect(heldOutOf(['x/a.jpg', 'y/a.jpg'], 0.9).size).toBe(0);
    await fill(1);
    for (const split of ['train', 'held-out'] as const)
      expect((await Pictures.open([folder], { ...options, split })).files).toHaveLength(1);
  });

  it('goes by the base name alone', () => {
    const names = Array.from({ length: 100 }, (_, i) => `x${i}.jpg`);
    expect(names.filter((name) => isHeldOut(name, 0))).toEqual([]);
    expect(names.filter((name) => isHeldOut(name, 1))).toEqual(names);
  });
});

it('gives the same crop for the same index and seed, and another for another', async () => {
  await fill(5);
  const open = (seed: number) => Pictures.open([folder], { ...options, seed });
  const [one, two, three] = [await open(1), await open(1), await open(2)];
  const crop = await one.crop(7);
  expect(crop!.data).toHaveLength(3 * 16 * 16);
  expect(await two.crop(7)).toEqual(crop);
  expect((await three.crop(7))!.data).not.toEqual(crop!.data);
});

it('meets every picture once in a round', async () => {
  await fill(6);
  const pictures = await Pictures.open([folder], options);
  const { crops, cursor } = await pictures.take(6, 6);
  expect(cursor).toBe(12);
  expect(new Set(crops.map(({ file }) => file)).size).toBe(6);
});

it('passes over pictures of one colour and files that are none, and counts them', async () => {
  await fill(3);
  const flat = { width: 32, height: 32, channels: 3 as const, background: '#456' };
  await write('flat.png', sharp({ create: flat }).png().toBuffer());
  await write('broken.jpg', 'no picture');
  const pictures = await Pictures.open([folder], options);
  const { crops, cursor } = await pictures.take(0, 3);
  expect(crops).toHaveLength(3);
  await pictures.take(cursor, 5);
  expect(pictures.skipped.solid).toBeGreaterThan(0);
  expect(pictures.skipped.unreadable).toBe(1);
  expect(liveliest(new Uint8Array(300).fill(9))).toBe(0);
});

it('reads grey, transparent, 16-bit and tiny pictures as RGB', async () => {
  await write(
    'grey.png',
    sharp(await noise(40, 40, 1))
      .greyscale()
      .png()
      .toBuffer(),
  );
  await write(
    'clear.png',
    sharp(await noise(40, 40, 2))
      .ensureAlpha(0.5)
      .png()
      .toBuffer(),
  );
  await write(
    'deep.png',
    sharp(await noise(40, 40, 3))
      .toColourspace('rgb16')
      .png()
      .toBuffer(),
  );
  await write('tiny.png', noise(3, 2, 4));
  const pictures = await Pictures.open([folder], options);
  const { crops } = await pictures.take(0, 4);
  for (const { data } of crops) expect(data).toHaveLength(3 * 16 * 16);
  expect(new Set(crops.map(({ file }) => file)).size).toBe(4);
});

it('says so when a folder is missing, empty or useless', async () => {
  await expect(Pictures.open([join(folder, 'none')], options)).rejects.toThrow(NotFound);
  await write('a.txt', 'a file');
  await expect(Pictures.open([join(folder, 'a.txt')], options)).rejects.toThrow(/a\.txt is no folder/);
  await expect(Pictures.open([folder], options)).rejects.toThrow('holds no pictures');
  await write('broken.jpg', 'no picture');
  const pictures = await Pictures.open([folder], options);
  await expect(pictures.take(0, 1)).rejects.toThrow('Hardly any');
});

it('spreads its choice over the sorted files', async () => {
  await fill(8);
  const pictures = await Pictures.open([folder], options);
  const crops = await spread(pictures, 4);
  expect(crops.map(({ file }) => file.slice(-6))).toEqual(
    ['p0.png', 'p2.png', 'p4.png', 'p6.png'].map((n) => n),
  );
});

it('goes on with batches from a cursor as if it had not stopped', async () => {
  await fill(7);
  const open = async () => {
    const pictures = await Pictures.open([folder], options);
    return { content: pictures, style: await Pictures.open([folder], { ...options, name: 'style' }) };
  };
  const whole = batches(await open(), 2, { content: 0, style: 0 });
  const first = [(await whole.next()).value, (await whole.next()).value, (await whole.next()).value];
  const rest = batches(await open(), 2, first[0]!.next);
  expect((await rest.next()).value).toEqual(first[1]);
  expect((await rest.next()).value).toEqual(first[2]);
});
