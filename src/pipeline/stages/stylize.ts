import type { Bound } from '../../models/engine.js';
import { blank, cropTo, type Pixels, paddedSize, padReflect, type Size } from '../../models/pixels.js';
import type { Weights } from '../../models/weights.js';
import type { Due, LeasedPainter } from '../batcher.js';
import type { Frame } from '../frame.js';
import type { Look } from '../look.js';
import { giveBack } from '../recycle.js';
import type { Stage } from '../stage.js';
import { blend } from './blend.js';
import { type Resample, sameSize } from './resize.js';
import { Steady } from './steady.js';

/** What a stylize stage paints with. */
export interface StylizeOptions {
  /** Opens a painter for a size whose sides are multiples of `stride`: `Batcher.lease`. */
  readonly open: (size: Size) => Promise<LeasedPainter>;
  readonly stride: number;
  /** Asked once for each frame, in order. */
  readonly look: (frame: Frame) => Look;
  /** When a frame is wanted; left out: whenever its turn comes. */
  readonly due?: (frame: Frame) => Due;
  /** At which size to paint a frame of a given size; the painting is then scaled back. Its own if left out. */
  readonly work?: { readonly sizeFor: (frame: Size) => Size; readonly resample: Resample };
}

/** The nets' statistics mean little on fewer pixels; smaller pictures are grown by reflection. */
const LEAST_SIDE = 32;
/** Styles held ready at once. */
const BOUND = 3;

/** A painter with the styles that are in place on it. */
class Easel {
  readonly #bound = new Map<Weights, Promise<Bound>>();

  constructor(readonly painter: LeasedPainter) {}

  /** Binds once per style; the style unused for longest makes room. Only called while nothing is painted. */
  async bound(weights: Weights): Promise<Bound> {
    const bound = this.#bound.get(weights) ?? this.painter.bind(weights);
    this.#bound.delete(weights);
    this.#bound.set(weights, bound);
    if (this.#bound.size > BOUND) await this.#forget(this.#bound.keys().next().value!);
    return bound;
  }

  async close(): Promise<void> {
    for (const weights of [...this.#bound.keys()]) await this.#forget(weights);
    await this.painter[Symbol.asyncDispose]();
  }

  async #forget(weights: Weights): Promise<void> {
    const bound = this.#bound.get(weights);
    this.#bound.delete(weights);
    (await bound?.catch(() => undefined))?.[Symbol.dispose]();
  }
}

/**
 * Paints each frame as its look says: pads it to the net's stride by reflection, paints, crops, steadies, and blends
 * the painting with the frame. A frame of another size gets another painter. Frames come one at a time.
 */
export class Stylize implements Stage, AsyncDisposable {
  readonly name = 'paint';
  readonly #options: StylizeOptions;
  readonly #steady = new Steady();
  #easel: Easel | undefined;

  constructor(options: StylizeOptions) {
    this.#options = options;
  }

  /** @throws Late where the frame lapsed before its turn came; whatever the painter throws. */
  async run(frame: Frame): Promise<Frame> {
    const { work, look: lookAt, due } = this.#options;
    const look = lookAt(frame);
    if (look.show === 'blackout') return frame.with(blank(frame));
    if (look.strength === 0 || look.show === 'bypass') return frame.clone();
    const size = work?.sizeFor(frame) ?? frame;
    const other = work && !sameSize(frame, size);
    const picture = other ? await work.resample(frame, size) : frame;
    const painted = await this.#paint(picture, look.weights, due?.(frame));
    if (!other) return frame.with(this.#shown(frame, painted, look));
    giveBack(picture);
    const fresh = await work.resample(painted, frame);
    const shown = this.#shown(frame, fresh, look);
    // What is steadied is held on to.
    const done = () => look.steady === 0 && giveBack(fresh);
    if (shown === fresh) return frame.with(fresh, done);
    done();
    return frame.with(shown);
  }

  /** A painting as the look wants it shown. */
  #shown(frame: Frame, fresh: Pixels, look: Look): Pixels {
    const painting = this.#steady.run(frame, fresh, look.weights, look.steady);
    const plain = look.strength === 1 && look.keepColor === 0;
    return plain ? painting : blend(frame, painting, look);
  }

  async #paint(picture: Pixels, weights: Weights, due: Due | undefined): Promise<Pixels> {
    const size = paddedSize(picture, this.#options.stride, LEAST_SIDE);
    const easel = await this.#for(size);
    const style = await easel.bound(weights);
    const [painted] = await easel.painter.paint([{ pixels: padReflect(picture, size), style }], due);
    return cropTo(painted!, picture);
  }

  /** The easel of a size: the one at hand, or a new one in its place. */
  async #for(size: Size): Promise<Easel> {
    if (this.#easel && sameSize(this.#easel.painter.size, size)) return this.#easel;
    const next = new Easel(await this.#options.open(size));
    const last = this.#easel;
    this.#easel = next;
    await last?.close();
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const easel = this.#easel;
    this.#easel = undefined;
    await easel?.close();
  }
}
