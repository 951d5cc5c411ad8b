import type { Pixels } from '../../models/pixels.js';
import type { Weights } from '../../models/weights.js';
import { sameSize } from './resize.js';
import { holdPainting, mixed } from './steady-blend.js';
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
  readonly weights: Weights;
  readonly gate: Gate;
  /** When in a period each cell begins to glide. */
  readonly turns: Uint8Array;
  readonly glides: Int32Array;
  /** The painting that places glide to, and the green of the source that it was painted from; both kept up with motion. */
  readonly key: Uint8Array;
  readonly keyGreen: Uint8Array;
  /** What is shown; never written to again. */
  shown: Pixels;
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
 * differs from that of the key painting by more than its noise, the present painting shows. What enters changes how all the rest is
 * painted, by the norms of the net: a key painting is then taken at once, and taken over in haste.
 */
export class Steady {
  #held: Held | undefined;

  /**
   * The painting, steadied. Starts afresh when the size or the style changed, so that a new style shows at once.
   * @param amount 0 to 1: the share of what is held. @returns `painting` itself where there is nothing to hold.
   */
  run(source: Pixels, painting: Pixels, weights: Weights, amount: number): Pixels {
    if (amount === 0) {
      this.#held = undefined;
      return painting;
    }
    const held = this.#held;
    if (!held || held.weights !== weights || !sameSize(held.shown, source)) {
      this.#held = begin(source, painting, weights);
      return painting;
    }
    const green = greenOf(source);
    held.gate.update(held.keyGreen, green);
    const pace = held.gate.drifts || held.entered ? HASTE : 1;
    scheduleGlides(held, pace);
    held.shown = holdPainting({ ...held, still: held.gate.cells }, painting, green);
    held.phase += pace;
    const enters = entrance(held);
    if (enters || held.phase >= PERIOD) {
      held.phase = 0;
      held.entered = enters;
      held.key.set(painting.data);
      held.keyGreen.set(green);
    }
    return amount === 1 ? held.shown : mixed(painting, held.shown, amount);
  }
}

const greenOf = ({ data, width, height }: Pixels) => data.subarray(width * height, 2 * width * height);

function begin(source: Pixels, painting: Pixels, weights: Weights): Held {
  const grid = gridOf(source);
  const cells = grid.columns * grid.rows;
  return {
    ...{ weights, gate: new Gate(source), turns: turnsOf(grid), glides: new Int32Array(cells) },
    ...{ key: new Uint8Array(painting.data), keyGreen: new Uint8Array(greenOf(source)) },
    ...{ shown: painting, phase: 0, usual: 0, entered: false },
  };
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
