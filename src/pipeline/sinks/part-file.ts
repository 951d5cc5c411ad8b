import { chmod, link, lstat, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { CannotWrite, codeOf, LivebrushError } from '../../errors.js';
import { isLeft, OWNER, OWNERS } from './owner.js';

/** Of this process, so that two of one target do not meet. */
let parts = 0;

const PART = new RegExp(`^\\.(.+)\\.part-(${OWNERS.source})(?:-\\d+)?(\\.[^.]*)?$`);

/** What the name of a hidden file tells: what it is to be called, and who writes it; undefined for other names. */
export function partOf(name: string): { readonly target: string; readonly owner: string } | undefined {
  const [, stem, owner, extension = ''] = PART.exec(name) ?? [];
  return stem && owner ? { target: `${stem}${extension}`, owner } : undefined;
}

/**
 * A file that appears under its name only when it is complete: it grows beside its target under a hidden name, which
 * holds the process that writes it, `.holiday.part-<pid>-<machine>-<run>-<number>.mp4`.
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
    const full = await throughLinks(target);
    await checkTarget(target, full, overwrite);
    const extension = extname(full);
    await clearStale(full);
    const path = join(dirname(full), `.${basename(full, extension)}.part-${OWNER}-${++parts}${extension}`);
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
      if (this.#overwrite) await this.#replace();
      else await nameAnew(this.path, this.#target);
      this.#open = false;
    } catch (cause) {
      throw cannotWrite(this.#target, cause);
    }
  }

  /** As `commit`, of a file that is not whole but has so many bytes at least. A smaller one stays what it is. */
  async commitAsIs(least: number): Promise<void> {
    const { size } = await stat(this.path);
    if (this.#open && size >= least) await this.commit();
  }

  /** The new file has the permissions of the one that it replaces. */
  async #replace(): Promise<void> {
    const there = await stat(this.#target).catch(() => undefined);
    // Where the file system has none, the painting counts for more.
    if (there) await chmod(this.path, there.mode & 0o7777).catch(() => undefined);
    await rename(this.path, this.#target);
  }

  /** Deletes the hidden file unless it has been committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await rm(this.path, { force: true }).catch(() => undefined);
  }
}

/** The file that a path leads to through links, there or not. @throws CannotWrite for a link that leads nowhere. */
async function throughLinks(path: string): Promise<string> {
  const full = resolve(path);
  const found = await realpath(full).catch(() => undefined);
  if (found !== undefined) return found;
  const there = await lstat(full).catch(() => undefined);
  if (!there?.isSymbolicLink()) return full;
  throw new CannotWrite(`${path} is a link that leads nowhere.`, {
    hint: 'Remove the link, or make what it leads to.',
  });
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

/**
 * Renames a file unless there is one of the new name. A hard link never replaces a file; where the file system has
 * none, a check just before has to do.
 * @throws CannotWrite, or what the system says.
 */
export async function nameAnew(path: string, target: string): Promise<void> {
  try {
    await link(path, target);
    await rm(path, { force: true });
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw cause;
    await checkTarget(target, target, false);
    await rename(path, target);
  }
}

/** Removes the hidden files of a target whose processes are gone. What cannot be removed stays. */
async function clearStale(target: string): Promise<void> {
  const folder = dirname(target);
  for (const name of await readdir(folder).catch(() => [])) {
    const part = partOf(name);
    const path = join(folder, name);
    if (part?.target === basename(target) && (await isLeft(path, part.owner)))
      await rm(path, { force: true }).catch(() => undefined);
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
