import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput, CannotWrite, NotFound } from '../../src/errors.js';
import { inWords, readStart, readWhole, writeFailure, writeWhole } from '../../src/models/files.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('reading', () => {
  it('gives a whole file up to a limit, or its start', async () => {
    const path = join(folder, 'ten');
    await writeFile(path, '0123456789');
    expect(Buffer.from(await readWhole(path, 10)).toString()).toBe('0123456789');
    await expect(readWhole(path, 9)).rejects.toThrow(BadInput);
    expect(Buffer.from(await readStart(path, 4)).toString()).toBe('0123');
    expect(await readStart(path, 400)).toHaveLength(10);
    await expect(readStart(join(folder, 'none'), 4)).rejects.toThrow(NotFound);
  });
});

describe('writing', () => {
  it('replaces a file, unless told not to, and leaves nothing else behind', async () => {
    const own = await mkdtemp(join(folder, 'own-'));
    const path = join(own, 'a.txt');
    await writeWhole(path, 'one');
    await writeWhole(path, new TextEncoder().encode('two'), { durable: false });
    expect(await readFile(path, 'utf8')).toBe('two');
    const error = await writeWhole(path, 'three', { overwrite: false }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(CannotWrite);
    expect(error).toMatchObject({ hint: expect.stringContaining('--overwrite') });
    await mkdir(join(own, 'folder'));
    await expect(writeWhole(join(own, 'folder'), 'x')).rejects.toThrow(/it is a folder/);
    await expect(writeWhole(join(path, 'x'), 'x')).rejects.toThrow(CannotWrite);
    await expect(writeWhole(join(own, 'x'.repeat(300)), 'x')).rejects.toThrow(/too long/);
    expect((await readdir(own)).sort()).toEqual(['a.txt', 'folder']);
    expect(await readFile(path, 'utf8')).toBe('two');
  });

  it.each([
    ['ENOSPC', /disk is full/],
    ['EROFS', /read-only/],
    ['EACCES', /permission denied/],
    ['ENOENT', /folder does not exist/],
    ['EDQUOT', /quota/],
    ['EMFILE', /cannot be written \(EMFILE\)/],
  ])('that fails with %s says why', (code, reason) => {
    const cause = Object.assign(new Error('failed'), { code });
    expect(writeFailure('out.png', cause)).toMatchObject({ message: expect.stringMatching(reason), cause });
  });
});

describe('sizes in words', () => {
  it.each([
    [12, '12 bytes'],
    [2000, '2 kB'],
    [20e6, '20 MB'],
    [1.5e9, '1.5 GB'],
  ])('say %i as %s', (bytes, words) => {
    expect(inWords(bytes)).toBe(words);
  });
});
