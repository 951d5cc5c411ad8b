import { createHash, randomBytes } from 'node:crypto';
import { link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { CannotWrite, codeOf, LivebrushError } from '../../errors.js';

/** Process ids mean something on one machine only; a folder may be shared by several. */
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 6);

/**
 * A file that appears under its name only when it is complete: it grows beside its target under a hidden name, which
 * holds the process that writes it, `.holiday.part-<pid>-<machine>-<random>.mp4`.
 */
export class PartFile implements AsyncDisposable {
  /** Where to write to. */
  readonly path: string;
  readonly #target: string;
  readonly #overwrite: boolean;
  #open = true;

  private constructor(target: string, path: string, overwrite: boolean) {
    this.#target = target;
    this.path = path;
    this.#overwrite = overwrite;
  }

  /**
   * Creates the hidden file, empty, and clears away those that dead processes left for the same target.
   * @throws CannotWrite when the target exists (and may not be overwritten) or cannot be written.
   */
  static async open(target: string, overwrite = false): Promise<PartFile> {
    const full = resolve(target);
    await checkTarget(target, full, overwrite);
    const extension = extname(full);
    const stem = `.${basename(full, extension)}.part-`;
    await clearStale(dirname(full), stem, extension);
    const path = join(
      dirname(full),
      `${stem}${process.pid}-${machine}-${randomBytes(4).toString('hex')}${extension}`,
    );
    try {
      const file = await open(path, 'wx');
      await file.close();
    } catch (cause) {
      throw cannotWrite(target, cause);
    }
    return new PartFile(full, path, overwrite);
  }

  /**
   * Gives the finished file its name.
   * @throws CannotWrite when a file of that name has come up meanwhile, or the system refuses.
   */
  async commit(): Promise<void> {
    try {
      if (this.#overwrite) await rename(this.path, this.#target);
      else await this.#commitAnew();
      this.#open = false;
    } catch (cause) {
      throw cannotWrite(this.#target, cause);
    }
  }

  /** A hard link never replaces a file; where the file system has none, a check just before has to do. */
  async #commitAnew(): Promise<void> {
    try {
      await link(this.path, this.#target);
      await rm(this.path, { force: true });
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') throw cause;
      await checkTarget(this.#target, this.#target, false);
      await rename(this.path, this.#target);
    }
  }

  /** Deletes the hidden file unless it has been committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await rm(this.path, { force: true }).catch(() => undefined);
  }
}

async function checkTarget(name: string, full: string, overwrite: boolean): Promise<void> {
  const found = await stat(full).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw cannotWrite(name, error);
  });
  if (!found) return;
  if (found.isDirectory()) throw new CannotWrite(`${name} is a folder.`);
  if (!found.isFile()) throw new CannotWrite(`${name} is no regular file.`);
  if (!overwrite)
    throw new CannotWrite(`${name} exists already.`, { hint: 'Use --overwrite to replace it.' });
}

/** Removes the hidden files of a target whose processes are gone. What cannot be removed stays. */
async function clearStale(folder: string, stem: string, extension: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(stem) || !name.endsWith(extension)) continue;
    const [, pid, owner] = /^(\d+)-([0-9a-f]{6})-[0-9a-f]{8}\./.exec(name.slice(stem.length)) ?? [];
    if (owner === machine && !isAlive(Number(pid)))
      await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

const reasons: Readonly<Record<string, (path: string) => string>> = {
  EEXIST: (path) => `${path} exists already.`,
  ENOENT: (path) => `${path} cannot be written: there is no folder ${dirname(path)}.`,
  ENOTDIR: (path) => `${path} cannot be written: ${dirname(path)} is no folder.`,
  EACCES: (path) => `${path} cannot be written: permission denied.`,
  EPERM: (path) => `${path} cannot be written: permission denied.`,
  EROFS: (path) => `${path} cannot be written: the file system is read-only.`,
  ENOSPC: (path) => `${path} cannot be written: the disk is full.`,
  EDQUOT: (path) => `${path} cannot be written: the disk quota is used up.`,
  EFBIG: (path) => `${path} cannot be written: the file grew too large.`,
  EIO: (path) => `${path} cannot be written: the disk reports an error.`,
  ENAMETOOLONG: (path) => `${path} cannot be written: its name is too long.`,
};

/** One sentence about why a file cannot be written, from the system's error or its code. */
export function cannotWrite(path: string, cause: unknown, code = codeOf(cause)): LivebrushError {
  if (cause instanceof LivebrushError) return cause;
  const sentence = code ? reasons[code]?.(path) : undefined;
  const words = cause instanceof Error ? cause.message : String(cause);
  return new CannotWrite(sentence ?? `${path} cannot be written: ${words}.`, { cause });
}
