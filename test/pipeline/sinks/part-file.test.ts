import { spawnSync } from 'node:child_process';
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
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CannotWrite, codeOf, Interrupted } from '../../../src/errors.js';
import { cannotWrite, nameAnew, PartFile, partOf } from '../../../src/pipeline/sinks/part-file.js';

let folder = '';
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-part-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The id of a process that has ended. */
const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;
const isRoot = process.getuid?.() === 0;

describe('a file that grows beside its target', () => {
  it('gets its name when it is committed, and is gone otherwise', async () => {
    {
      await using part = await PartFile.open(at('a.mp4'));
      expect(part.path).toMatch(/[\\/]\.a\.part-\d+-[0-9a-f]{6}-[0-9a-f]{8}-\d+\.mp4$/);
      await writeFile(part.path, 'whole');
      await part.commit();
    }
    expect(await readFile(at('a.mp4'), 'utf8')).toBe('whole');
    {
      await using part = await PartFile.open(at('b.mp4'));
      await writeFile(part.path, 'half');
    }
    expect(await readdir(folder)).toEqual(['a.mp4']);
  });

  it('replaces its target only when it may', async () => {
    await writeFile(at('a.mp4'), 'old');
    await expect(PartFile.open(at('a.mp4'))).rejects.toBeInstanceOf(CannotWrite);
    await using part = await PartFile.open(at('a.mp4'), true);
    await writeFile(part.path, 'new');
    expect(await readFile(at('a.mp4'), 'utf8')).toBe('old');
    await part.commit();
    expect(await readFile(at('a.mp4'), 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['a.mp4']);
  });

  it.skipIf(process.platform === 'win32')('replaces what a link leads to and keeps permissions', async () => {
    await mkdir(at('elsewhere'));
    await writeFile(at('elsewhere/real.mp4'), 'old');
    await chmod(at('elsewhere/real.mp4'), 0o440);
    await symlink('elsewhere/real.mp4', at('link.mp4'));
    await using part = await PartFile.open(at('link.mp4'), true);
    await writeFile(part.path, 'new');
    await part.commit();
    expect(await readFile(at('elsewhere/real.mp4'), 'utf8')).toBe('new');
    expect((await stat(at('elsewhere/real.mp4'))).mode & 0o777).toBe(0o440);
    expect((await lstat(at('link.mp4'))).isSymbolicLink()).toBe(true);
    expect(await readdir(at('elsewhere'))).toEqual(['real.mp4']);
  });

  it.skipIf(process.platform === 'win32')(
    'refuses a link that leads nowhere before anything is written',
    async () => {
      await symlink('nowhere.mp4', at('link.mp4'));
      for (const overwrite of [false, true])
        await expect(PartFile.open(at('link.mp4'), overwrite)).rejects.toThrow(/leads nowhere/);
      expect(await readdir(folder)).toEqual(['link.mp4']);
    },
  );

  it('that a dead process left is cleared away at the next start; others stay', async () => {
    const machine = /-([0-9a-f]{6})-/.exec((await PartFile.open(at('x.mp4'))).path)![1]!;
    const dead = deadPid();
    const stale = `.a.part-${dead}-${machine}-00112233.mp4`;
    const others = [
      `.a.part-${process.pid}-${machine}-00112233.mp4`,
      `.a.part-${dead}-${machine === 'ffffff' ? '000000' : 'ffffff'}-00112233.mp4`,
      `.b.part-${dead}-${machine}-00112233.mp4`,
      `.a.part-${dead}-${machine}-00112233.mkv`,
      '.a.part-of-mine.mp4',
    ];
    for (const name of [stale, ...others]) await writeFile(at(name), '');
    const part = await PartFile.open(at('a.mp4'));
    await part[Symbol.asyncDispose]();
    const left = await readdir(folder);
    expect(left).toEqual(expect.arrayContaining(others));
    expect(left).not.toContain(stale);
  });

  it('tells by its hidden name what it will be called', async () => {
    await using part = await PartFile.open(at('a.b.part-1.mp4'));
    expect(partOf(basename(part.path))).toMatchObject({ target: 'a.b.part-1.mp4' });
    await using bare = await PartFile.open(at('bare'));
    expect(partOf(basename(bare.path))?.target).toBe('bare');
    for (const other of ['a.mp4', '.a.mp4', '.a.part-1.mp4', '.a.part-of-mine.mp4'])
      expect(partOf(other)).toBeUndefined();
  });

  it('is two where two write to one target', async () => {
    await using one = await PartFile.open(at('a.mp4'), true);
    await using two = await PartFile.open(at('a.mp4'), true);
    expect(one.path).not.toBe(two.path);
    expect(await readdir(folder)).toHaveLength(2);
  });

  it('never takes the name of another file', async () => {
    await writeFile(at('a.mp4'), 'one');
    await writeFile(at('b.mp4'), 'two');
    await expect(nameAnew(at('a.mp4'), at('b.mp4'))).rejects.toThrow();
    await nameAnew(at('a.mp4'), at('c.mp4'));
    expect((await readdir(folder)).sort()).toEqual(['b.mp4', 'c.mp4']);
    expect(await readFile(at('b.mp4'), 'utf8')).toBe('two');
  });

  it('needs a folder that is one', async () => {
    await writeFile(at('file'), '');
    await mkdir(at('folder.mp4'));
    for (const path of [at('none/a.mp4'), at('file/a.mp4'), at('folder.mp4')])
      await expect(PartFile.open(path, true), path).rejects.toBeInstanceOf(CannotWrite);
  });

  it.skipIf(process.platform === 'win32')('writes no devices', async () => {
    await symlink('/dev/null', at('null.mp4'));
    await expect(PartFile.open(at('null.mp4'), true)).rejects.toThrow(/regular/);
  });

  it.skipIf(isRoot || process.platform === 'win32')(
    'needs permission (skipped where tests run as root, who has every permission)',
    async () => {
      await mkdir(at('locked'));
      await chmod(at('locked'), 0o500);
      await expect(PartFile.open(at('locked/a.mp4'))).rejects.toThrow(/permission denied/);
    },
  );
});

describe('why a file cannot be written', () => {
  it('is one sentence for every reason of the system', () => {
    for (const code of ['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT', 'EFBIG', 'EIO', 'ENOENT', 'EXOTIC']) {
      const cause = Object.assign(new Error('what the system says'), { code });
      const error = cannotWrite('a.mp4', cause);
      expect(error).toBeInstanceOf(CannotWrite);
      expect(error.message).toMatch(/^a\.mp4 cannot be written: [^\n]+\.$/);
      expect(codeOf(error.cause)).toBe(code);
    }
    expect(cannotWrite('a.mp4', new Error('x'), 'ENOSPC').message).toMatch(/disk is full/);
  });

  it('stays what it was when it is a sentence already', () => {
    const interrupted = new Interrupted();
    expect(cannotWrite('a.mp4', interrupted)).toBe(interrupted);
  });
});
