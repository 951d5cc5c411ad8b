/** How much of the newest interval goes into the mean: it settles within about a second. */
const SHARE = 0.1;
/** Changes of the pace below this are no news. */
const NEWS = 0.1;
/** A pause is no pace: intervals count up to this many microseconds. */
const LONGEST = 250_000;

/** Follows the pace at which frames come, for encoders that know a constant rate only. */
export class Pace {
  /** How much longer frames last than expected: 2 at half the rate, 0.5 at twice the rate. Changes in steps. */
  stretch = 1;
  readonly #expected: number;
  #mean: number;
  #last: number | undefined;

  /** `fps` is the rate that the encoder was told. */
  constructor(fps: number) {
    this.#expected = 1e6 / fps;
    this.#mean = this.#expected;
  }

  /** A frame comes, with this time in microseconds. */
  note(timestamp: number): void {
    const interval = timestamp - (this.#last ?? timestamp - this.#expected);
    this.#last = timestamp;
    if (!(interval > 0)) return;
    this.#mean += SHARE * (Math.min(interval, LONGEST) - this.#mean);
    const stretch = this.#mean / this.#expected;
    if (Math.abs(stretch / this.stretch - 1) > NEWS) this.stretch = stretch;
  }
}
