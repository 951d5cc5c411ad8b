import type { Pixels } from '../models/pixels.js';
import { giveBack } from './recycle.js';

/** One picture of a stream. Whoever holds it disposes it; passing it on passes that duty on. */
export interface Frame extends Pixels, Disposable {
  /** Presentation time in microseconds, set once by the source and never changed. */
  readonly timestamp: number;
  /** How long it is shown, in microseconds, where the source knows: the last picture of a file has no other end. */
  readonly duration?: number | undefined;
  /** A new frame at the same time, shown as long; `release` is called as in `frame`. */
  with(pixels: Pixels, release?: () => void): Frame;
  /** Another hold on the same pixels. */
  clone(): Frame;
}

let alive = 0;

/** How many frames are held right now: zero at the end of every run, or something leaks. */
export const framesAlive = (): number => alive;

/** When and how long a frame is shown, in microseconds. */
type Shown = Pick<Frame, 'timestamp' | 'duration'>;

/** What all frames that hold the same pixels share. */
interface Hold {
  count: number;
  readonly release: (() => void) | undefined;
}

class HeldFrame implements Frame {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly timestamp: number;
  readonly duration: number | undefined;
  readonly #hold: Hold;
  #disposed = false;

  constructor({ data, width, height }: Pixels, { timestamp, duration }: Shown, hold: Hold) {
    this.data = data;
    this.width = width;
    this.height = height;
    this.timestamp = timestamp;
    this.duration = duration;
    this.#hold = hold;
    hold.count++;
    alive++;
  }

  with(pixels: Pixels, release?: () => void): Frame {
    return frame(pixels, this, release);
  }

  clone(): Frame {
    return new HeldFrame(this, this, this.#hold);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    alive--;
    if (--this.#hold.count === 0) this.#hold.release?.();
  }
}

/**
 * Holds pixels as a frame shown at `shown`, in microseconds, or from then on for a while; `release` is called once
 * nobody holds them any more.
 */
export function frame(pixels: Pixels, shown: number | Shown, release?: () => void): Frame {
  const times = typeof shown === 'number' ? { timestamp: shown } : shown;
  return new HeldFrame(pixels, times, { count: 0, release });
}

/** Holds a borrowed picture as a frame; its memory is given back once nobody holds it any more. */
export const borrowedFrame = (pixels: Pixels, shown: number | Shown): Frame =>
  frame(pixels, shown, () => giveBack(pixels));
