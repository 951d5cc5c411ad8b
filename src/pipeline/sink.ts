import type { Frame } from './frame.js';

/** Where frames go. Disposing without `finish` throws away what is unfinished: no half-written file stays behind. */
export interface FrameSink extends AsyncDisposable {
  /** Takes the frame over. Resolves once the sink can take another: the promise is the backpressure. */
  write(frame: Frame): Promise<void>;
  /** No more frames come: resolves when everything stands where it belongs, under its name. */
  finish(): Promise<void>;
}
