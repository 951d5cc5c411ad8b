import type { Frame } from './frame.js';

/** One step on a frame's way from source to sink. */
export interface Stage extends Partial<Disposable> {
  readonly name: string;
  /** Reads its input and returns a frame of its own; undefined: it drops this one. Whoever calls disposes the input. */
  run(frame: Frame): Promise<Frame | undefined>;
}
