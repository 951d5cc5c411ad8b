import type { Size } from '../../models/pixels.js';
import { pixelLoops } from '../../native.js';

/** Side of the squares in which motion is told apart, in pixels. */
export const CELL = 8;
/** A share of everything: shares are whole numbers from 0 to this. */
export const WHOLE = 256;
/** Noise of the camera is what a quarter of the cells stay below, in steps of 255, at most this. */
const [QUANTILE, NOISIEST] = [0.25, 4.5];
/** Cells looked at for it. */
const SAMPLES = 1024;
/** Up to so many times the noise, and these steps, a mean absolute change stands still; so many steps more are motion. */
const [NOISE_MARGIN, STILL, MOTION] = [1.4, 1.5, 3];
/** In the shift of a cell's mean noise cancels out: past so many times the noise, and these steps, the light drifts. */
const [SHIFT_MARGIN, DRIFT] = [0.9, 1];
/** So much further the shift is motion, and so much further still the cell opens all the way. */
const [SHIFT, SHIFTED] = [7, 6];
/** From this share of the way from still to motion on a cell moves. */
const MOVES = 0.25;
/** The share of the cells that makes a drift. */
const WIDE = 0.2;
/** And the share that may move while nothing but the light does. */
const FEW = 0.1;
/** Frames for which what stands beside motion, or just moved, is painted afresh. */
const CALM = 1;

/** The cells of a picture. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
}

export const gridOf = ({ width, height }: Size): Grid => ({
  columns: Math.ceil(width / CELL),
  rows: Math.ceil(height / CELL),
});

/** Tells which cells of a source stand still, by one plane of it and the plane that it is compared with. */
export class Gate {
  readonly #size: Size;
  readonly #grid: Grid;
  readonly #absolute: Float32Array;
  readonly #moved: Float32Array;
  readonly #calm: Uint8Array;
  /** Whether each cell stands still: 0 or `WHOLE`, or between them while nothing but the light changes. */
  readonly cells: Int32Array;
  /** The share of the cells that moves, without those beside them. */
  moving = 0;
  /** Whether the light changes slowly over much of the picture. */
  drifts = false;
  /** Whether it does while hardly anything moves. */
  #onlyLight = false;

  constructor(size: Size) {
    this.#size = size;
    this.#grid = gridOf(size);
    const count = this.#grid.columns * this.#grid.rows;
    this.#absolute = new Float32Array(count);
    this.#moved = new Float32Array(count);
    this.#calm = new Uint8Array(count);
    this.cells = new Int32Array(count).fill(WHOLE);
  }

  /** Forgets what moved: all stands still. */
  reset(): void {
    this.#calm.fill(0);
    this.cells.fill(WHOLE);
  }

  /** Looks at the next plane and updates `cells`; a cell beside a moving one moves too. */
  update(before: Uint8Array, after: Uint8Array): void {
    const shifted = this.#moved;
    measureCells(this.#size, before, after, this.#absolute, shifted);
    const noise = noiseOf(this.#absolute);
    const [still, steady] = [NOISE_MARGIN * noise + STILL, SHIFT_MARGIN * noise + DRIFT];
    let [drifting, moving] = [0, 0];
    for (let i = 0; i < shifted.length; i++) {
      const shift = shifted[i]!;
      const byChange = (this.#absolute[i]! - still - Math.min(shift, SHIFT)) / MOTION;
      const byShift = (shift - steady - SHIFT) / SHIFTED;
      const moved = Math.max(byChange, byShift);
      if (shift > steady) drifting++;
      if (moved > 2 * MOVES) moving++;
      shifted[i] = moved;
    }
    this.drifts = drifting > WIDE * shifted.length;
    this.moving = moving / shifted.length;
    this.#onlyLight = this.drifts && this.moving < FEW;
    const { columns, rows } = this.#grid;
    for (let row = 0, i = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, i++)
        this.cells[i] = this.#openness(i, mostAround(this.#moved, row, column, this.#grid));
  }

  /**
   * No cell is held by halves, since that would average strokes away, frame after frame: one is still, or moves, or
   * just moved. Where only the light changes all open within few frames, and do so by degrees lest the picture jumps.
   */
  #openness(cell: number, moved: number): number {
    if (moved > 2 * MOVES) this.#calm[cell] = CALM + 1;
    if (this.#calm[cell]! > 0) {
      this.#calm[cell]!--;
      return 0;
    }
    if (this.#onlyLight) return Math.round(WHOLE * Math.min(1, 1 - moved));
    return moved > MOVES ? 0 : WHOLE;
  }
}

/** Writes the mean absolute change of each cell, and the absolute change of its mean. */
type MeasureCells = (
  ...[size, before, after, changes, shifts]: [Size, Uint8Array, Uint8Array, Float32Array, Float32Array]
) => void;

/** Every second pixel tells enough. */
export const measureCells: MeasureCells = (size, ...planes) => {
  const native = pixelLoops();
  if (native) native.measureCells(size.width, size.height, ...planes);
  else measurePlainly(size, ...planes);
};

/** As `measureCells` does on every machine. */
export const measurePlainly: MeasureCells = (size, before, after, changes, shifts) => {
  const { width, height } = size;
  const { columns, rows } = gridOf(size);
  for (let row = 0, cell = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, cell++) {
      const [bottom, right] = [Math.min(height, (row + 1) * CELL), Math.min(width, (column + 1) * CELL)];
      let [change, shift, count] = [0, 0, 0];
      for (let y = row * CELL; y < bottom; y++) {
        // A chequered pattern; a column of one pixel is looked at in every row.
        const left = column * CELL;
        const end = y * width + right;
        for (let i = y * width + Math.min(right - 1, left + (y & 1)); i < end; i += 2) {
          const difference = after[i]! - before[i]!;
          change += difference < 0 ? -difference : difference;
          shift += difference;
          count++;
        }
      }
      changes[cell] = change / count;
      shifts[cell] = Math.abs(shift) / count;
    }
};

/** The noise of a camera: what the stillest quarter of the cells changes by. */
function noiseOf(changes: Float32Array): number {
  const step = Math.ceil(changes.length / SAMPLES);
  const some = Float32Array.from({ length: Math.ceil(changes.length / step) }, (_, i) => changes[i * step]!);
  some.sort();
  return Math.min(NOISIEST, some[Math.floor(QUANTILE * (some.length - 1))]!);
}

function mostAround(values: Float32Array, row: number, column: number, { columns, rows }: Grid): number {
  const [left, right] = [Math.max(0, column - 1), Math.min(columns - 1, column + 1)];
  let most = values[row * columns + column]!;
  for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++)
    for (let x = left; x <= right; x++) if (values[y * columns + x]! > most) most = values[y * columns + x]!;
  return most;
}
