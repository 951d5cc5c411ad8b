import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BadInput, codeOf, Interrupted, LivebrushError, NotFound, Unsupported } from '../errors.js';
import { inWords, writeFailure } from '../models/files.js';

/** A file that somebody publishes: its size and checksum are known beforehand. */
export interface Download {
  /** An http or https address, or the path of a file on this machine. */
  readonly from: string;
  /** Where it goes. Until it is whole it lies beside, as `<path>.part`. */
  readonly path: string;
  readonly bytes: number;
  /** In hexadecimal digits. */
  readonly md5: string;
}

/** When a download stops, and who hears how far it is. */
export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** Bytes that are here. */
  readonly onProgress?: (bytes: number) => void;
  /** Without a byte for so long the other side counts as gone, in milliseconds. */
  readonly stallMs?: number;
}

const STALL_MS = 60_000;

/** What comes in, and from which byte of the file on. */
interface Incoming {
  readonly start: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

/** Whether a file is the one that was published. */
export async function isPublished(
  path: string,
  { bytes, md5 }: Pick<Download, 'bytes' | 'md5'>,
): Promise<boolean> {
  if ((await sizeOf(path)) !== bytes) return false;
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex') === md5;
}

/** Why an answer is not the file that is wanted; undefined when it may be. */
function refusal({ status, headers }: Response, from: string, bytes: number): LivebrushError | undefined {
  if (status === 404 || status === 410) return new NotFound(`There is no file at ${from} any more.`);
  if (status !== 200 && status !== 206) return new Unsupported(`${from} was refused (HTTP ${status}).`);
  if (headers.get('content-type')?.startsWith('text/html'))
    return new BadInput(`${from} answers with a web page instead of the file.`);
  const whole = status === 206 ? headers.get('content-range')?.split('/')[1] : headers.get('content-length');
  if (whole && whole !== '*' && Number(whole) !== bytes)
    return new BadInput(`${from} is another file: ${whole} bytes, where ${bytes} are expected.`);
  return undefined;
}

/** Asks for the bytes from `have` on; who does not serve parts sends all of them. */
async function request({ from, bytes }: Download, have: number, signal: AbortSignal): Promise<Incoming> {
  const ask = (range: number) =>
    fetch(from, {
      signal,
      headers: { 'accept-encoding': 'identity', ...(range > 0 ? { range: `bytes=${range}-` } : {}) },
    });
  let response = await ask(have);
  const continues = response.headers.get('content-range')?.startsWith(`bytes ${have}-`);
  if (have > 0 && (response.status === 416 || (response.status === 206 && !continues))) {
    await response.body?.cancel();
    response = await ask(0);
  }
  const why = refusal(response, from, bytes);
  if (why || !response.body) {
    await response.body?.cancel();
    throw why ?? new BadInput(`${from} answers with nothing.`);
  }
  return { start: response.status === 206 ? have : 0, chunks: response.body as AsyncIterable<Uint8Array> };
}

async function copy({ from, bytes }: Download): Promise<Incoming> {
  const about = await stat(from).catch((cause: unknown) => {
    throw new NotFound(`There is no file ${from}.`, { cause });
  });
  if (!about.isFile()) throw new BadInput(`${from} is not a regular file.`);
  if (about.size !== bytes)
    throw new BadInput(`${from} is another file: ${about.size} bytes, where ${bytes} are expected.`);
  return { start: 0, chunks: createReadStream(from) };
}

/** Writes what comes in behind what is there. @returns the bytes that are there then. */
async function receive(
  { start, chunks }: Incoming,
  file: FileHandle,
  { from, bytes }: Download,
  onChunk: (bytes: number) => void,
): Promise<number> {
  await file.truncate(start);
  let at = start;
  for await (const chunk of chunks) {
    if (at + chunk.byteLength > bytes) throw new BadInput(`${from} sends more than the published file has.`);
    await file.write(chunk, 0, chunk.byteLength, at);
    at += chunk.byteLength;
    onChunk(at);
  }
  await file.sync();
  return at;
}

const cutOff = ({ from, bytes }: Download, there: number, cause?: unknown): BadInput =>
  new BadInput(`${from} was cut off after ${inWords(there)} of ${inWords(bytes)}.`, {
    hint: 'Run it again to go on where it stopped.',
    cause,
  });

/** What a failed transfer means, in one sentence. `there`: bytes that had come, if any had. */
function failure(error: unknown, wanted: Download, there: number | undefined): LivebrushError {
  if (error instanceof LivebrushError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = codeOf(cause);
  if (code && /^E(NOSPC|DQUOT|ACCES|PERM|ROFS|ISDIR)$/.test(code)) return writeFailure(wanted.path, cause);
  if (there !== undefined) return cutOff(wanted, there, error);
  return new Unsupported(`${wanted.from} cannot be reached${code ? ` (${code})` : ''}.`, { cause: error });
}

/** Brings `<path>.part` from `have` bytes to as many as come. @throws LivebrushError */
async function transfer(wanted: Download, have: number, options: DownloadOptions): Promise<void> {
  const { signal, onProgress, stallMs = STALL_MS } = options;
  const stalled = new AbortController();
  const watch = setTimeout(
    () => stalled.abort(new Unsupported(`${wanted.from} has sent nothing for ${stallMs / 1000} seconds.`)),
    stallMs,
  );
  const both = AbortSignal.any([signal, stalled.signal]);
  let there: number | undefined;
  try {
    const remote = /^https?:/.test(wanted.from);
    const incoming = await (remote ? request(wanted, have, both) : copy(wanted));
    await using file = await open(`${wanted.path}.part`, have > 0 ? 'r+' : 'w');
    const whole = await receive(incoming, file, wanted, (bytes) => {
      both.throwIfAborted();
      watch.refresh();
      there = bytes;
      onProgress?.(bytes);
    });
    if (whole < wanted.bytes) throw cutOff(wanted, whole);
  } catch (error) {
    if (signal.aborted)
      throw new Interrupted('Interrupted.', { hint: 'Run it again to go on where it stopped.' });
    throw failure(stalled.signal.aborted ? stalled.signal.reason : error, wanted, there);
  } finally {
    clearTimeout(watch);
  }
}

/**
 * Fetches a published file: goes on where an earlier run stopped, checks it, and only then puts it in place.
 * @throws Unsupported when it cannot be reached, NotFound, BadInput when it is another file or cut off, CannotWrite,
 * Interrupted.
 */
export async function download(wanted: Download, options: DownloadOptions): Promise<void> {
  const part = `${wanted.path}.part`;
  await mkdir(dirname(wanted.path), { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(wanted.path, cause);
  });
  const left = await sizeOf(part);
  const have = left <= wanted.bytes ? left : 0;
  if (have < wanted.bytes || have === 0) await transfer(wanted, have, options);
  // What was begun by another run, or from another address, may not fit together.
  if (have > 0 && !(await isPublished(part, wanted))) await transfer(wanted, 0, options);
  options.signal.throwIfAborted();
  if (!(await isPublished(part, wanted))) {
    await rm(part, { force: true });
    throw new BadInput(`${wanted.from} is damaged or another file: its checksum is not the published one.`);
  }
  await rename(part, wanted.path).catch((cause: unknown) => {
    throw writeFailure(wanted.path, cause);
  });
}
