import { extname } from 'node:path';
import { Unsupported } from '../errors.js';
import type { VideoCodec } from './media.js';

/** A kind of file that video is written to. */
export interface Container {
  /** FFmpeg's name of the muxer. */
  readonly format: string;
  /** Codecs that it holds and players expect in it, the preferred one first. */
  readonly codecs: readonly VideoCodec[];
  /**
   * Whether it keeps any time base and sets the start of each stream with an edit list: pictures may then be stored
   * out of order, and sound may start early, without moving anything.
   */
  readonly edits: boolean;
  /** Length of its tick in microseconds where it has but one. */
  readonly tickMicros?: number;
}

const mp4: Container = { format: 'mp4', codecs: ['h264', 'h265', 'vp9', 'av1'], edits: true };
const mov: Container = { format: 'mov', codecs: ['h264', 'h265'], edits: true };
const mkv: Container = {
  format: 'matroska',
  codecs: ['h264', 'h265', 'vp9', 'av1'],
  edits: false,
  tickMicros: 1000,
};
const webm: Container = { format: 'webm', codecs: ['vp9', 'av1'], edits: false, tickMicros: 1000 };
const ts: Container = { format: 'mpegts', codecs: ['h264', 'h265'], edits: false, tickMicros: 100 / 9 };
const flv: Container = { format: 'flv', codecs: ['h264', 'h265', 'av1'], edits: false, tickMicros: 1000 };

const containers: Readonly<Record<string, Container>> = {
  '.mp4': mp4,
  '.m4v': mp4,
  '.mov': mov,
  '.mkv': mkv,
  '.webm': webm,
  '.ts': ts,
  '.m2ts': ts,
  '.mts': ts,
  '.flv': flv,
};

/**
 * The kind of file that a path names by its extension.
 * @throws Unsupported for any other.
 */
export function containerOf(path: string): Container {
  const extension = extname(path).toLowerCase();
  const container = Object.hasOwn(containers, extension) ? containers[extension] : undefined;
  if (container) return container;
  throw new Unsupported(
    extension
      ? `Video cannot be written to ${extension} files.`
      : `${path} has no extension that says what to write.`,
    { hint: `Name the output with one of ${Object.keys(containers).join(', ')}.` },
  );
}

/**
 * The codec to write: the wanted one, or what suits the container.
 * @throws Unsupported when the container does not hold it.
 */
export function codecFor(path: string, container: Container, wanted: VideoCodec | undefined): VideoCodec {
  if (!wanted) return container.codecs[0]!;
  if (container.codecs.includes(wanted)) return wanted;
  throw new Unsupported(`${extname(path)} files cannot hold ${wanted} video.`, {
    hint: `They hold ${container.codecs.join(', ')}; .mkv and .mp4 hold all.`,
  });
}
