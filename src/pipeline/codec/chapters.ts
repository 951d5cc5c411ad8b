import { setTimeout as wait } from 'node:timers/promises';
import type { FormatContext } from 'node-av/lib';
import type { Chapter } from '../chapters/chapter.js';
import type { Av } from './av.js';

/** Ends what is listened to, and is nothing that FFmpeg says. */
const END = 'livebrush: end of description';
/** How long to wait for the description, in milliseconds: it only has to get to this thread. */
const PATIENCE_MS = 2000;

/** One description at a time: there is one log for all of FFmpeg. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * The chapters of an open file. node-av does not hand them out, but FFmpeg's description of the file, which goes to
 * its log, names them, whatever the container. None where that fails.
 */
export function readChapters(av: Av, format: FormatContext): Promise<Chapter[]> {
  const mine = turn.then(async () => parseChapters(await descriptionOf(av, format)));
  turn = mine.catch(() => undefined);
  return mine;
}

/** FFmpeg's description in the pieces in which it comes. */
async function descriptionOf(av: Av, format: FormatContext): Promise<string[]> {
  const { C, Log } = av;
  const pieces: string[] = [];
  const level = Log.getLevel();
  const ended = new Promise<void>((resolve) => {
    Log.setCallback((_level, piece) => (piece === END ? resolve() : void pieces.push(piece)), {
      maxLevel: C.AV_LOG_INFO,
    });
  });
  const giveUp = new AbortController();
  try {
    Log.setLevel(C.AV_LOG_INFO);
    format.dumpFormat(0, 'file', false);
    Log.log(C.AV_LOG_INFO, END);
    Log.setLevel(level);
    await Promise.race([ended, wait(PATIENCE_MS, undefined, { signal: giveUp.signal })]);
    return pieces;
  } finally {
    giveUp.abort();
    Log.setCallback(null);
    Log.setLevel(level);
  }
}

/**
 * Reads a description's pieces: `    Chapter #0:1: `, `start 1.000000, `, `end 2.000000`, then tags such as
 * `        title           : `, `The title`, an empty piece.
 */
export function parseChapters(pieces: readonly string[]): Chapter[] {
  const chapters: { start: number; end: number; title: string }[] = [];
  let current: (typeof chapters)[number] | undefined;
  let inTitle = false;
  for (const piece of pieces) {
    if (/^ {4}Chapter #\d+:\d+: $/.test(piece)) {
      current = { start: 0, end: 0, title: '' };
      chapters.push(current);
      inTitle = false;
      continue;
    }
    if (/^ {2}(Stream|Program)/.test(piece)) break;
    if (!current) continue;
    if (/^ {8}title +: $/.test(piece)) inTitle = true;
    else if (piece === '') inTitle = false;
    else if (inTitle) current.title += /^\n +: $/.test(piece) ? ' ' : piece;
    else Object.assign(current, timesOf(piece));
  }
  return chapters.filter(({ start, end }) => Number.isFinite(start) && end >= start);
}

function timesOf(piece: string): Partial<Chapter> {
  const [, which, seconds] = /^(start|end) (-?[\d.]+)(?:, )?$/.exec(piece) ?? [];
  return which ? { [which]: Math.round(Number(seconds) * 1e6) } : {};
}
