import { join } from 'node:path';
import { LivebrushError } from '../errors.js';
import { resizePicture, writePicture } from '../models/picture.js';
import type { Pixels } from '../models/pixels.js';
import type { Frame } from '../pipeline/frame.js';

/** Which of the pictures that come are kept. */
export interface GatherOptions {
  readonly count: number;
  /** Fewer than this are too few to learn from. */
  readonly least: number;
  /** Milliseconds of the stream between two of them, so that they differ. */
  readonly everyMs: number;
  /** How long to wait for all of them, in milliseconds. */
  readonly patienceMs: number;
  /** Longest side as they are kept, in pixels. */
  readonly side: number;
}

const within = async (pixels: Pixels, side: number): Promise<Pixels> =>
  Math.max(pixels.width, pixels.height) > side
    ? resizePicture(pixels, { width: side, height: side }, { fit: 'inside' })
    : pixels;

/**
 * Keeps pictures of a stream as files in a folder.
 * @throws LivebrushError when too few came in time, or whatever `signal` aborts with.
 */
export async function gather(
  incoming: (signal: AbortSignal) => AsyncIterable<Frame>,
  folder: string,
  { count, least, everyMs, patienceMs, side }: GatherOptions,
  signal: AbortSignal,
): Promise<number> {
  let kept = 0;
  let next = Number.NEGATIVE_INFINITY;
  for await (const one of incoming(AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]))) {
    using frame = one;
    if (frame.timestamp < next) continue;
    next = frame.timestamp + everyMs * 1000;
    const name = `frame-${String(++kept).padStart(3, '0')}.webp`;
    await writePicture(join(folder, name), await within(frame, side), { quality: 90 });
    if (kept === count) break;
  }
  signal.throwIfAborted();
  if (kept < least)
    throw new LivebrushError('Too few pictures came in to learn from.', {
      hint: 'Try again while the stream runs.',
    });
  return kept;
}
