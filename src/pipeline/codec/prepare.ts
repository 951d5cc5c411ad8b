import type { AVPixelFormat } from 'node-av/constants';
import type { Frame } from 'node-av/lib';
import { narrowings, type WideColors } from '../sdr.js';
import type { Av } from './av.js';
import { assumeColors } from './color.js';
import { bufferOf, FilterChain } from './filter.js';

/** Brings decoded pictures to standard range and upright, where they are not. Most are, and pass untouched. */
export class Preparation implements Disposable {
  readonly #av: Av;
  readonly #turn: string;
  readonly #out: Frame;
  #chain: { readonly shape: string; readonly filters: FilterChain } | undefined;

  /** `turn`: filters that stand the picture upright, as `upright` says. */
  constructor(av: Av, turn: string) {
    this.#av = av;
    this.#turn = turn;
    this.#out = new av.Frame();
    this.#out.alloc();
  }

  /** The picture to show: `frame` itself or one of this object's own, valid until the next call. */
  async prepare(frame: Frame): Promise<Frame> {
    assumeColors(this.#av, frame);
    const filters = [this.#colors(frame), this.#turn].filter(Boolean).join(',');
    if (!filters) return frame;
    const source = bufferOf(this.#av, frame);
    if (this.#chain?.shape !== source) {
      this.#chain?.filters[Symbol.dispose]();
      this.#chain = undefined;
      this.#chain = { shape: source, filters: await FilterChain.open(this.#av, source, filters, 'video') };
    }
    this.#out.unref();
    await this.#chain.filters.send(frame);
    if (!(await this.#chain.filters.receive(this.#out))) throw new Error('The filter kept a picture back.');
    return this.#out;
  }

  #colors({ format, colorTrc, colorPrimaries }: Frame): string {
    const { C } = this.#av;
    const narrowed = (kind: WideColors) =>
      narrowings(kind, this.#av.avGetPixFmtName(format as AVPixelFormat) ?? '')[0]!.filters;
    if (colorTrc === C.AVCOL_TRC_SMPTE2084) return narrowed('PQ');
    if (colorTrc === C.AVCOL_TRC_ARIB_STD_B67) return narrowed('HLG');
    return colorPrimaries === C.AVCOL_PRI_BT2020 ? narrowed('BT.2020') : '';
  }

  [Symbol.dispose](): void {
    this.#chain?.filters[Symbol.dispose]();
    this.#out.free();
  }
}
