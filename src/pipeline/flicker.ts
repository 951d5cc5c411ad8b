import type { Pixels } from '../models/pixels.js';
import { type BlockMap, changeOf, motionOf } from './flicker-blocks.js';

/** Frames for which a place counts as just left by what moved. */
const TRAIL = 5;

/** How two paintings of one clip, plain and steadied, differ. Levels are steps of 255. */
export interface FlickerReport {
  /** Pairs of consecutive frames. */
  readonly pairs: number;
  /** Shares of the picture that stood still and that moved, 0 to 1. */
  readonly still: number;
  readonly moving: number;
  /** Change of the source from frame to frame where it stood still: mean absolute and root mean square. */
  readonly source: Change;
  /** The same of the paintings. */
  readonly plain: Change;
  readonly steadied: Change;
  /** Mean change of a painting over that of its source (networks.md 5); undefined where the source did not change at all. */
  readonly flickerPlain: number | undefined;
  readonly flickerSteadied: number | undefined;
  /** How much less the steadied painting flickers, in decibels: 20 log10 of the ratio of the changes. */
  readonly decibels: { readonly mean: number; readonly rms: number };
  /** Gradient energy, steadied over plain: of whole pictures, and of what stood still. */
  readonly sharpness: { readonly whole: number; readonly still: number };
  /** Where the source moves: mean |steadied - plain|, and that over the plain painting's change in one frame. */
  readonly lag: { readonly levels: number; readonly frames: number };
  /** Mean |steadied - plain| where something moved within the last five frames and now stands still. */
  readonly trail: number;
}

/** How much pictures differ, in steps of 255. */
export interface Change {
  readonly mean: number;
  readonly rms: number;
}

/** One step of a clip. */
export interface FlickerFrame {
  readonly source: Pixels;
  readonly plain: Pixels;
  readonly steadied: Pixels;
}

/** Sums of absolute and squared differences over chosen blocks. */
class Sum {
  absolute = 0;
  squared = 0;
  count = 0;

  add({ absolute, squared, count }: { absolute: number; squared: number; count: number }): void {
    this.absolute += absolute;
    this.squared += squared;
    this.count += count;
  }

  get change(): Change {
    const count = Math.max(1, this.count);
    return { mean: this.absolute / count, rms: Math.sqrt(this.squared / count) };
  }
}

const ratio = (over: number, under: number): number => (under > 0 ? over / under : over > 0 ? Infinity : 1);
const decibels = (plain: number, steadied: number): number => 20 * Math.log10(ratio(plain, steadied));

/**
 * Measures how much a painting flickers where its source does not move, against the same painting steadied. A place
 * stands still when it and all about it changed no more than the camera's noise in the last two pairs of frames; what
 * counts as noise is measured in each pair anew, apart from what a stage may think of it.
 */
export class FlickerMeter {
  #before: (FlickerFrame & { readonly still: BlockMap | undefined }) | undefined;
  #movedAgo: Float32Array | undefined;
  #pairs = 0;
  #blocks = { all: 0, still: 0, moving: 0 };
  readonly #sums = {
    source: new Sum(),
    plain: new Sum(),
    steadied: new Sum(),
    lag: new Sum(),
    motion: new Sum(),
    trail: new Sum(),
  };
  readonly #energy = { plain: 0, steadied: 0, plainStill: 0, steadiedStill: 0 };

  /** Takes the next step of the clip; all its pictures have the size of the first. */
  add(now: FlickerFrame): void {
    const before = this.#before;
    const motion = before && motionOf(before.source, now.source);
    this.#before = { ...now, still: motion?.still };
    if (!before || !motion) return;
    this.#pairs++;
    if (!before.still) return;
    const still = both(before.still, motion.still);
    this.#count(still, motion.moving);
    this.#sums.source.add(changeOf(before.source, now.source, still));
    this.#sums.plain.add(changeOf(before.plain, now.plain, still));
    this.#sums.steadied.add(changeOf(before.steadied, now.steadied, still));
    this.#sums.lag.add(changeOf(now.plain, now.steadied, motion.moving));
    this.#sums.motion.add(changeOf(before.plain, now.plain, motion.moving));
    this.#sums.trail.add(changeOf(now.plain, now.steadied, this.#left(still, motion.moving)));
    for (const which of ['plain', 'steadied'] as const) {
      this.#energy[which] += gradientEnergy(now[which]);
      this.#energy[`${which}Still`] += gradientEnergy(now[which], still);
    }
  }

  get report(): FlickerReport {
    const { source, plain, steadied, lag, motion, trail } = this.#sums;
    const [from, to] = [plain.change, steadied.change];
    const { all, still, moving } = this.#blocks;
    const relative = (change: Change) =>
      source.change.mean > 0 ? change.mean / source.change.mean : undefined;
    return {
      pairs: this.#pairs,
      ...{ still: still / Math.max(1, all), moving: moving / Math.max(1, all) },
      ...{ source: source.change, plain: from, steadied: to },
      ...{ flickerPlain: relative(from), flickerSteadied: relative(to) },
      decibels: { mean: decibels(from.mean, to.mean), rms: decibels(from.rms, to.rms) },
      sharpness: {
        whole: ratio(this.#energy.steadied, this.#energy.plain),
        still: ratio(this.#energy.steadiedStill, this.#energy.plainStill),
      },
      lag: { levels: lag.change.mean, frames: ratio(lag.change.mean, motion.change.mean) },
      trail: trail.change.mean,
    };
  }

  #count(still: BlockMap, moving: BlockMap): void {
    this.#blocks.all += still.on.length;
    this.#blocks.still += still.on.reduce((sum, on) => sum + on, 0);
    this.#blocks.moving += moving.on.reduce((sum, on) => sum + on, 0);
  }

  /** The still blocks that moved a moment ago. */
  #left(still: BlockMap, moving: BlockMap): BlockMap {
    this.#movedAgo ??= new Float32Array(still.on.length).fill(Infinity);
    const ago = this.#movedAgo;
    for (const [i, on] of moving.on.entries()) ago[i] = on ? 0 : ago[i]! + 1;
    return { ...still, on: still.on.map((on, i) => Number(on && ago[i]! <= TRAIL)) };
  }
}

const both = (a: BlockMap, b: BlockMap): BlockMap => ({ ...b, on: b.on.map((on, i) => on & a.on[i]!) });

/** Sum of squared differences to the right and downward neighbour, all channels; of chosen blocks, or of all. */
function gradientEnergy({ data, width, height }: Pixels, where?: BlockMap): number {
  let sum = 0;
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y < height - 1; y++) {
      const start = (channel * height + y) * width;
      for (let x = 0; x < width - 1; x++) {
        if (where && !where.on[Math.floor(y / where.side) * where.columns + Math.floor(x / where.side)])
          continue;
        const i = start + x;
        sum += (data[i + 1]! - data[i]!) ** 2 + (data[i + width]! - data[i]!) ** 2;
      }
    }
  return sum;
}
