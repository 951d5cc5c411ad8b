import type { Frame, Stream } from 'node-av/lib';
import { DEINTERLACE, type Fields, fieldsOf } from '../fields.js';
import { type Av, code } from './av.js';
import { assumeColors } from './color.js';
import type { PictureReader } from './decode.js';
import { bufferOf, FilterChain } from './filter.js';

/** The filter counts in halves of a tick; `bufferOf` counts in these. */
const WHOLE = `${DEINTERLACE},settb=1/1000000`;

interface Chain {
  readonly filters: FilterChain;
  /** What its pictures have in common. */
  readonly shape: string;
  /** Whether they have times: the filter doubles and halves those that stand for none, too. */
  readonly timed: boolean;
}

/**
 * The pictures of a reader, those whole that are stored as two fields. Up to the first of these all pass untouched; from
 * then on each waits for the next, by which the filter tells what moves.
 */
export class WholePictures implements Disposable {
  readonly #av: Av;
  readonly #reader: PictureReader;
  readonly #fields: Fields;
  readonly #out: Frame;
  #chain: Chain | undefined;
  /** No more pictures go into the chain: what is left in it comes out, then `next` goes on. */
  #draining = false;
  /** The reader's picture that the next chain begins with. */
  #waiting: Frame | undefined;

  constructor(av: Av, reader: PictureReader, { codecpar }: Stream) {
    this.#av = av;
    this.#reader = reader;
    this.#fields = fieldsOf(av.avGetCodecName(codecpar.codecId) ?? '', reader.fieldOrder);
    this.#out = new av.Frame();
    this.#out.alloc();
  }

  /** The next picture, or undefined after the last; it is this object's own and changes with the next call. */
  async next(): Promise<Frame | undefined> {
    this.#out.unref();
    for (;;) {
      if (await this.#chain?.filters.receive(this.#out)) {
        if (!this.#chain?.timed) this.#out.bestEffortTimestamp = code.noPts;
        return this.#out;
      }
      if (this.#draining) this.#close();
      const picture = this.#waiting ?? (await this.#reader.next());
      this.#waiting = undefined;
      if (!picture) {
        if (!this.#chain) return undefined;
        await this.#end();
      } else if (this.#chain || this.#isInterlaced(picture)) await this.#put(picture);
      else return picture;
    }
  }

  /** As the reader's. */
  async seek(ticks: bigint): Promise<boolean> {
    this.#close();
    this.#waiting = undefined;
    return this.#reader.seek(ticks);
  }

  #isInterlaced(picture: Frame): boolean {
    const { AV_FRAME_FLAG_INTERLACED, AV_FRAME_FLAG_TOP_FIELD_FIRST } = this.#av.C;
    if (this.#fields === 'never') return false;
    if (this.#fields === 'as told') return picture.hasFlags(AV_FRAME_FLAG_INTERLACED);
    picture.flags |= AV_FRAME_FLAG_INTERLACED | (this.#fields === 'tff' ? AV_FRAME_FLAG_TOP_FIELD_FIRST : 0);
    return true;
  }

  async #put(picture: Frame): Promise<void> {
    this.#isInterlaced(picture);
    assumeColors(this.#av, picture);
    const shape = bufferOf(this.#av, picture);
    const timed = picture.bestEffortTimestamp !== code.noPts;
    if (this.#chain && (this.#chain.shape !== shape || this.#chain.timed !== timed)) {
      this.#waiting = picture;
      return this.#end();
    }
    this.#chain ??= { filters: await FilterChain.open(this.#av, shape, WHOLE, 'video'), shape, timed };
    picture.pts = picture.bestEffortTimestamp;
    await this.#chain.filters.send(picture);
  }

  async #end(): Promise<void> {
    this.#draining = true;
    await this.#chain!.filters.send(null);
  }

  #close(): void {
    this.#draining = false;
    this.#chain?.filters[Symbol.dispose]();
    this.#chain = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
    this.#out.free();
  }
}
