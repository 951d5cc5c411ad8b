/**
 * Counts on where an RTP field of `bits` bits starts again at zero. Each value is taken for the nearest one to the
 * value before, so that packets may change places, also around the wrap.
 */
export class Unwrapper {
  readonly #span: number;
  #last: number | undefined;

  /** `bits` is 16 for sequence numbers, 32 for timestamps. */
  constructor(bits: 16 | 32) {
    this.#span = 2 ** bits;
  }

  /** The value without wrapping; the first one is itself. Results may be negative right after the start. */
  next(value: number): number {
    this.#last = this.peek(value);
    return this.#last;
  }

  /** What `next` would say, without going on from it. */
  peek(value: number): number {
    if (this.#last === undefined) return value;
    const ahead = modulo(value - this.#last, this.#span);
    return this.#last + (ahead < this.#span / 2 ? ahead : ahead - this.#span);
  }
}

const modulo = (value: number, span: number): number => ((value % span) + span) % span;
