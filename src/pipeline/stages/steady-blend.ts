import type { Pixels } from '../../models/pixels.js';
import { pixelLoops } from '../../native.js';
import { CELL, type Grid, gridOf, WHOLE } from './steady-gate.js';

/** Pictures and shares that make up the next held painting. */
export interface Holding {
  /** The painting shown last, brought up to date in place. */
  readonly shown: Uint8Array;
  /** The key painting and the green plane of its source, brought up to date in place where the source moves. */
  readonly key: Uint8Array;
  readonly keyGreen: Uint8Array;
  /** Whether each cell stands still, 0 or `WHOLE`, and what share of the key painting it takes, 0 to `WHOLE`. */
  readonly still: Int32Array;
  readonly glides: Int32Array;
}

/** A share at the row between two rows of cells, for each column of cells. */
function lerpRows(cells: Int32Array, { columns, rows }: Grid, y: number, out: Int32Array): void {
  const at = Math.min(rows - 1, Math.max(0, (y + 0.5) / CELL - 0.5));
  const top = Math.floor(at) * columns;
  const bottom = Math.min(rows - 1, Math.floor(at) + 1) * columns;
  const down = at - Math.floor(at);
  for (let i = 0; i < columns; i++) {
    const above = cells[top + i]!;
    out[i] = above + Math.round((cells[bottom + i]! - above) * down);
  }
}

/**
 * Between a cell that is held and one that moves, strokes of two paintings are mixed in half the way from centre to
 * centre: mixed again with each frame they fade, and in a picture of many small movements much lies between such cells.
 */
const edge = (share: number): number => Math.min(WHOLE, Math.max(0, 2 * share - WHOLE / 2));

/** Blends runs of pixels: each from the centre of a cell to that of the next, with the shares at both ends. */
class Blender {
  readonly #plane: number;

  constructor(
    readonly holding: Holding,
    readonly painting: Pixels,
    readonly green: Uint8Array,
  ) {
    this.#plane = painting.width * painting.height;
  }

  /** What moves shows the present painting. */
  renew(from: number, to: number): void {
    const { shown, key, keyGreen } = this.holding;
    for (let channel = 0, i = from; channel < 3; channel++, i += this.#plane) {
      const fresh = this.painting.data.subarray(i, i + to - from);
      shown.set(fresh, i);
      key.set(fresh, i);
    }
    keyGreen.set(this.green.subarray(from, to), from);
  }

  /** Shown + glide (key - shown) where all is still; `k` and shares as for `mix`. */
  glide(from: number, to: number, k: number, g0: number, g1: number): void {
    const { shown, key } = this.holding;
    for (let x = from; x < to; x++, k += 2) {
      const glide = g0 + ((g1 * k) >> 4);
      for (let channel = 0, i = x; channel < 3; channel++, i += this.#plane) {
        const last = shown[i]!;
        shown[i] = last + ((glide * (key[i]! - last) + 128) >> 8);
      }
    }
  }

  /**
   * Shown + glide (key - shown), then present + still (that - present); the key is patched alike.
   * @param k twice the first pixel's distance from the left centre; shares are s0 and g0 there, s0 + s1 and g0 + g1 at the right.
   */
  mix(from: number, to: number, k: number, s0: number, s1: number, g0: number, g1: number): void {
    const { shown, key, keyGreen } = this.holding;
    const { green } = this;
    const next = this.painting.data;
    for (let x = from; x < to; x++, k += 2) {
      const still = edge(s0 + ((s1 * k) >> 4));
      const glide = g0 + ((g1 * k) >> 4);
      for (let channel = 0, i = x; channel < 3; channel++, i += this.#plane) {
        const last = shown[i]!;
        const goal = key[i]!;
        const fresh = next[i]!;
        const glided = last + ((glide * (goal - last) + 128) >> 8);
        shown[i] = fresh + ((still * (glided - fresh) + 128) >> 8);
        key[i] = fresh + ((still * (goal - fresh) + 128) >> 8);
      }
      keyGreen[x] = green[x]! + ((still * (keyGreen[x]! - green[x]!) + 128) >> 8);
    }
  }
}

/** Makes what is shown the held painting of the next frame, and brings the key up to date. Most of a still picture stays. */
export function holdPainting(holding: Holding, painting: Pixels, green: Uint8Array): void {
  const native = pixelLoops();
  const { shown, key, keyGreen, still, glides } = holding;
  const { data, width, height } = painting;
  if (native) native.holdPainting(width, height, shown, key, keyGreen, data, green, still, glides);
  else holdPlainly(holding, painting, green);
}

/** As `holdPainting` does on every machine. */
export function holdPlainly(holding: Holding, painting: Pixels, green: Uint8Array): void {
  const { width, height } = painting;
  const grid = gridOf(painting);
  const blender = new Blender(holding, painting, green);
  const [still, glide] = [new Int32Array(grid.columns), new Int32Array(grid.columns)];
  for (let y = 0; y < height; y++) {
    lerpRows(holding.still, grid, y, still);
    lerpRows(holding.glides, grid, y, glide);
    // What moves is copied in long runs: a copy costs the more by itself than by its length.
    let moving = -1;
    const renewTo = (end: number) => {
      if (moving >= 0) blender.renew(y * width + moving, y * width + end);
      moving = -1;
    };
    for (let cell = 0; cell <= grid.columns; cell++) {
      const [left, right] = [Math.max(0, cell - 1), Math.min(grid.columns - 1, cell)];
      const [s0, s1, g0, g1] = [still[left]!, still[right]!, glide[left]!, glide[right]!];
      const centre = cell * CELL - CELL / 2;
      const [start, end] = [Math.max(0, centre), Math.min(width, centre + CELL)];
      if (s0 === 0 && s1 === 0) {
        // The last run of a picture that ends before the centre of its last cell has no pixel.
        if (moving < 0 && start < width) moving = start;
        continue;
      }
      renewTo(Math.min(width, start));
      const held = s0 === WHOLE && s1 === WHOLE;
      if (start >= end || (held && g0 === 0 && g1 === 0)) continue;
      const [from, to, k] = [y * width + start, y * width + end, 2 * (start - centre) + 1];
      if (held) blender.glide(from, to, k, g0, g1 - g0);
      else blender.mix(from, to, k, s0, s1 - s0, g0, g1 - g0);
    }
    renewTo(width);
  }
}

/** Writes painting + amount (held - painting) to `out`. */
export function mix(painting: Uint8Array, held: Uint8Array, amount: number, out: Uint8Array): void {
  const share = Math.round(WHOLE * amount);
  for (let i = 0; i < out.length; i++) {
    const fresh = painting[i]!;
    out[i] = fresh + ((share * (held[i]! - fresh) + 128) >> 8);
  }
}
