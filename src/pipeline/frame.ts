import type { Pixels } from '../models/pixels.js';

/** One picture of a stream. Whoever holds it disposes it; passing it on passes that duty on. */
export interface Frame extends Pixels, Disposable {
  /** Presentation time in microseconds, set once by the source and never changed. */
  readonly timestamp: number;
  /** A new frame at the same time. */
  with(pixels: Pixels): Frame;
  /** Another hold on the same pixels. */
  clone(): Frame;
}

let alive = 0;

/** How many frames are held right now: zero at the end of every run, or something leaks. */
export const framesAlive = (): number => alive;

class HeldFrame implements Frame {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly timestamp: number;
  #disposed = false;

  constructor({ data, width, height }: Pixels, timestamp: number) {
    this.data = data;
    this.width = width;
    this.height = height;
    this.timestamp = timestamp;
    alive++;
  }

  with(pixels: Pixels): Frame {
    return new HeldFrame(pixels, this.timestamp);
  }

  clone(): Frame {
    return new HeldFrame(this, this.timestamp);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    alive--;
  }
}

/** Holds pixels as a frame shown at `timestamp` microseconds. */
export function frame(pixels: Pixels, timestamp: number): Frame {
  return new HeldFrame(pixels, timestamp);
}
