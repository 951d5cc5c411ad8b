import type { Pixels } from '../models/pixels.js';

/**
 * A number that is drawn into a picture and read again from its painting, in the format of the panel's mark of the
 * time (`web/src/mark.ts`; a test holds the two together): two rows of cells, black and white, a column for each bit;
 * white above black is 1. Three known columns tell how black and white came out, four at the end check the rest.
 */
const KNOWN = [1, 0, 1] as const;
const NUMBER_BITS = 12;
const CHECK_BITS = 4;
export const COLUMNS: number = KNOWN.length + NUMBER_BITS + CHECK_BITS;
/** A mark carries numbers below this. */
export const NUMBERS: number = 2 ** NUMBER_BITS;
/** A cell's side as a share of the picture's width, and how far from the corner the cells begin, in cells. */
const SIDE = 0.0375;
const INSET = 0.5;
/** Least difference between the rows of a known column, in levels of 255. */
const LEAST_CONTRAST = 12;
const GREY = 128;

const check = (number: number): number =>
  ((number & 15) * 3 + ((number >> 4) & 15) * 5 + ((number >> 8) & 15) * 7 + 9) & 15;

const digits = (value: number, count: number) =>
  Array.from({ length: count }, (_, i) => (value >> (count - 1 - i)) & 1);

/** The bits of a whole number from 0 to `NUMBERS - 1`, left to right. */
export const encodeMark = (number: number): number[] => [
  ...KNOWN,
  ...digits(number, NUMBER_BITS),
  ...digits(check(number), CHECK_BITS),
];

/**
 * Reads a mark from the mean brightness of its cells, `COLUMNS` in each row.
 * @returns the number; undefined where there is no mark to be read.
 */
export function decodeMark(upper: readonly number[], lower: readonly number[]): number | undefined {
  const difference = upper.map((level, i) => level - (lower[i] ?? 0));
  const known = KNOWN.map((bit, i) => (bit ? 1 : -1) * (difference[i] ?? 0));
  const polarity = Math.sign(known.reduce((sum, value) => sum + value, 0));
  if (known.some((value) => value * polarity < LEAST_CONTRAST)) return undefined;
  const bits = difference.map((value) => (value * polarity > 0 ? 1 : 0));
  const read = (from: number, count: number) =>
    bits.slice(from, from + count).reduce((value: number, bit) => value * 2 + bit, 0);
  const number = read(KNOWN.length, NUMBER_BITS);
  return read(KNOWN.length + NUMBER_BITS, CHECK_BITS) === check(number) ? number : undefined;
}

/** Sets a rectangle to one level of grey, in all three planes; sides are rounded to whole pixels. */
function fill(
  { data, width, height }: Pixels,
  box: readonly [number, number, number, number],
  level: number,
) {
  const [left, top, right, bottom] = box.map(Math.round) as [number, number, number, number];
  for (let plane = 0; plane < 3; plane++)
    for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) {
      const row = (plane * height + y) * width;
      data.fill(level, row + Math.max(0, left), row + Math.min(width, right));
    }
}

/** Draws a number into a picture's upper left corner. */
export function drawMark(pixels: Pixels, number: number): void {
  const side = SIDE * pixels.width;
  const at = (cell: number) => (INSET + cell) * side;
  fill(pixels, [0, 0, at(COLUMNS + INSET), at(2 + INSET)], GREY);
  for (const [column, bit] of encodeMark(number).entries())
    for (const row of [0, 1]) {
      const box = [at(column), at(row), at(column + 1), at(row + 1)] as const;
      fill(pixels, box, (row === 0) === (bit === 1) ? 255 : 0);
    }
}

/** Mean brightness of the middle of a cell. */
function levelOf({ data, width, height }: Pixels, column: number, row: number): number {
  const side = SIDE * width;
  const from = (cell: number) => Math.ceil((INSET + cell + 0.25) * side);
  const to = (cell: number) => (INSET + cell + 0.75) * side;
  const area = width * height;
  let sum = 0;
  let count = 0;
  for (let y = from(row); y < Math.min(height, to(row)); y++)
    for (let x = from(column); x < Math.min(width, to(column)); x++, count++) {
      const at = y * width + x;
      sum += 0.299 * data[at]! + 0.587 * data[at + area]! + 0.114 * data[at + 2 * area]!;
    }
  return count ? sum / count : 0;
}

/** Reads the number that was drawn into a picture; undefined where none can be read. */
export function readMark(pixels: Pixels): number | undefined {
  const row = (index: number) =>
    Array.from({ length: COLUMNS }, (_, column) => levelOf(pixels, column, index));
  return decodeMark(row(0), row(1));
}
