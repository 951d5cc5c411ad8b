import type { FileHandle } from 'node:fs/promises';
import type { Chapter } from './chapter.js';

/** Element IDs of EBML and Matroska. */
const id = {
  void: 0xec,
  crc: 0xbf,
  segment: 0x18538067,
  tags: 0x1254c367,
  tag: 0x7373,
  simpleTag: 0x67c8,
  cluster: 0x1f43b675,
  chapters: 0x1043a770,
  edition: 0x45b9,
  chapter: 0xb6,
  uid: 0x73c4,
  start: 0x91,
  end: 0x92,
  display: 0x80,
  title: 0x85,
  language: 0x437c,
} as const;

/** Tags never come near it; larger ones are of no file of ours. */
const MAX_TAGS_BYTES = 1 << 24;

interface Element {
  readonly id: number;
  /** Where its ID, its size field and its content start, and where it ends. */
  readonly start: number;
  readonly sizeAt: number;
  readonly content: number;
  readonly end: number;
}

/** Bytes that a tag's text needs for chapters to fit in its place. */
export function matroskaRoom(chapters: readonly Chapter[]): number {
  return chaptersElement(chapters).length + 16;
}

/** Turns the tag that begins with `marker` into a `Chapters` element behind `Tags`, ahead of the pictures. */
export async function writeMatroskaChapters(
  file: FileHandle,
  marker: Buffer,
  chapters: readonly Chapter[],
): Promise<boolean> {
  const at = await findTags(file);
  if (!at || at.end - at.start > MAX_TAGS_BYTES) return false;
  const bytes = Buffer.alloc(at.end - at.start);
  await file.read(bytes, 0, bytes.length, at.start);
  const holds = ({ content, end }: Element) => bytes.subarray(content, end).includes(marker);
  const tags = elementAt(bytes, 0);
  const tag = tags && children(bytes, tags).find((child) => child.id === id.tag && holds(child));
  const simple = tag && children(bytes, tag).find((child) => child.id === id.simpleTag && holds(child));
  if (!tags || !tag || !simple) return false;
  const room = simple.end - simple.start;
  const element = chaptersElement(chapters);
  if (element.length + 9 > room) return false;
  // A checksum over the tags would no longer be right: an empty element of its size takes its place.
  for (const parent of [tags, tag])
    for (const child of children(bytes, parent)) if (child.id === id.crc) bytes[child.start] = id.void;
  for (const parent of [tags, tag]) resize(bytes, parent, parent.end - parent.content - room);
  bytes.copyWithin(simple.start, simple.end);
  Buffer.concat([element, emptiness(room - element.length)]).copy(bytes, bytes.length - room);
  await file.write(bytes, 0, bytes.length, at.start);
  return true;
}

/** Where `Tags` stands, ahead of the first cluster. */
async function findTags(file: FileHandle): Promise<{ start: number; end: number } | undefined> {
  const head = Buffer.alloc(12);
  for (let start = 0; ; ) {
    const { bytesRead } = await file.read(head, 0, 12, start);
    const element = bytesRead === 12 ? elementAt(head, 0) : undefined;
    if (!element || element.id === id.cluster) return undefined;
    if (element.id === id.tags) return { start, end: start + element.end };
    start += element.id === id.segment ? element.content : element.end;
  }
}

function elementAt(bytes: Buffer, start: number): Element | undefined {
  const idLength = lengthOf(bytes[start]);
  const sizeAt = start + idLength;
  const sizeLength = lengthOf(bytes[sizeAt]);
  if (!idLength || !sizeLength || idLength > 4 || sizeAt + sizeLength > bytes.length) return undefined;
  let size = bytes[sizeAt]! & (0xff >> sizeLength);
  for (let i = 1; i < sizeLength; i++) size = size * 256 + bytes[sizeAt + i]!;
  const content = sizeAt + sizeLength;
  return { id: bytes.readUIntBE(start, idLength), start, sizeAt, content, end: content + size };
}

/** Bytes of a variable-length number, told by the zeros that it begins with; 0 for none. */
const lengthOf = (first: number | undefined) => (first ? Math.clz32(first) - 23 : 0);

function children(bytes: Buffer, parent: Element): Element[] {
  const found: Element[] = [];
  for (let start = parent.content; start < parent.end; ) {
    const child = elementAt(bytes, start);
    if (!child || child.end > parent.end) break;
    found.push(child);
    start = child.end;
  }
  return found;
}

/** Writes an element's size anew, in as many bytes as before. */
function resize(bytes: Buffer, element: Element, size: number): void {
  sized(size, element.content - element.sizeAt).copy(bytes, element.sizeAt);
}

/** A size in `width` bytes, its width told by the leading bit. */
function sized(size: number, width: number): Buffer {
  const field = Buffer.alloc(width);
  let left = size;
  for (let i = width - 1; i >= 0; i--) {
    field[i] = left % 256;
    left = Math.floor(left / 256);
  }
  field[0]! |= 0x80 >> (width - 1);
  return field;
}

function element(name: number, ...content: Buffer[]): Buffer {
  const hex = name.toString(16);
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from(hex, 'hex'), sized(body.length, 4), body]);
}

function number(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Nothing, in exactly this many bytes: 9 or more. */
function emptiness(length: number): Buffer {
  return Buffer.concat([Buffer.from([id.void]), sized(length - 9, 8), Buffer.alloc(length - 9)]);
}

function chaptersElement(chapters: readonly Chapter[]): Buffer {
  if (chapters.length === 0) return Buffer.alloc(0);
  const atoms = chapters.map(({ start, end, title }, i) =>
    element(
      id.chapter,
      element(id.uid, number(BigInt(i + 1))),
      element(id.start, number(BigInt(Math.round(start)) * 1000n)),
      element(id.end, number(BigInt(Math.round(end)) * 1000n)),
      element(id.display, element(id.title, Buffer.from(title)), element(id.language, Buffer.from('und'))),
    ),
  );
  return element(id.chapters, element(id.edition, ...atoms));
}
