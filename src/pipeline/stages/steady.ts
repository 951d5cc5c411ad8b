import type { Pixels } from '../../models/pixels.js';
import type { Weights } from '../../models/weights.js';
import { sameSize } from './resize.js';

/** Side of the squares in which motion is told apart, in pixels. */
const CELL = 8;
/** Mean difference of the source's green, in steps of 255: up to here it is noise, from there on it is motion. */
const [STILL, MOVING] = [3, 10];
/** Most of the last painting that stays in the next: the rest lets errors fade within a second. */
const HOLD = 0.9;

/**
 * Holds a painting where its source does not move, without optical flow: out = painting + a (last out - painting),
 * where `a` falls from 0.9 to 0 as a cell of the source changes. Strokes flicker from frame to frame because the net
 * amplifies the source's noise; where only noise changed, the last strokes are as right as the new ones.
 */
export class Steady {
  #source: Pixels | undefined;
  #out: Pixels | undefined;
  #weights: Weights | undefined;

  /**
   * The painting, steadied. Starts afresh when the size or the style changed, so that a new style shows at once.
   * @param amount 0 to 1. @returns `painting` itself where there is nothing to hold.
   */
  run(source: Pixels, painting: Pixels, weights: Weights, amount: number): Pixels {
    const [before, last] = [this.#source, this.#out];
    const fresh = !before || !last || this.#weights !== weights || !sameSize(before, source);
    const out = fresh || amount === 0 ? painting : hold(painting, last, stillness(before, source), amount);
    this.#source = source;
    this.#out = out;
    this.#weights = weights;
    return out;
  }
}

interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly cells: Float32Array;
}

/** How still each cell is, 0 to 1; a cell beside a moving one moves too. */
function stillness(before: Pixels, after: Pixels): Grid {
  const { width, height } = after;
  const green = width * height;
  const [columns, rows] = [Math.ceil(width / CELL), Math.ceil(height / CELL)];
  const moved = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const [bottom, right] = [Math.min(height, (row + 1) * CELL), Math.min(width, (column + 1) * CELL)];
      let sum = 0;
      let count = 0;
      // Every second pixel of a chequered pattern tells enough.
      for (let y = row * CELL; y < bottom; y++)
        for (let x = column * CELL + (y & 1); x < right; x += 2) {
          const i = green + y * width + x;
          sum += Math.abs(after.data[i]! - before.data[i]!);
          count++;
        }
      moved[row * columns + column] = count > 0 ? sum / count : 0;
    }
  return { columns, rows, cells: spread(moved, columns, rows) };
}

function spread(moved: Float32Array, columns: number, rows: number): Float32Array {
  return moved.map((_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let most = 0;
    for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++)
      for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++)
        most = Math.max(most, moved[y * columns + x]!);
    return Math.min(1, Math.max(0, (MOVING - most) / (MOVING - STILL)));
  });
}

/** Blends with the last painting by a grid of shares, interpolated between the centres of the cells. */
function hold(painting: Pixels, last: Pixels, { columns, rows, cells }: Grid, amount: number): Pixels {
  const { width, height, data: next } = painting;
  const plane = width * height;
  const data = new Uint8Array(3 * plane);
  const shares = new Int32Array(width);
  for (let y = 0; y < height; y++) {
    const v = Math.min(rows - 1, Math.max(0, (y + 0.5) / CELL - 0.5));
    const [top, down] = [Math.floor(v), v - Math.floor(v)];
    const bottom = Math.min(rows - 1, top + 1);
    for (let x = 0; x < width; x++) {
      const u = Math.min(columns - 1, Math.max(0, (x + 0.5) / CELL - 0.5));
      const left = Math.floor(u);
      const right = Math.min(columns - 1, left + 1);
      const across = u - left;
      const above = cells[top * columns + left]! * (1 - across) + cells[top * columns + right]! * across;
      const below =
        cells[bottom * columns + left]! * (1 - across) + cells[bottom * columns + right]! * across;
      shares[x] = Math.round(256 * HOLD * amount * (above * (1 - down) + below * down));
    }
    for (let channel = 0; channel < 3; channel++) {
      const row = channel * plane + y * width;
      for (let x = 0, i = row; x < width; x++, i++)
        data[i] = next[i]! + ((shares[x]! * (last.data[i]! - next[i]!) + 128) >> 8);
    }
  }
  return { data, width, height };
}
