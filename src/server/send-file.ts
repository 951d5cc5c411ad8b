import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { codeOf, NotFound } from '../errors.js';
import type { Ctx } from './parts.js';

/** How a file is answered. */
export interface SendOptions {
  readonly type: string;
  /** Saved under this name rather than shown. */
  readonly download?: string;
  /** `Cache-Control`; asked for again every time unless told otherwise. */
  readonly cache?: string;
  /** What the file is called when it is not there. */
  readonly what?: string;
}

/** Bytes `from` to `to`, both included, of `Range: bytes=…`; undefined for the whole, `'none'` beyond the end. */
function rangeOf(
  header: string | undefined,
  size: number,
): { from: number; to: number } | 'none' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return from > to || from >= size ? 'none' : { from, to };
}

async function openFile(path: string, what: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(cause) ?? ''))
      throw new NotFound(`There is no ${what}.`, { cause });
    throw cause;
  }
}

const asciiName = (name: string) => name.replace(/[^A-Za-z0-9._ -]/g, '_').slice(0, 120);

/** Answers with a file: conditional, in part if asked to. @throws NotFound */
export async function sendFile(c: Ctx, path: string, options: SendOptions): Promise<Response> {
  const { type, download, cache = 'no-cache', what = 'such file' } = options;
  const file = await openFile(path, what);
  let handed = false;
  try {
    const about = await file.stat();
    if (!about.isFile()) throw new NotFound(`There is no ${what}.`);
    const tag = `"${about.size.toString(36)}-${Math.round(about.mtimeMs).toString(36)}"`;
    const headers: Record<string, string> = {
      ETag: tag,
      'Cache-Control': cache,
      'Accept-Ranges': 'bytes',
      'Content-Type': type,
      ...(download ? { 'Content-Disposition': `attachment; filename="${asciiName(download)}"` } : {}),
    };
    if (c.req.header('if-none-match') === tag) return c.body(null, 304, headers);
    const whole = c.req.header('if-range') !== undefined && c.req.header('if-range') !== tag;
    const range = whole ? undefined : rangeOf(c.req.header('range'), about.size);
    if (range === 'none') return c.body(null, 416, { 'Content-Range': `bytes */${about.size}` });
    const { from, to } = range ?? { from: 0, to: about.size - 1 };
    headers['Content-Length'] = String(to - from + 1);
    if (range) headers['Content-Range'] = `bytes ${from}-${to}/${about.size}`;
    const status = range ? 206 : 200;
    if (c.req.method === 'HEAD' || about.size === 0) return c.body(null, status, headers);
    const stream = createReadStream(path, { fd: file, start: from, end: to });
    handed = true;
    return c.body(Readable.toWeb(stream) as ReadableStream, status, headers);
  } finally {
    if (!handed) await file.close();
  }
}
