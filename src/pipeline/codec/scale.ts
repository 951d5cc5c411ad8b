import type { Frame, SoftwareScaleContext } from 'node-av/lib';
import type { Pixels, Size } from '../../models/pixels.js';
import { Turns } from '../../turns.js';
import { borrow } from '../recycle.js';
import { type Av, check, loadAv } from './av.js';
import { copyRows, pictureOf, planesOf, spreadRows, stridesOf } from './color.js';

/** A picture of FFmpeg's with its planes. */
interface Canvas {
  readonly frame: Frame;
  readonly planes: readonly Uint8Array[];
  readonly strides: readonly number[];
}

/** A context and its two pictures for one pair of sizes. */
interface Setup {
  readonly context: SoftwareScaleContext;
  readonly from: Canvas;
  readonly to: Canvas;
}

/** Resamples pictures by swscale, bicubic; calls wait for each other. One for each place that resamples. */
export class Scaler implements AsyncDisposable {
  readonly #av: Av;
  readonly #setups = new Map<string, Setup>();
  readonly #turns = new Turns();

  constructor(av: Av) {
    this.#av = av;
  }

  /** A picture of `size` with the same content; a copy in borrowed memory, also where nothing changes. */
  readonly resample = (pixels: Pixels, size: Size): Promise<Pixels> =>
    this.#turns.take(() => this.#scale(pixels, size));

  async #scale(pixels: Pixels, size: Size): Promise<Pixels> {
    const { context, from, to } = this.#setup(pixels, size);
    for (const [channel, plane] of from.planes.entries())
      spreadRows(pixels, channel, plane, from.strides[channel]!, pixels);
    check(this.#av, await context.scaleFrame(to.frame, from.frame), 'Cannot resize a picture');
    const out = borrow(size);
    for (const [channel, plane] of to.planes.entries())
      copyRows(plane, to.strides[channel]!, out.data, channel * size.width * size.height, size);
    return out;
  }

  #setup(before: Size, after: Size): Setup {
    const key = [before.width, before.height, after.width, after.height].join();
    const known = this.#setups.get(key);
    if (known) return known;
    const context = new this.#av.SoftwareScaleContext();
    context.allocContext();
    const setup = { context, from: this.#canvas(before), to: this.#canvas(after) };
    this.#setups.set(key, setup);
    return setup;
  }

  #canvas(size: Size): Canvas {
    const { C } = this.#av;
    const frame = pictureOf(this.#av, size, C.AV_PIX_FMT_GBRP);
    frame.colorSpace = C.AVCOL_SPC_RGB;
    frame.colorRange = C.AVCOL_RANGE_JPEG;
    return { frame, planes: planesOf(frame), strides: stridesOf(frame) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.take(async () => undefined);
    for (const { context, from, to } of this.#setups.values()) {
      context.freeContext();
      from.frame.free();
      to.frame.free();
    }
    this.#setups.clear();
  }
}

/** @throws Unsupported where node-av is missing. */
export async function openScaler(): Promise<Scaler> {
  return new Scaler(await loadAv());
}
