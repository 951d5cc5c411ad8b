import { liveNow } from './live.js';

const WINDOW = 3_000_000;
/** Entries kept at most, whatever comes. */
const MOST = 2000;

/** Counts and sums over the last three seconds. */
export class RateMeter {
  readonly #entries: { readonly at: number; readonly amount: number }[] = [];
  readonly #now: () => number;
  #began: number | undefined;

  constructor(now: () => number = liveNow) {
    this.#now = now;
  }

  add(amount = 1): void {
    const at = this.#now();
    this.#began ??= at;
    this.#entries.push({ at, amount });
    if (this.#entries.length > MOST) this.#entries.shift();
    this.#forget(at);
  }

  /** Entries a second. */
  get rate(): number {
    return this.#over(() => 1);
  }

  /** Amounts a second. */
  get sum(): number {
    return this.#over(({ amount }) => amount);
  }

  #over(weigh: (entry: { readonly amount: number }) => number): number {
    const now = this.#now();
    this.#forget(now);
    const span = Math.min(WINDOW, now - (this.#began ?? now));
    if (span < WINDOW / 12) return 0;
    return this.#entries.reduce((sum, entry) => sum + weigh(entry), 0) * (1e6 / span);
  }

  #forget(now: number): void {
    while (this.#entries[0] && this.#entries[0].at < now - WINDOW) this.#entries.shift();
  }
}
