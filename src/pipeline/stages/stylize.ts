import type { Bound } from '../../models/engine.js';
import { blank, cropTo, type Pixels, paddedSize, padReflect, type Size } from '../../models/pixels.js';
import type { Weights } from '../../models/weights.js';
import { Turns } from '../../turns.js';
import type { Due, LeasedPainter } from '../batcher.js';
import type { Frame } from '../frame.js';
import type { Look } from '../look.js';
import { giveBack } from '../recycle.js';
import type { Stage } from '../stage.js';
import { blend } from './blend.js';
import { type Resample, sameSize } from './resize.js';
import { Steady } from './steady.js';

/** What a painter made of a frame. */
interface Painting {
  readonly pixels: Pixels;
  readonly borrowed: boolean;
}

/** What a stylize stage paints with. */
export interface StylizeOptions {
  /** Opens a painter for a size whose sides are multiples of `stride`: `Batcher.lease`. */
  readonly open: (size: Size) => Promise<LeasedPainter>;
  readonly stride: number;
  /** Asked once for each frame, in order. */
  readonly look: (frame: Frame) => Look;
  /** When a frame is wanted; left out: whenever its turn comes. */
  readonly due?: (frame: Frame) => Due;
  /** Told of each frame that was painted, and how many milliseconds its painter took, waiting for its turn included. */
  readonly took?: (frame: Frame, ms: number) => void;
  /** At which size to paint a frame of a given size; the painting is then scaled back. Its own if left out. */
  readonly work?: { readonly sizeFor: (frame: Size) => Size; readonly resample: Resample };
}

/** The nets' statistics mean little on fewer pixels; smaller pictures are grown by reflection. */
const LEAST_SIDE = 32;
/** Styles held ready at once, beside those that are painted with. */
const BOUND = 3;

/** A style in place on a painter. */
interface Ready {
  readonly bound: Promise<Bound>;
  /** Pictures that are painted with it. */
  users: number;
}

/** A painter with the styles that are in place on it. */
class Easel {
  readonly #ready = new Map<Weights, Ready>();
  readonly #painting = new Set<Promise<unknown>>();

  constructor(readonly painter: LeasedPainter) {}

  /** Paints in a style, which is bound once; the style unused for longest makes room. */
  async paint(pixels: Pixels, weights: Weights, due: Due | undefined): Promise<Pixels> {
    const ready = this.#ready.get(weights) ?? this.#bind(weights);
    this.#ready.delete(weights);
    this.#ready.set(weights, ready);
    ready.users++;
    const work = this.#paint(pixels, ready, due);
    this.#painting.add(work);
    try {
      return await work;
    } finally {
      this.#painting.delete(work);
      ready.users--;
      this.#makeRoom(BOUND);
    }
  }

  /** A style that cannot be bound is tried anew by the next picture. */
  #bind(weights: Weights): Ready {
    const ready = { bound: this.painter.bind(weights), users: 0 };
    ready.bound.catch(() => {
      if (this.#ready.get(weights) === ready) this.#ready.delete(weights);
    });
    return ready;
  }

  async #paint(pixels: Pixels, { bound }: Ready, due: Due | undefined): Promise<Pixels> {
    const [painted] = await this.painter.paint([{ pixels, style: await bound }], due);
    return painted!;
  }

  /** Lets go of styles that nothing is painted with, but for so many. */
  #makeRoom(most: number): void {
    for (const [weights, { bound, users }] of this.#ready) {
      if (this.#ready.size <= most) break;
      if (users > 0) continue;
      this.#ready.delete(weights);
      bound.then(
        (style) => style[Symbol.dispose](),
        () => undefined,
      );
    }
  }

  /** Closes it once what is being painted is done. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#painting);
    this.#makeRoom(0);
    await this.painter[Symbol.asyncDispose]();
  }
}

/**
 * Paints each frame as its look says: pads it to the net's stride by reflection, paints, crops, steadies, and blends
 * the painting with the frame. A frame of another size gets another painter.
 */
export class Stylize implements Stage, AsyncDisposable {
  readonly name = 'paint';
  readonly #options: StylizeOptions;
  readonly #steady = new Steady();
  readonly #easels = new Turns();
  readonly #shows = new Turns();
  #easel: Easel | undefined;

  constructor(options: StylizeOptions) {
    this.#options = options;
  }

  /** As many frames as the engine paints side by side, less what others ask of it; of films as many as fill it. */
  get width(): number {
    if (!this.#easel) return 1;
    const { room, fill } = this.#easel.painter;
    return this.#options.due ? room : fill;
  }

  /** @throws Late where the frame lapsed before its turn came; whatever the painter throws. */
  async run(frame: Frame): Promise<Frame> {
    const { look: lookAt } = this.#options;
    const look = lookAt(frame);
    if (look.show === 'blackout') return frame.with(blank(frame));
    if (look.strength === 0 || look.show === 'bypass') return frame.clone();
    const painting = this.#painting(frame, look);
    // Frames are steadied in order; one that fails does so in its turn.
    painting.catch(() => undefined);
    return this.#shows.take(async () => this.#shown(frame, await painting, look));
  }

  /** The painting of a frame, at the frame's size. Its memory was borrowed if it was scaled. */
  async #painting(frame: Frame, look: Look): Promise<Painting> {
    const { work, due, took } = this.#options;
    const size = work?.sizeFor(frame) ?? frame;
    const paint = async (picture: Pixels) => {
      const began = performance.now();
      const painted = await this.#paint(picture, look.weights, due?.(frame));
      took?.(frame, performance.now() - began);
      return painted;
    };
    if (!work || sameSize(frame, size)) return { pixels: await paint(frame), borrowed: false };
    const picture = await work.resample(frame, size);
    const painted = await paint(picture);
    giveBack(picture);
    return { pixels: await work.resample(painted, frame), borrowed: true };
  }

  /** A painting as the look wants it shown; memory that was borrowed on the way there is given back. */
  #shown(frame: Frame, { pixels: fresh, borrowed }: Painting, look: Look): Frame {
    const painting = this.#steady.run(frame, fresh, look.weights, look.steady);
    const steadied = painting !== fresh;
    if (steadied && borrowed) giveBack(fresh);
    const done = steadied || borrowed ? () => giveBack(painting) : undefined;
    if (look.strength === 1 && look.keepColor === 0) return frame.with(painting, done);
    const blended = blend(frame, painting, look);
    done?.();
    return frame.with(blended, () => giveBack(blended));
  }

  async #paint(picture: Pixels, weights: Weights, due: Due | undefined): Promise<Pixels> {
    const size = paddedSize(picture, this.#options.stride, LEAST_SIDE);
    // It begins within its turn: an easel is closed once nothing is painted on it.
    const { painting } = await this.#easels.take(async () => {
      const easel = await this.#for(size);
      return { painting: easel.paint(padReflect(picture, size), weights, due) };
    });
    return cropTo(await painting, picture);
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
