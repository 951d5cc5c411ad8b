import { Unsupported } from '../../errors.js';
import type { Size } from '../../models/pixels.js';
import type { LiveSink } from '../live.js';

/** Where a live output goes. */
export type LiveTarget =
  /** A file: .mp4 (H.264, AAC), .mkv (H.264, Opus) or .webm (VP9, Opus). It has its name once it is finished. */
  | { readonly kind: 'record'; readonly path: string }
  /** A folder of its own, with `index.m3u8` and the newest segments; disposing removes it. */
  | { readonly kind: 'hls'; readonly folder: string }
  /** A server: rtmp, rtmps or srt. */
  | { readonly kind: 'push'; readonly url: string };

/** How a live output is written. */
export interface LiveOutputOptions extends Size {
  /** Bits a second of the picture; left out: what suits the size. */
  readonly bitrate?: number;
  /** Frames a second that come, about; left out: 30. */
  readonly fps?: number;
  /** Seconds between key pictures; left out: 1 for HLS, 2 else. */
  readonly keySeconds?: number;
  readonly overwrite?: boolean;
  /** How long a server may take to answer, and to take a frame, in milliseconds: 10,000 and 5000. */
  readonly openTimeoutMs?: number;
  readonly stallTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A live output that counts. */
export interface LiveOutput extends LiveSink {
  /** Bytes of picture and sound so far. */
  readonly bytes: number;
  /** Packets of sound that were dropped since they came faster than they were written. */
  readonly soundDropped: number;
}

/**
 * Opens a live output. Frames of another size than `options` says are scaled to it; sound that is missing is silence.
 * @throws CannotWrite (file, folder), NotFound (no server answers), Unsupported (scheme, container), Interrupted.
 */
export async function openLiveOutput(target: LiveTarget, _options: LiveOutputOptions): Promise<LiveOutput> {
  throw new Unsupported(`${target.kind} cannot be written yet.`);
}
