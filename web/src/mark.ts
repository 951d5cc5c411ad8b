/**
 * A mark that carries a time through a painted picture: two rows of cells, black and white. A bit is a column: white
 * above black is 1, black above white is 0. Comparing two neighbours survives what painting does to colours; the
 * first columns are known and tell how black and white came out, so that a style that turns them about is no matter.
 */
const KNOWN = [1, 0, 1] as const;
const TIME_BITS = 12;
const CHECK_BITS = 4;
export const COLUMNS = KNOWN.length + TIME_BITS + CHECK_BITS;
/** Cells of the mark, margin left out, are drawn this far from the picture's corner, in cells. */
const INSET = 0.5;
/** What one step of the carried time is, in milliseconds; it starts anew after 4096 steps. */
export const STEP_MS = 2;
export const PERIOD_MS = STEP_MS * 2 ** TIME_BITS;

/** A rectangle in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Side of a cell: 24 pixels at a width of 640, which painting and codecs leave standing. In proportion at others. */
export const cellSide = (width: number): number => width * 0.0375;

/** Where the mark lies in a picture so wide. */
export function markBox(width: number): Box {
  const side = cellSide(width);
  return { x: INSET * side, y: INSET * side, width: COLUMNS * side, height: 2 * side };
}

/** Four bits that a wrong time seldom fits (the sum of the three digits to base 16, times odd numbers). */
const check = (steps: number): number =>
  ((steps & 15) * 3 + ((steps >> 4) & 15) * 5 + ((steps >> 8) & 15) * 7 + 9) & 15;

const digits = (value: number, count: number) =>
  Array.from({ length: count }, (_, i) => (value >> (count - 1 - i)) & 1);

/** The bits of a time in milliseconds, left to right. */
export function encodeMark(timeMs: number): number[] {
  const steps = Math.floor(timeMs / STEP_MS) % 2 ** TIME_BITS;
  return [...KNOWN, ...digits(steps, TIME_BITS), ...digits(check(steps), CHECK_BITS)];
}

/** The least difference between the rows of a known column, in levels of 255, for the mark to count as seen. */
const LEAST_CONTRAST = 12;

/**
 * Reads a mark from the mean brightness of its cells.
 * @param upper of the upper row, one for each column. @param lower of the lower row.
 * @returns the carried time in milliseconds, from 0 to PERIOD_MS; undefined where there is no mark to be read.
 */
export function decodeMark(upper: readonly number[], lower: readonly number[]): number | undefined {
  const difference = upper.map((level, i) => level - (lower[i] ?? 0));
  const known = KNOWN.map((bit, i) => (bit ? 1 : -1) * (difference[i] ?? 0));
  const polarity = Math.sign(known.reduce((sum, value) => sum + value, 0));
  if (known.some((value) => value * polarity < LEAST_CONTRAST)) return undefined;
  const bits = difference.map((value) => (value * polarity > 0 ? 1 : 0));
  const number = (from: number, count: number) =>
    bits.slice(from, from + count).reduce((value: number, bit) => value * 2 + bit, 0);
  const steps = number(KNOWN.length, TIME_BITS);
  return number(KNOWN.length + TIME_BITS, CHECK_BITS) === check(steps) ? steps * STEP_MS : undefined;
}

/** How long ago a carried time was, given the present on the same clock. */
export const ageOf = (carriedMs: number, nowMs: number): number =>
  (((nowMs - carriedMs) % PERIOD_MS) + PERIOD_MS) % PERIOD_MS;

/** Mean brightness of both rows from the mark's pixels (RGBA, row by row); the middle of each cell counts. */
export function readCells(data: Uint8ClampedArray, width: number, height: number): [number[], number[]] {
  const side = { x: width / COLUMNS, y: height / 2 };
  const mean = (column: number, row: number) => {
    let sum = 0;
    let count = 0;
    for (let y = Math.ceil((row + 0.25) * side.y); y < (row + 0.75) * side.y; y++)
      for (let x = Math.ceil((column + 0.25) * side.x); x < (column + 0.75) * side.x; x++) {
        const at = 4 * (y * width + x);
        sum += 0.299 * (data[at] ?? 0) + 0.587 * (data[at + 1] ?? 0) + 0.114 * (data[at + 2] ?? 0);
        count++;
      }
    return count ? sum / count : 0;
  };
  const row = (index: number) => Array.from({ length: COLUMNS }, (_, column) => mean(column, index));
  return [row(0), row(1)];
}

/** What of a canvas's context the mark is drawn with. */
interface Context {
  fillStyle: unknown;
  fillRect(x: number, y: number, width: number, height: number): void;
}

/** Draws the mark into a picture so wide. */
export function drawMark(context: Context, width: number, timeMs: number): void {
  const side = cellSide(width);
  const { x: left, y: top, width: wide, height } = markBox(width);
  context.fillStyle = '#808080';
  context.fillRect(left - side / 2, top - side / 2, wide + side, height + side);
  for (const [column, bit] of encodeMark(timeMs).entries())
    for (const row of [0, 1]) {
      context.fillStyle = (row === 0) === (bit === 1) ? '#fff' : '#000';
      context.fillRect(left + column * side, top + row * side, side, side);
    }
}
