import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLeft, OWNER, OWNERS } from '../../../src/pipeline/sinks/owner.js';

const [, machine] = OWNER.split('-');
const elsewhere = machine === 'ffffff' ? '000000' : 'ffffff';
/** The id of a process that has ended. */
const gone = spawnSync(process.execPath, ['-e', '']).pid;
const hours = (count: number) => new Date(Date.now() - count * 3_600_000);

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-owner-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A file that was written to so long ago. */
async function written(age: number): Promise<string> {
  const path = join(folder, 'file');
  await writeFile(path, '');
  await utimes(path, hours(age), hours(age));
  return path;
}

describe('what a process wrote', () => {
  it('holds which one', () => {
    expect(OWNER).toMatch(new RegExp(`^${OWNERS.source}$`));
    expect(OWNER).toContain(`${process.pid}-`);
  });

  it.each([
    ['of a process that is gone', `${gone}-${machine}-00112233`, 0, true],
    ['of one that runs', `${process.ppid}-${machine}-00112233`, 1, false],
    ['of one whose id runs, long ago', `${process.ppid}-${machine}-00112233`, 30, true],
    ['of this one', OWNER, 30, false],
    ['of one before with the same id', `${process.pid}-${machine}-00112233`, 1, true],
    ['of one beside this with the same id', `${process.pid}-${machine}-00112233`, 0, false],
    ['of another machine', `${gone}-${elsewhere}-00112233`, 1, false],
    ['of another machine, long ago', `${gone}-${elsewhere}-00112233`, 30, true],
  ] as const)('%s is left, or not', async (_, owner, age, left) => {
    expect(await isLeft(await written(age), owner)).toBe(left);
  });

  it('is as old as the newest in it', async () => {
    const owner = `${gone}-${elsewhere}-00112233`;
    const inner = join(folder, 'inner');
    await mkdir(inner);
    await utimes(folder, hours(30), hours(30));
    expect(await isLeft(folder, owner)).toBe(false);
    await utimes(inner, hours(30), hours(30));
    expect(await isLeft(folder, owner)).toBe(true);
  });

  it('is not left when it has just gone', async () => {
    expect(await isLeft(join(folder, 'none'), `${gone}-${elsewhere}-00112233`)).toBe(false);
  });
});
