import type { Pixels, Size } from '../../models/pixels.js';
import type { Weights } from '../../models/weights.js';
import { borrow } from '../recycle.js';
import { sameSize } from './resize.js';
import { holdPainting, mix } from './steady-blend.js';
import { Gate, type Grid, gridOf, WHOLE } from './steady-gate.js';

/** Every so many frames a key painting is taken; within as many, each place glides over to it in these. */
const [PERIOD, GLIDE] = [28, 8];
/** So many times as fast, while the light drifts or after an entrance. */
const HASTE = 2;
/** Something enters where this share of the cells moves beyond what usually does. */
const ENTRANCE = 0.1;
/** Cells from one crest of the waves to the next in which places take their turn. */
const WAVE = 24;

/** What is held of one stream: all of the same size and style. */
interface Held {
  readonly size: Size;
  weights: Weights;
  readonly gate: Gate;
  /** When in a period each cell begins to glide. */
  readonly turns: Uint8Array;
  readonly glides: Int32Array;
  /** The painting that places glide to, and the green of the source that it was painted from; both kept up with motion. */
  readonly key: Uint8Array;
  readonly keyGreen: Uint8Array;
  /** What was shown last. */
  readonly shown: Uint8Array;
  /** Frames since the key painting was taken; more of them while there is haste. */
  phase: number;
  /** The share of the cells that moved of late. */
  usual: number;
  /** Whether the key painting was taken because something entered. */
  entered: boolean;
}

/**
 * Holds a painting where its source does not move, without optical flow. Strokes flicker because the net amplifies
 * the source's noise; where only noise changed, the last strokes are as right as the new ones. An average over frames
 * would blur them, so they are held as they are and exchanged, in slow waves, for those of a key painting: errors are
 * gone within two periods, and nearly all of the picture shows strokes that were painted in one go. Where the source
 * differs from that of the key painting by more than its noise, the present painting shows. What enters changes how
 * all the rest is painted, by the norms of the net: a key painting is then taken at once, and taken over in haste.
 */
export class Steady {
  #held: Held | undefined;

  /**
   * The painting, steadied. Starts afresh when the size or the style changed, so that a new style shows at once.
   * @param amount 0 to 1: the share of what is held.
   * @returns `painting` itself where there is nothing to hold, or else a picture in borrowed memory, to be given back.
   */
  run(source: Pixels, painting: Pixels, weights: Weights, amount: number): Pixels {
    if (amount === 0) {
      this.#held = undefined;
      return painting;
    }
    if (!this.#held || !sameSize(this.#held.size, source)) this.#held = room(source, weights);
    else if (this.#held.weights === weights) return hold(this.#held, source, painting, amount);
    begin(this.#held, source, painting, weights);
    return painting;
  }
}

const greenOf = ({ data, width, height }: Pixels) => data.subarray(width * height, 2 * width * height);

/** Room for what is held; styles may change with every frame, so it is kept from one to the next. */
function room({ width, height }: Size, weights: Weights): Held {
  const size = { width, height };
  const grid = gridOf(size);
  const [cells, plane] = [grid.columns * grid.rows, width * height];
  return {
    ...{ size, weights, gate: new Gate(size), turns: turnsOf(grid), glides: new Int32Array(cells) },
    ...{ key: new Uint8Array(3 * plane), keyGreen: new Uint8Array(plane), shown: new Uint8Array(3 * plane) },
    ...{ phase: 0, usual: 0, entered: false },
  };
}

/** Begins with a painting in a style. */
function begin(held: Held, source: Pixels, painting: Pixels, weights: Weights): void {
  held.weights = weights;
  held.gate.reset();
  held.glides.fill(0);
  held.shown.set(painting.data);
  held.usual = 0;
  takeKey(held, painting, greenOf(source), false);
}

function takeKey(held: Held, painting: Pixels, green: Uint8Array, entered: boolean): void {
  held.key.set(painting.data);
  held.keyGreen.set(green);
  held.phase = 0;
  held.entered = entered;
}

/** The next painting as it is shown. */
function hold(held: Held, source: Pixels, painting: Pixels, amount: number): Pixels {
  const green = greenOf(source);
  held.gate.update(held.keyGreen, green);
  const pace = held.gate.drifts || held.entered ? HASTE : 1;
  scheduleGlides(held, pace);
  holdPainting({ ...held, still: held.gate.cells }, painting, green);
  held.phase += pace;
  const enters = entrance(held);
  if (enters || held.phase >= PERIOD) takeKey(held, painting, green, enters);
  const out = borrow(painting);
  if (amount === 1) out.data.set(held.shown);
  else mix(painting.data, held.shown, amount, out.data);
  return out;
}

/** Whether far more moves than did of late: once for each entrance, and not for motion that goes on. */
function entrance(held: Held): boolean {
  const { moving } = held.gate;
  const enters = moving > held.usual + ENTRANCE;
  held.usual = enters ? moving : held.usual + (moving - held.usual) / PERIOD;
  return enters;
}

/** Neighbours glide nearly together, so that no seam shows between strokes of two key paintings. */
function turnsOf({ columns, rows }: Grid): Uint8Array {
  const wave = (cell: number) => Math.sin((2 * Math.PI * cell) / WAVE);
  return Uint8Array.from({ length: columns * rows }, (_, i) =>
    Math.round((PERIOD - GLIDE) * (0.5 + 0.25 * (wave(i % columns) + wave(Math.floor(i / columns))))),
  );
}

/** The share of the key painting that each cell takes now: 1/8, 1/7 … 1 of what is left, which makes a straight line. */
function scheduleGlides({ turns, glides, phase }: Held, pace: number): void {
  for (let i = 0; i < turns.length; i++) {
    const step = phase - turns[i]!;
    const share = step > -pace && step < GLIDE ? Math.min(1, pace / (GLIDE - Math.max(0, step))) : 0;
    glides[i] = Math.round(WHOLE * share);
  }
}
