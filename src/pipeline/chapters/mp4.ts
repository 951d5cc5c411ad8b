import type { FileHandle } from 'node:fs/promises';
import type { Chapter } from './chapter.js';

/** Chapters that the box counts in one byte. */
const MOST = 255;
/** Containers of boxes on the way to a tag, and how many bytes they have before their first child. */
const nests: Readonly<Record<string, number>> = { udta: 8, meta: 12, ilst: 8 };
/** No index of a film comes near it; a larger one is no file of ours. */
const MAX_INDEX_BYTES = 1 << 30;

interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** Bytes that a tag's text needs for chapters to fit in its place. */
export function mp4Room(chapters: readonly Chapter[]): number {
  return chapterBox(chapters).length + 32;
}

/**
 * Turns the tag that begins with `marker` into a `chpl` box (as Nero and FFmpeg write it) in `moov/udta`.
 * In MP4 the tag lies deeper, in `udta/meta/ilst`: what stands after it moves forward, and it moves out to the end.
 */
export async function writeMp4Chapters(
  file: FileHandle,
  marker: Buffer,
  chapters: readonly Chapter[],
): Promise<boolean> {
  const at = await findIndex(file);
  if (!at) return false;
  const index = Buffer.alloc(at.end - at.start);
  await file.read(index, 0, index.length, at.start);
  const path = boxesAround(index, marker);
  const [udta, tag] = [path[0], path.at(-1)];
  if (!udta || !tag || path.length < 2) return false;
  const room = tag.end - tag.start;
  const box = chapterBox(chapters);
  if (box.length > room) return false;
  const padded = Buffer.alloc(room);
  box.copy(padded);
  // A reader stops after the last chapter that is counted; zeros fill the rest of the box.
  padded.writeUInt32BE(room, 0);
  const inner = path[1] === tag ? tag : path[1]!;
  for (const nest of path.slice(1, -1)) index.writeUInt32BE(nest.end - nest.start - room, nest.start);
  index.copyWithin(tag.start, tag.end, inner.end);
  padded.copy(index, inner.end - room);
  await file.write(index, udta.start, udta.end - udta.start, at.start + udta.start);
  return true;
}

async function findIndex(file: FileHandle): Promise<Box | undefined> {
  const { size } = await file.stat();
  const head = Buffer.alloc(16);
  for (let start = 0; start + 8 <= size; ) {
    await file.read(head, 0, 16, start);
    const short = head.readUInt32BE(0);
    // 1: the true size follows; 0: up to the end of the file.
    const length = short === 1 ? Number(head.readBigUInt64BE(8)) : short || size - start;
    if (length < 8) return undefined;
    if (head.toString('latin1', 4, 8) === 'moov')
      return length <= MAX_INDEX_BYTES ? { type: 'moov', start, end: start + length } : undefined;
    start += length;
  }
  return undefined;
}

/** `udta`, whatever lies between, and the tag whose text begins with `marker`. */
function boxesAround(index: Buffer, marker: Buffer): Box[] {
  const path: Box[] = [];
  for (let level = { start: 8, end: index.length }; ; ) {
    const next = boxes(index, level.start, level.end).find(
      (box) =>
        (path.length > 0 || box.type === 'udta') && index.subarray(box.start, box.end).includes(marker),
    );
    if (!next) return [];
    path.push(next);
    const header = nests[next.type];
    if (header === undefined) return path;
    level = { start: next.start + header, end: next.end };
  }
}

function boxes(bytes: Buffer, from: number, to: number): Box[] {
  const found: Box[] = [];
  for (let start = from; start + 8 <= to; ) {
    const length = bytes.readUInt32BE(start);
    if (length < 8 || start + length > to) break;
    found.push({ type: bytes.toString('latin1', start + 4, start + 8), start, end: start + length });
    start += length;
  }
  return found;
}

/** Size, `chpl`, version 1, flags, four bytes unused, count; then start in 100 ns, length of title, title for each. */
function chapterBox(chapters: readonly Chapter[]): Buffer {
  const all = chapters.slice(0, MOST);
  const head = Buffer.alloc(17);
  head.write('chpl', 4, 'latin1');
  head[8] = 1;
  head[16] = all.length;
  const entries = all.map(({ start, title }) => {
    const text = truncated(title, 255);
    const entry = Buffer.alloc(9);
    entry.writeBigUInt64BE(BigInt(Math.round(start)) * 10n, 0);
    entry[8] = text.length;
    return Buffer.concat([entry, text]);
  });
  const box = Buffer.concat([head, ...entries]);
  box.writeUInt32BE(box.length, 0);
  return box;
}

/** UTF-8 of at most `most` bytes, with no character cut in two. */
function truncated(text: string, most: number): Buffer {
  const bytes = Buffer.from(text);
  let end = Math.min(most, bytes.length);
  while (end < bytes.length && end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
