import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../errors.js';

/** Process ids mean something on one machine only; a folder may be shared by several. */
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 6);
/** Of this process alone: in a container each one has the id of the one before. */
const run = randomBytes(4).toString('hex');

/** This process, `<pid>-<machine>-<run>`, for the names of what it writes. */
export const OWNER = `${process.pid}-${machine}-${run}`;
/** Any process that such a name holds. */
export const OWNERS = /\d+-[0-9a-f]{6}-[0-9a-f]{8}/;

/** What nobody has touched for so long is nobody's, wherever its process ran; in milliseconds. */
const FORGOTTEN_MS = 24 * 3_600_000;

/** Within which who writes has touched it, in milliseconds: HLS has a segment each second. */
const SHOWS_MS = 3000;

/** Whether a file, or a folder with what is in it, was left behind by the process that its name holds. */
export async function isLeft(path: string, owner: string): Promise<boolean> {
  if (owner === OWNER) return false;
  const [pid, where] = owner.split('-');
  if (where === machine && Number(pid) === process.pid) {
    // Of an earlier process, unless one runs under our id in another container.
    await sleep(Math.max(0, SHOWS_MS - performance.now()));
    return (await touched(path)) < performance.timeOrigin;
  }
  if (where === machine && !(await isAlive(Number(pid)))) return true;
  return (await touched(path)) < Date.now() - FORGOTTEN_MS;
}

/** When a file, or a folder or something in it, was written to last, in milliseconds since 1970. */
async function touched(path: string): Promise<number> {
  const within = await readdir(path).catch(() => []);
  const times = await Promise.all(
    ['', ...within].map((name) => stat(join(path, name)).catch(() => undefined)),
  );
  // What has just gone is somebody's.
  return times[0] ? Math.max(...times.map((about) => about?.mtimeMs ?? 0)) : Number.POSITIVE_INFINITY;
}

async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
  // One that has ended keeps its id until its parent asks, which the first process of many containers never does.
  const state = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return !/\) Z /.test(state);
}
