import type { Pixels } from '../models/pixels.js';
import { giveBack } from './recycle.js';

/** One picture of a stream. Whoever holds it disposes it; passing it on passes that duty on. */
export interface Frame extends Pixels, Disposable {
  /** Presentation time in microseconds, set once by the source and never changed. */
  readonly timestamp: number;
  /** A new frame at the same time; `release` is called as in `frame`. */
  with(pixels: Pixels, release?: () => void): Frame;
  /** Another hold on the same pixels. */
  clone(): Frame;
}

let alive = 0;

/** How many frames are held right now: zero at the end of every run, or something leaks. */
export const framesAlive = (): number => alive;

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
  readonly #hold: Hold;
  #disposed = false;

  constructor({ data, width, height }: Pixels, timestamp: number, hold: Hold) {
    this.data = data;
    this.width = width;
    this.height = height;
    this.timestamp = timestamp;
    this.#hold = hold;
    hold.count++;
    alive++;
  }

  with(pixels: Pixels, release?: () => void): Frame {
    return frame(pixels, this.timestamp, release);
  }

  clone(): Frame {
    return new HeldFrame(this, this.timestamp, this.#hold);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    alive--;
    if (--this.#hold.count === 0) this.#hold.release?.();
  }
}

/** Holds pixels as a frame shown at `timestamp` microseconds; `release` is called once nobody holds them any more. */
export function frame(pixels: Pixels, timestamp: number, release?: () => void): Frame {
  return new HeldFrame(pixels, timestamp, { count: 0, release });
}

/** Holds a borrowed picture as a frame; its memory is given back once nobody holds it any more. */
export const borrowedFrame = (pixels: Pixels, timestamp: number): Frame =>
  frame(pixels, timestamp, () => giveBack(pixels));
