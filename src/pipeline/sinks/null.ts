import type { Frame } from '../frame.js';
import type { FrameSink } from '../sink.js';

/** Takes every frame and keeps none: for measurements, and where a result is not wanted. */
export class NullSink implements FrameSink {
  #frames = 0;
  #finished = false;

  /** How many frames came. */
  get frames(): number {
    return this.#frames;
  }

  /** Whether `finish` was called. */
  get finished(): boolean {
    return this.#finished;
  }

  async write(frame: Frame): Promise<void> {
    this.#frames++;
    frame[Symbol.dispose]();
  }

  async finish(): Promise<void> {
    this.#finished = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
