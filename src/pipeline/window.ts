/** Values kept for percentiles: some seconds of frames. */
const KEPT = 256;

/** The latest values of something, for percentiles of it. */
export class Window {
  readonly #values: number[] = [];
  #next = 0;

  add(value: number): void {
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % KEPT;
  }

  get size(): number {
    return this.#values.length;
  }

  /** Median and 95th percentile; zeros while there is nothing. */
  timing(): { readonly p50: number; readonly p95: number } {
    const sorted = [...this.#values].sort((a, b) => a - b);
    const at = (share: number) => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(2));
    return { p50: at(0.5), p95: at(0.95) };
  }
}

/** Events a second over the last seconds. */
export class Rate {
  readonly #times: number[] = [];

  /** @param seconds how far back it looks. */
  constructor(readonly seconds = 2) {}

  count(now = performance.now()): void {
    this.#times.push(now);
    this.#forget(now);
  }

  perSecond(now = performance.now()): number {
    this.#forget(now);
    const [first] = this.#times;
    if (first === undefined || this.#times.length < 2) return 0;
    // Between the first and now, so that it falls to nothing when nothing comes.
    const span = Math.max(now - first, 1);
    return Number(
      ((1000 * (this.#times.length - 1)) / Math.max(span, this.#times.at(-1)! - first)).toFixed(2),
    );
  }

  #forget(now: number): void {
    while (this.#times.length > 0 && now - this.#times[0]! > this.seconds * 1000) this.#times.shift();
  }
}
