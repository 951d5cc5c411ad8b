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
