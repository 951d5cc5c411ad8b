import { open } from 'node:fs/promises';
import type { Chapter } from './chapter.js';
import { matroskaRoom, writeMatroskaChapters } from './matroska.js';
import { mp4Room, writeMp4Chapters } from './mp4.js';

/** Begins the text of the tag that holds the room for chapters. */
export const MARKER = 'livebrush:chapters:';
/** Tags that may hold it, named as FFmpeg does: the first that the film does not use. */
const TAGS = ['keywords', 'network', 'grouping'] as const;

const writers = {
  mp4: { room: mp4Room, write: writeMp4Chapters },
  mov: { room: mp4Room, write: writeMp4Chapters },
  matroska: { room: matroskaRoom, write: writeMatroskaChapters },
  webm: { room: matroskaRoom, write: writeMatroskaChapters },
};

const writerOf = (format: string) =>
  Object.hasOwn(writers, format) ? writers[format as keyof typeof writers] : undefined;

/**
 * A tag to have written into a file by a muxer that knows no chapters: `writeChapters` turns the bytes that it takes
 * up into chapters, so that nothing behind it moves.
 * @returns undefined for formats without chapters.
 */
export function roomForChapters(
  format: string,
  chapters: readonly Chapter[],
  tags: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const writer = writerOf(format);
  const used = new Set(Object.keys(tags).map((tag) => tag.toLowerCase()));
  const tag = TAGS.find((name) => !used.has(name));
  if (!writer || !tag || chapters.length === 0) return undefined;
  return { [tag]: MARKER.padEnd(writer.room(chapters), '.') };
}

/**
 * Writes chapters into the room that a finished file has for them.
 * @returns false when it has none.
 */
export async function writeChapters(
  path: string,
  format: string,
  chapters: readonly Chapter[],
): Promise<boolean> {
  const writer = writerOf(format);
  if (!writer) return false;
  const file = await open(path, 'r+');
  try {
    return await writer.write(file, Buffer.from(MARKER), chapters);
  } finally {
    await file.close();
  }
}
