import { execFile } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
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
    await expect(readWhole(join(folder, 'gr\ufffdn'), 4)).rejects.toMatchObject({
      hint: expect.stringContaining('UTF-8'),
    });
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

  it.skipIf(process.platform === 'win32')(
    'leaves a good file as it is when the system takes a part of the bytes only',
    async () => {
      const own = await mkdtemp(join(folder, 'full-'));
      const path = join(own, 'a.bin');
      await writeFile(path, 'good');
      const module = new URL('../../dist/models/files.js', import.meta.url).href;
      const program = `import('${module}').then(({ writeWhole }) =>
        writeWhole(process.argv[1], new Uint8Array(100_000))).catch((error) => console.log(error.name, error.message))`;
      // Files of at most 16 kB: a write across that is cut as on a disk that fills up, and the next one refused.
      const limited = 'ulimit -f 32 && exec "$0" -e "$1" "$2"';
      const args = ['-c', limited, process.execPath, program, path];
      const { stdout } = await promisify(execFile)('sh', args);
      expect(stdout).toMatch(/^CannotWrite .* larger than the system allows/);
      expect(await readFile(path, 'utf8')).toBe('good');
      expect(await readdir(own)).toEqual(['a.bin']);
    },
  );

  it.skipIf(process.platform === 'win32')(
    'keeps permissions and links, and fills no dangling one',
    async () => {
      const own = await mkdtemp(join(folder, 'links-'));
      await writeFile(join(own, 'real'), 'old');
      await chmod(join(own, 'real'), 0o640);
      await symlink('real', join(own, 'link'));
      await symlink('nowhere', join(own, 'dangling'));
      await writeWhole(join(own, 'link'), 'new');
      expect(await readFile(join(own, 'real'), 'utf8')).toBe('new');
      expect((await stat(join(own, 'real'))).mode & 0o777).toBe(0o640);
      expect((await lstat(join(own, 'link'))).isSymbolicLink()).toBe(true);
      await expect(writeWhole(join(own, 'dangling'), 'x')).rejects.toThrow(/leads nowhere/);
      expect((await readdir(own)).sort()).toEqual(['dangling', 'link', 'real']);
    },
  );

  it.each([
    ['ENOSPC', /disk is full/],
    ['EROFS', /read-only/],
    ['EACCES', /permission denied/],
    ['ENOENT', /folder does not exist/],
    ['EDQUOT', /quota/],
    ['EIO', /reports an error/],
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
