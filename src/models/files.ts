import { randomInt } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { BadInput, CannotWrite, codeOf, type LivebrushError, NotFound } from '../errors.js';

/** Bytes in words: `20 MB`, `512 bytes`. Decimal units. */
export function inWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** What a failed read of `path` means, in one sentence. */
export function readFailure(path: string, cause: unknown): LivebrushError {
  const code = codeOf(cause);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new NotFound(`There is no file ${path}.`, {
      hint: path.includes('\ufffd')
        ? 'Its name is not in UTF-8: rename it first.'
        : 'Check the path for typing errors.',
      cause,
    });
  if (code === 'EACCES' || code === 'EPERM')
    return new BadInput(`${path} may not be read by this user.`, { hint: 'Check its permissions.', cause });
  return new BadInput(`${path} cannot be read (${code ?? String(cause)}).`, { cause });
}

/** The same of what should be a folder of files. */
export function folderFailure(path: string, cause: unknown): LivebrushError {
  const code = codeOf(cause);
  if (code === 'ENOENT')
    return new NotFound(`There is no file or folder ${path}.`, {
      hint: 'Check the path for typing errors.',
      cause,
    });
  if (code === 'ENOTDIR') return new BadInput(`${path} is no folder.`, { cause });
  return readFailure(path, cause);
}

/** Bytes read at once: Node refuses to read 2 GiB in one go. */
const PIECE = 2 ** 28;

/** The first `size` bytes of a file, or all there are. */
async function readBytes(file: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(bytes, at, Math.min(PIECE, size - at), at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.subarray(0, at);
}

/**
 * A whole regular file of at most `maxBytes` bytes.
 * @throws NotFound, or BadInput when it is a folder, a device, too large or unreadable.
 */
export async function readWhole(path: string, maxBytes: number): Promise<Uint8Array> {
  if (path.includes('\0')) throw new BadInput('A path may not hold a zero byte.');
  const tooLarge = (size: number) =>
    new BadInput(`${path} is too large: ${inWords(size)}, where ${inWords(maxBytes)} are allowed.`);
  try {
    // Looking before opening: to open a pipe would wait for its writer.
    const { size, ...about } = await stat(path).then((found) => ({
      size: found.size,
      file: found.isFile(),
      folder: found.isDirectory(),
    }));
    if (about.folder) throw new BadInput(`${path} is a folder, not a file.`);
    if (!about.file) throw new BadInput(`${path} is not a regular file.`);
    if (size > maxBytes) throw tooLarge(size);
    await using file = await open(path, 'r');
    return await readBytes(file, size);
  } catch (error) {
    throw error instanceof BadInput ? error : readFailure(path, error);
  }
}

/** What a failed write of `path` means, in one sentence. */
export function writeFailure(path: string, cause: unknown): CannotWrite {
  const code = codeOf(cause);
  const sentences: Record<string, [message: string, hint?: string]> = {
    EEXIST: [`${path} exists already.`, 'Add --overwrite to replace it.'],
    ENOENT: [`${path} cannot be written: its folder does not exist.`, 'Make the folder first.'],
    ENOTDIR: [`${path} cannot be written: a part of its path is a file, not a folder.`],
    EISDIR: [`${path} cannot be written: it is a folder.`],
    EACCES: [`${path} cannot be written: permission denied.`],
    EPERM: [`${path} cannot be written: permission denied.`],
    EROFS: [`${path} cannot be written: the disk is read-only.`],
    ENOSPC: [`${path} cannot be written: the disk is full.`, 'Free some space and try again.'],
    EDQUOT: [`${path} cannot be written: the disk quota is used up.`, 'Free some space and try again.'],
    EFBIG: [`${path} cannot be written: it grew larger than the system allows.`],
    EIO: [`${path} cannot be written: the disk reports an error.`],
    ENAMETOOLONG: [`${path} cannot be written: its name is too long.`],
  };
  const [message, hint] = sentences[code ?? ''] ?? [`${path} cannot be written (${code ?? String(cause)}).`];
  return new CannotWrite(message, { cause, ...(hint ? { hint } : {}) });
}

/**
 * The file that `path` leads to through links, there or not.
 * @throws CannotWrite when a link leads nowhere: what is meant to lie there cannot be told.
 */
export async function throughLinks(path: string): Promise<string> {
  const found = await realpath(path).catch(() => undefined);
  if (found !== undefined) return found;
  const link = await lstat(path).catch(() => undefined);
  if (link?.isSymbolicLink())
    throw new CannotWrite(`${path} is a link that leads nowhere.`, {
      hint: 'Remove the link, or make what it leads to.',
    });
  return path;
}

/** How a file is written. */
interface WriteOptions {
  /** Waits until the bytes are on the disk; without it a power cut may lose them. */
  readonly durable?: boolean;
  /** What the new file replaces: it takes over permissions and owner. */
  readonly replaced?: Stats;
}

/** Writes a new file. */
export async function writeNew(
  path: string,
  bytes: Uint8Array | string,
  { durable = true, replaced }: WriteOptions = {},
): Promise<void> {
  await using file = await open(path, 'wx');
  // Not `write`, which on a disk that fills up writes a part and calls it done.
  await file.writeFile(bytes);
  if (replaced) {
    // Where the file system or the user may not, the bytes count for more.
    await file.chown(replaced.uid, replaced.gid).catch(() => undefined);
    await file.chmod(replaced.mode & 0o7777).catch(() => undefined);
  }
  if (durable) await file.sync();
}

/**
 * Puts a whole file in place, or nothing: written under another name, then renamed. Links are followed.
 * `durable` waits until the bytes are on the disk; without it a power cut may lose the file.
 * @throws CannotWrite
 */
export async function writeWhole(
  path: string,
  bytes: Uint8Array | string,
  { overwrite = true, durable = true }: { overwrite?: boolean; durable?: boolean } = {},
): Promise<void> {
  const target = await throughLinks(path);
  const passing = `${target}.${randomInt(2 ** 47)}`;
  try {
    const there = await stat(target).catch(() => undefined);
    if (there?.isDirectory()) throw Object.assign(new Error(path), { code: 'EISDIR' });
    if (there && !there.isFile()) throw new CannotWrite(`${path} cannot be written: it is no regular file.`);
    if (there && !overwrite) throw Object.assign(new Error(path), { code: 'EEXIST' });
    await writeNew(passing, bytes, { durable, ...(there ? { replaced: there } : {}) });
    await rename(passing, target);
  } catch (cause) {
    await rm(passing, { force: true }).catch(() => undefined);
    throw cause instanceof CannotWrite ? cause : writeFailure(path, cause);
  }
}

/** Up to `maxBytes` bytes from the start of a file. @throws as `readWhole`. */
export async function readStart(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    await using file = await open(path, 'r');
    return await readBytes(file, Math.min(size, maxBytes));
  } catch (error) {
    throw readFailure(path, error);
  }
}
