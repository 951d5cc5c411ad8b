import { liveNow } from './live.js';

/** How far back it looks, and how often it notes how things stand, in microseconds. */
const [WINDOW, STEP] = [3_000_000, 100_000];

/** Which share of what came was in time, over the last seconds, from two totals. */
export class HitRate {
  readonly #noted: { readonly at: number; readonly came: number; readonly hits: number }[] = [];

  constructor(readonly now: () => number = liveNow) {
    this.note(0, 0);
  }

  /** How the totals stand. */
  note(came: number, hits: number): void {
    const at = this.now();
    const last = this.#noted.at(-1);
    if (last && at - last.at < STEP) return;
    this.#noted.push({ at, came, hits });
    // One from before the window stays: what it counts from.
    while (this.#noted[1] && this.#noted[1].at <= at - WINDOW) this.#noted.shift();
  }

  /** From 0 to 1, as the totals stand; undefined while nothing came. */
  share(came: number, hits: number): number | undefined {
    this.note(came, hits);
    const [from] = this.#noted;
    if (!from || came <= from.came) return undefined;
    return Math.max(0, Math.min(1, (hits - from.hits) / (came - from.came)));
  }
}
