import type { Pixels } from '../models/pixels.js';

/** Side of the blocks in which motion is told from noise, in pixels. */
const SIDE = 8;
/** Noise is what a fifth of the blocks stay below, and a little more; at most this, at least that, in steps of 255. */
const [QUANTILE, MARGIN, MOST, LEAST] = [0.2, 1.3, 6, 1];
/** So many times the noise is motion for sure. */
const MOTION = 2.5;

/** Which blocks of a picture are meant: 1 or 0 each, row by row. */
export interface BlockMap {
  readonly side: number;
  readonly columns: number;
  readonly rows: number;
  readonly on: Uint8Array;
}

/** The blocks of a pair of pictures that stand still, with all their neighbours, and those that move. */
export interface Motion {
  readonly still: BlockMap;
  readonly moving: BlockMap;
}

/** Tells noise from motion by the mean absolute change of each block, all channels. */
export function motionOf(before: Pixels, after: Pixels): Motion {
  const grid = { side: SIDE, columns: Math.ceil(after.width / SIDE), rows: Math.ceil(after.height / SIDE) };
  const changes = blockChanges(before, after, grid.columns, grid.rows);
  const noise = [...changes].sort((a, b) => a - b)[Math.floor(QUANTILE * (changes.length - 1))]!;
  const limit = Math.min(MOST, Math.max(LEAST, MARGIN * noise));
  const still = changes.map((_, i) => Number(mostAround(changes, i, grid) <= limit));
  const moving = changes.map((change) => Number(change > MOTION * limit));
  return {
    still: { ...grid, on: Uint8Array.from(still) },
    moving: { ...grid, on: Uint8Array.from(moving) },
  };
}

function blockChanges(before: Pixels, after: Pixels, columns: number, rows: number): Float32Array {
  const { width, height } = after;
  const [sums, counts] = [new Float32Array(columns * rows), new Float32Array(columns * rows)];
  for (let channel = 0, i = 0; channel < 3; channel++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        const block = Math.floor(y / SIDE) * columns + Math.floor(x / SIDE);
        sums[block]! += Math.abs(after.data[i]! - before.data[i]!);
        counts[block]!++;
      }
  return sums.map((sum, i) => sum / counts[i]!);
}

function mostAround(values: Float32Array, index: number, { columns, rows }: Omit<BlockMap, 'on'>): number {
  const [row, column] = [Math.floor(index / columns), index % columns];
  let most = 0;
  for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++)
    for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++)
      most = Math.max(most, values[y * columns + x]!);
  return most;
}

/** Sums of |a - b| and (a - b)² over chosen blocks, all channels, and how many numbers went in. */
export function changeOf(a: Pixels, b: Pixels, { side, columns, on }: BlockMap) {
  const { width, height } = a;
  const plane = width * height;
  let [absolute, squared, count] = [0, 0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!on[Math.floor(y / side) * columns + Math.floor(x / side)]) continue;
      for (let i = y * width + x; i < 3 * plane; i += plane) {
        const difference = a.data[i]! - b.data[i]!;
        absolute += Math.abs(difference);
        squared += difference * difference;
      }
      count += 3;
    }
  return { absolute, squared, count };
}
