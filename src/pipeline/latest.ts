/**
 * One slot or a few, newest wins: the one place where a live stream loses frames, and it counts them. One writer puts at
 * its own pace, one reader iterates at its own; what the reader was too slow for is disposed. Iterate it once.
 */
export class Latest<T extends Disposable> implements AsyncIterable<T>, Disposable {
  readonly #waiting: T[] = [];
  #dropped = 0;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  /** @param slots how many may wait: more than one for a reader that gets them in bursts and needs each. */
  constructor(readonly slots = 1) {}

  /** How many were replaced, or put after the end, before anyone read them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether one waits to be read. */
  get waiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes `item` over; the oldest that waits is dropped where there is no slot. */
  put(item: T): void {
    if (this.#ended) {
      this.#dropped++;
      item[Symbol.dispose]();
      return;
    }
    if (this.#waiting.length === this.slots) this.#drop();
    this.#waiting.push(item);
    this.#wake?.();
  }

  /** No more come. The reader still gets those that wait, then ends, or throws `error` if there is one. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  /** Puts all that `items` yields, then ends with it. Never rejects: an error reaches the reader. */
  async pump(items: AsyncIterable<T>): Promise<void> {
    try {
      for await (const item of items) {
        this.put(item);
        if (this.#ended) break;
      }
      this.end();
    } catch (error) {
      this.end(error);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    try {
      for (;;) {
        const item = this.#waiting.shift();
        if (item !== undefined) yield item;
        else if (this.#ended) break;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
      if (this.#error !== undefined) throw this.#error;
    } finally {
      this[Symbol.dispose]();
    }
  }

  /** Ends and disposes those that wait. */
  [Symbol.dispose](): void {
    this.end();
    while (this.waiting) this.#drop();
  }

  #drop(): void {
    this.#dropped++;
    this.#waiting.shift()?.[Symbol.dispose]();
  }
}
