/** Sizes of calls that are told apart: from each one up to the next. */
const SIZES = [1, 2, 4, 8] as const;
/** Times that are kept of each size, and that one has to have before it is judged. */
const [KEPT, ENOUGH] = [9, 5];
/** A larger call is worth it below this share of the time per picture, and is given up above the other. */
const [WORTH, NOT_WORTH] = [0.85, 0.95];
/** One in so many calls tries another size: at first, and once it is known. */
const [TRY_AT_FIRST, TRY_LATER] = [4, 64];

const median = (values: readonly number[]): number | undefined =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Which of `SIZES` a number of pictures counts as. */
const sizeOf = (pictures: number): number => SIZES.findLastIndex((size) => size <= pictures);

/**
 * What calls of one painter cost by how many pictures they hold, and so how many are best: learned from the calls
 * themselves, since only they tell. A processor takes as long for two pictures as for one twice, so it is given one at
 * a time and can be given another one's next; a graphics processor is often not filled by one.
 */
export class BatchCost {
  /** Microseconds per picture, by size. */
  readonly #times: number[][] = SIZES.map(() => []);
  readonly #fixed: number | undefined;
  #calls = 0;
  #best = 0;

  /** @param fixed pictures in a call at most, 1 to 8, whatever they cost; left out: as measured. */
  constructor(fixed?: number) {
    this.#fixed = fixed;
  }

  /** Pictures that the next call shall hold at most. */
  get most(): number {
    if (this.#fixed !== undefined) return this.#fixed;
    const known = this.#times[this.#best + 1];
    const every = known && known.length < ENOUGH ? TRY_AT_FIRST : TRY_LATER;
    if (known && this.#calls % every === every - 1) return SIZES[this.#best + 1]!;
    if (this.#best > 0 && this.#calls % TRY_LATER === TRY_LATER / 2) return SIZES[this.#best - 1]!;
    return SIZES[this.#best]!;
  }

  /** Learns from a call that took so many microseconds. */
  record(pictures: number, us: number): void {
    const size = sizeOf(pictures);
    const times = this.#times[size]!;
    times.push(us / pictures);
    if (times.length > KEPT) times.shift();
    this.#calls++;
    this.#judge();
  }

  /** Microseconds that a call of so many pictures is likely to take; undefined before there was any. */
  expected(pictures: number): number | undefined {
    for (let size = sizeOf(pictures); size >= 0; size--) {
      const each = median(this.#times[size]!);
      if (each !== undefined) return each * pictures;
    }
    const larger = median(this.#times.find((times) => times.length > 0) ?? []);
    return larger === undefined ? undefined : larger * pictures;
  }

  /** Microseconds that a full call saves against as many calls of one picture: what waiting for it may cost. */
  get saved(): number {
    const size = this.#fixed === undefined ? this.#best : sizeOf(this.#fixed);
    const [alone, together] = [median(this.#times[0]!), median(this.#times[size]!)];
    if (alone === undefined || together === undefined) return 0;
    return Math.max(0, (alone - together) * SIZES[size]!);
  }

  #judge(): void {
    const each = (size: number) => {
      const times = this.#times[size];
      return times && times.length >= ENOUGH ? median(times) : undefined;
    };
    const [less, now, more] = [each(this.#best - 1), each(this.#best), each(this.#best + 1)];
    if (now === undefined) return;
    if (more !== undefined && more < WORTH * now) this.#best++;
    else if (less !== undefined && now > NOT_WORTH * less) {
      // What is given up has to prove itself anew before it is taken again.
      this.#times[this.#best] = [];
      this.#best--;
    }
  }
}
