/** Waits between attempts, in milliseconds: 300 at first, half as much again each time, at most 7,000. */
export class Backoff {
  #next: number;

  constructor(
    readonly leastMs = 300,
    readonly mostMs = 7000,
    readonly factor = 1.6,
    readonly random: () => number = Math.random,
  ) {
    this.#next = leastMs;
  }

  /** The wait before the next attempt: within a fifth around its step, so that many clients do not come at once. */
  next(): number {
    const step = this.#next;
    this.#next = Math.min(this.mostMs, step * this.factor);
    return Math.round(Math.min(this.mostMs, step * (0.8 + 0.4 * this.random())));
  }

  /** To be called when an attempt held. */
  reset(): void {
    this.#next = this.leastMs;
  }
}

/** Resolves after a time, or at once when the signal aborts. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
