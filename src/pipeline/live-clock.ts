import { liveNow } from './live.js';

/** Where the times of a publisher's clock lie on the live clock. All in microseconds. */
export interface LiveClock {
  /** The live time of a time of the publisher; undefined until something has come. */
  at(media: number): number | undefined;
  /** Tells when something of the publisher's came in. */
  arrived(media: number): void;
  /** Tells that a picture is about to be shown: the first one sets the clock of what keeps its own pace. */
  showing(media: number): void;
}

/** How long one looks back for the quickest arrival, and how far the clock then follows it at most. */
const WINDOW = 5_000_000;
const SLEW = 5000;
/** A delay that has grown by more than this is taken over at once. */
const STEP = 100_000;

/**
 * For what arrives at its own pace: the quickest arrival of late tells where the clock stands, so a burst at the
 * beginning or after a stall adds no delay, and a publisher whose clock runs fast or slow is followed.
 */
export class ArrivalClock implements LiveClock {
  #offset: number | undefined;
  #least = Number.POSITIVE_INFINITY;
  #since = 0;
  readonly #now: () => number;

  constructor(now: () => number = liveNow) {
    this.#now = now;
  }

  at(media: number): number | undefined {
    return this.#offset === undefined ? undefined : media + this.#offset;
  }

  arrived(media: number): void {
    const now = this.#now();
    const offset = now - media;
    if (this.#offset === undefined || offset <= this.#offset) {
      this.#offset = offset;
      this.#look(now);
      return;
    }
    this.#least = Math.min(this.#least, offset);
    if (now - this.#since < WINDOW) return;
    const behind = this.#least - this.#offset;
    this.#offset += behind > STEP ? behind : Math.min(behind, SLEW);
    this.#look(now);
  }

  #look(from: number): void {
    this.#since = from;
    this.#least = Number.POSITIVE_INFINITY;
  }

  showing(): void {}
}

/** Pictures that come this much too late, since they cannot be read fast enough, set the clock anew. */
const LATE = 1_000_000;

/** For what could be read at any pace and is played at its own: the first picture is now, the others follow it. */
export class PacedClock implements LiveClock {
  #offset: number | undefined;
  readonly #now: () => number;

  constructor(now: () => number = liveNow) {
    this.#now = now;
  }

  at(media: number): number | undefined {
    return this.#offset === undefined ? undefined : media + this.#offset;
  }

  arrived(): void {}

  showing(media: number): void {
    const now = this.#now();
    if (this.#offset === undefined || now - (media + this.#offset) > LATE) this.#offset = now - media;
  }
}
