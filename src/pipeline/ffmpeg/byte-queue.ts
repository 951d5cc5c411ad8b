/** Bytes of a stream taken in the pieces a reader wants, not those they came in. Each byte is copied once at most. */
export class ByteQueue {
  readonly #chunks: AsyncIterator<Buffer>;
  #head: Buffer = Buffer.alloc(0);
  #over = false;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async #next(): Promise<Buffer | undefined> {
    if (this.#over) return undefined;
    const { value, done } = await this.#chunks.next();
    if (done) this.#over = true;
    return done ? undefined : value;
  }

  /** The next bytes, at least `count` of them unless the stream ends before; they stay in the queue. For small counts. */
  async peek(count: number): Promise<Buffer> {
    while (this.#head.length < count) {
      const chunk = await this.#next();
      if (!chunk) break;
      this.#head = this.#head.length > 0 ? Buffer.concat([this.#head, chunk]) : chunk;
    }
    return this.#head;
  }

  /** Lets go of bytes that `peek` showed. */
  skip(count: number): void {
    this.#head = this.#head.subarray(count);
  }

  /** Fills `target` from its byte `at` on; false if the stream ends before it is full. */
  async fill(target: Uint8Array, at = 0): Promise<boolean> {
    for (let end = at; ; ) {
      const part = this.#head.subarray(0, target.length - end);
      target.set(part, end);
      end += part.length;
      this.#head = this.#head.subarray(part.length);
      if (end === target.length) return true;
      const chunk = await this.#next();
      if (!chunk) return false;
      this.#head = chunk;
    }
  }
}
