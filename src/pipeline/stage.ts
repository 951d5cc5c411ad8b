import type { Frame } from './frame.js';

/** One step on a frame's way from source to sink. */
export interface Stage extends Partial<Disposable> {
  readonly name: string;
  /**
   * How many frames it works on at the same time, as things stand; 1 if left out. `run` is called in order, and what it
   * returns is passed on in order, whichever is done first.
   */
  readonly width?: number;
  /** Reads its input and returns a frame of its own; undefined: it drops this one. Whoever calls disposes the input. */
  run(frame: Frame): Promise<Frame | undefined>;
}
