import type { CodecContext, Frame, Stream } from 'node-av/lib';
import { DEINTERLACE, type Fields, fieldsOf } from '../fields.js';
import { type Av, code } from './av.js';
import { assumeColors } from './color.js';
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

/** What the container says of the order of fields, by FFmpeg's names: `tt`, `bb`, `tb`, `bt`, or another for none. */
export function fieldOrderOf({ C }: Av, decoder: CodecContext): string | undefined {
  const order = decoder.getOption('field_order', C.AV_OPT_TYPE_INT);
  return ['unknown', 'progressive', 'tt', 'bb', 'tb', 'bt'][order ?? 0];
}

/**
 * Makes pictures whole that are stored as two fields. Up to the first of these all pass untouched; from then on each
 * waits for the next, by which the filter tells what moves.
 */
export class Deinterlacer implements Disposable {
  readonly #av: Av;
  readonly #fields: Fields;
  readonly #out: Frame;
  #chain: Chain | undefined;

  /** @param order - that of the fields in the container, as `fieldOrderOf` has it */
  constructor(av: Av, { codecpar }: Stream, order: string | undefined) {
    this.#av = av;
    this.#fields = fieldsOf(av.avGetCodecName(codecpar.codecId) ?? '', order);
    this.#out = new av.Frame();
    this.#out.alloc();
  }

  /**
   * What the next picture (undefined: the last has come) lets out: itself or this object's own, valid until the next is
   * asked for. Each has to be asked for before the next picture comes.
   */
  async *whole(picture: Frame | undefined): AsyncGenerator<Frame, void> {
    if (!picture) return yield* this.#end();
    if (!this.#chain && !this.#isInterlaced(picture)) {
      yield picture;
      return;
    }
    assumeColors(this.#av, picture);
    const shape = bufferOf(this.#av, picture);
    const timed = picture.bestEffortTimestamp !== code.noPts;
    if (this.#chain && (this.#chain.shape !== shape || this.#chain.timed !== timed)) {
      yield* this.#end();
      return yield* this.whole(picture);
    }
    this.#isInterlaced(picture);
    this.#chain ??= { filters: await FilterChain.open(this.#av, shape, WHOLE, 'video'), shape, timed };
    picture.pts = picture.bestEffortTimestamp;
    await this.#chain.filters.send(picture);
    yield* this.#receive(this.#chain);
  }

  /** Forgets the pictures that wait: the next one does not follow them. */
  forget(): void {
    this.#chain?.filters[Symbol.dispose]();
    this.#chain = undefined;
  }

  /** Says so of a picture, too, where only the container tells. */
  #isInterlaced(picture: Frame): boolean {
    const { AV_FRAME_FLAG_INTERLACED, AV_FRAME_FLAG_TOP_FIELD_FIRST } = this.#av.C;
    if (this.#fields === 'never') return false;
    if (this.#fields === 'as told') return picture.hasFlags(AV_FRAME_FLAG_INTERLACED);
    picture.flags |= AV_FRAME_FLAG_INTERLACED | (this.#fields === 'tff' ? AV_FRAME_FLAG_TOP_FIELD_FIRST : 0);
    return true;
  }

  async *#end(): AsyncGenerator<Frame, void> {
    if (!this.#chain) return;
    await this.#chain.filters.send(null);
    yield* this.#receive(this.#chain);
    this.forget();
  }

  async *#receive({ filters, timed }: Chain): AsyncGenerator<Frame, void> {
    for (;;) {
      this.#out.unref();
      if (!(await filters.receive(this.#out))) return;
      if (!timed) this.#out.bestEffortTimestamp = code.noPts;
      yield this.#out;
    }
  }

  [Symbol.dispose](): void {
    this.forget();
    this.#out.free();
  }
}
