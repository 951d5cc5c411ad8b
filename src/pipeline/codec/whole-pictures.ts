import type { Frame, Stream } from 'node-av/lib';
import type { Av } from './av.js';
import type { PictureReader } from './decode.js';
import { Deinterlacer } from './deinterlacer.js';

/** The pictures of a reader, those whole that are stored as two fields. */
export class WholePictures implements Disposable {
  readonly #reader: PictureReader;
  readonly #deinterlacer: Deinterlacer;
  #pictures: AsyncGenerator<Frame, void>;

  constructor(av: Av, reader: PictureReader, stream: Stream) {
    this.#reader = reader;
    this.#deinterlacer = new Deinterlacer(av, stream, reader.fieldOrder);
    this.#pictures = this.#all();
  }

  /** The next picture, or undefined after the last; it changes with the next call. */
  async next(): Promise<Frame | undefined> {
    return (await this.#pictures.next()).value || undefined;
  }

  /** As the reader's. */
  async seek(ticks: bigint): Promise<boolean> {
    this.#deinterlacer.forget();
    this.#pictures = this.#all();
    return this.#reader.seek(ticks);
  }

  async *#all(): AsyncGenerator<Frame, void> {
    for (;;) {
      const picture = await this.#reader.next();
      yield* this.#deinterlacer.whole(picture);
      if (!picture) return;
    }
  }

  [Symbol.dispose](): void {
    this.#deinterlacer[Symbol.dispose]();
  }
}
