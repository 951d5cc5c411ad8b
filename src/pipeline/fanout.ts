import type { Frame } from './frame.js';
import { Latest } from './latest.js';
import type { FrameSink } from './sink.js';
import type { FrameSource } from './source.js';

/** How a reader of a fan-out begins. */
export interface TapOptions {
  /** Whether it is given the newest frame at once, so that it has something to show. */
  readonly primed?: boolean;
  /** Frames that may wait for it; 1 if left out. Painted ones come two or three at a time where as many are painted. */
  readonly slots?: number;
}

/**
 * One reader of a fan-out: a live source. What it is too slow for is dropped and counted here, and slows nobody else.
 * Can be read once.
 */
export class Tap implements FrameSource {
  readonly live = true;
  /** Where frames wait for this reader. */
  readonly newest: Latest<Frame>;
  #taken = 0;
  #last: number | undefined;
  #interval: number | undefined;
  readonly #leave: (tap: Tap) => void;

  constructor(leave: (tap: Tap) => void, slots = 1) {
    this.#leave = leave;
    this.newest = new Latest(slots);
  }

  /** How many frames were offered so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Milliseconds between the frames that are offered, over the last ones. */
  get interval(): number | undefined {
    return this.#interval;
  }

  put(one: Frame): void {
    this.#taken++;
    const ms = this.#last === undefined ? undefined : (one.timestamp - this.#last) / 1000;
    if (ms !== undefined)
      this.#interval = this.#interval === undefined ? ms : this.#interval + (ms - this.#interval) / 16;
    this.#last = one.timestamp;
    this.newest.put(one);
  }

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    const stop = () => this.newest.end();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield* this.newest;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#leave(this);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave(this);
    this.newest[Symbol.dispose]();
  }
}

/** One stream of frames for many readers, who share the pixels. Writing never waits for any of them. */
export class Fanout implements FrameSink {
  readonly #taps = new Set<Tap>();
  #last: Frame | undefined;
  #closed = false;

  /** How many read. */
  get readers(): number {
    return this.#taps.size;
  }

  /** The newest frame, as another hold on it, if one came and this is open. */
  last(): Frame | undefined {
    return this.#last?.clone();
  }

  /** A reader from now on. */
  tap({ primed = false, slots }: TapOptions = {}): Tap {
    const tap = new Tap((gone) => this.#taps.delete(gone), slots);
    if (this.#closed) tap.newest.end();
    else this.#taps.add(tap);
    if (primed && this.#last) tap.put(this.#last.clone());
    return tap;
  }

  async write(given: Frame): Promise<void> {
    if (this.#closed) {
      given[Symbol.dispose]();
      return;
    }
    this.#last?.[Symbol.dispose]();
    this.#last = given;
    for (const tap of this.#taps) tap.put(given.clone());
  }

  /** Ends every reader after its last frame. */
  async finish(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#last?.[Symbol.dispose]();
    this.#last = undefined;
    for (const tap of this.#taps) tap.newest.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.finish();
  }
}
