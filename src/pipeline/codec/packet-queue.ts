import type { Packet } from 'node-av/lib';

/** A packet of a stream, or the mark where the stream begins anew. */
export type Queued = Packet | 'again';

/** Packets that wait for their decoder, oldest first. One writer, one reader, who frees what it takes. */
export class PacketQueue implements Disposable {
  readonly #items: Queued[] = [];
  #bytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  get length(): number {
    return this.#items.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  put(item: Queued): void {
    if (this.#ended) {
      if (item !== 'again') item.free();
      return;
    }
    this.#items.push(item);
    if (item !== 'again') this.#bytes += item.size;
    this.#wake?.();
  }

  /** No more come. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next one, once there is one; undefined after the last. */
  async take(): Promise<Queued | undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        if (item !== 'again') this.#bytes -= item.size;
        return item;
      }
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Frees all that wait. */
  clear(): void {
    for (const item of this.#items.splice(0)) if (item !== 'again') item.free();
    this.#bytes = 0;
  }

  /** Ends, and frees what waits. */
  [Symbol.dispose](): void {
    this.end();
    this.clear();
  }
}
