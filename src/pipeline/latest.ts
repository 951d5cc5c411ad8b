/**
 * One slot, newest wins: the one place where a live stream loses frames, and it counts them. One writer puts at its
 * own pace, one reader iterates at its own; what the reader was too slow for is disposed. Iterate it once.
 */
export class Latest<T extends Disposable> implements AsyncIterable<T>, Disposable {
  #slot: T | undefined;
  #dropped = 0;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  /** How many were replaced, or put after the end, before anyone read them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether one waits to be read. */
  get waiting(): boolean {
    return this.#slot !== undefined;
  }

  /** Takes `item` over; the one that still waits is dropped. */
  put(item: T): void {
    if (this.#ended) {
      this.#dropped++;
      item[Symbol.dispose]();
      return;
    }
    this.#drop();
    this.#slot = item;
    this.#wake?.();
  }

  /** No more come. The reader still gets the waiting one, then ends, or throws `error` if there is one. */
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
        const item = this.#slot;
        this.#slot = undefined;
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

  /** Ends and disposes the waiting one. */
  [Symbol.dispose](): void {
    this.end();
    this.#drop();
  }

  #drop(): void {
    if (this.#slot === undefined) return;
    this.#dropped++;
    this.#slot[Symbol.dispose]();
    this.#slot = undefined;
  }
}
