import type { Frame, SoftwareScaleContext } from 'node-av/lib';
import { blank, type Pixels, type Size } from '../../models/pixels.js';
import { type Av, check, loadAv } from './av.js';
import { pictureOf } from './color.js';

/** gbrp holds green, blue, red; pixels are red, green, blue. */
const PLANES = [2, 0, 1] as const;

/** A context and its two pictures for one pair of sizes. */
interface Setup {
  readonly context: SoftwareScaleContext;
  readonly from: Frame;
  readonly to: Frame;
}

/** Resamples pictures by swscale, bicubic; calls wait for each other. One for each place that resamples. */
export class Scaler implements AsyncDisposable {
  readonly #av: Av;
  readonly #setups = new Map<string, Setup>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(av: Av) {
    this.#av = av;
  }

  /** A picture of `size` with the same content; a copy, also where nothing changes. */
  readonly resample = (pixels: Pixels, size: Size): Promise<Pixels> => {
    const work = this.#last.then(() => this.#scale(pixels, size));
    this.#last = work.catch(() => undefined);
    return work;
  };

  async #scale(pixels: Pixels, size: Size): Promise<Pixels> {
    const { context, from, to } = this.#setup(pixels, size);
    PLANES.forEach((plane, channel) => {
      const target = from.data?.[plane];
      const stride = from.linesize[plane]!;
      for (let y = 0; y < pixels.height; y++) {
        const start = (channel * pixels.height + y) * pixels.width;
        target?.set(pixels.data.subarray(start, start + pixels.width), y * stride);
      }
    });
    check(this.#av, await context.scaleFrame(to, from), 'Cannot resize a picture');
    const out = blank(size);
    PLANES.forEach((plane, channel) => {
      const rows = to.data?.[plane];
      const stride = to.linesize[plane]!;
      for (let y = 0; rows && y < size.height; y++) {
        const start = (channel * size.height + y) * size.width;
        out.data.set(rows.subarray(y * stride, y * stride + size.width), start);
      }
    });
    return out;
  }

  #setup(before: Size, after: Size): Setup {
    const key = [before.width, before.height, after.width, after.height].join();
    const known = this.#setups.get(key);
    if (known) return known;
    const context = new this.#av.SoftwareScaleContext();
    context.allocContext();
    const format = this.#av.C.AV_PIX_FMT_GBRP;
    const setup = {
      context,
      from: pictureOf(this.#av, before, format),
      to: pictureOf(this.#av, after, format),
    };
    for (const picture of [setup.from, setup.to]) {
      picture.colorSpace = this.#av.C.AVCOL_SPC_RGB;
      picture.colorRange = this.#av.C.AVCOL_RANGE_JPEG;
    }
    this.#setups.set(key, setup);
    return setup;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    for (const { context, from, to } of this.#setups.values()) {
      context.freeContext();
      from.free();
      to.free();
    }
    this.#setups.clear();
  }
}

/** @throws Unsupported where node-av is missing. */
export async function openScaler(): Promise<Scaler> {
  return new Scaler(await loadAv());
}
