import { blank, type Pixels, type Size } from '../../models/pixels.js';
import { ADVANCE, dots, LETTER_ROWS } from './font.js';

/** Seconds of one round of the ground's colours. */
const ROUND = 24;
/** Letters of the longest text; the rest is cut. */
const MOST_LETTERS = 24;

/** A text in round dots over slowly flowing colours. */
export class Card {
  readonly size: Size;
  /** How much of the text's white lies over each pixel, in 0 to 255. */
  readonly #text: Uint8Array;

  constructor(size: Size, text: string) {
    this.size = size;
    this.#text = letters(size, text.slice(0, MOST_LETTERS));
  }

  /** The picture at a time in seconds. */
  draw(seconds: number): Pixels {
    const pixels = blank(this.size);
    const { data, width, height } = pixels;
    const area = width * height;
    const turn = (seconds / ROUND) * 2 * Math.PI;
    const across = Float32Array.from({ length: width }, (_, x) => Math.sin((x / width) * 3.1 + turn));
    for (let y = 0, i = 0; y < height; y++) {
      const v = y / height;
      const sway = Math.sin(v * 2.6 - turn * 2);
      const shade = 1 - 0.55 * v;
      for (let x = 0; x < width; x++, i++) {
        const flow = across[x]! * 0.6 + sway * 0.4;
        const ink = this.#text[i]! / 255;
        const ground = shade * (1 - ink);
        data[i] = (62 + 46 * flow) * ground + 250 * ink;
        data[i + area] = (40 + 14 * sway) * ground + 240 * ink;
        data[i + 2 * area] = (104 - 26 * flow) * ground + 222 * ink;
      }
    }
    return pixels;
  }
}

function letters(size: Size, text: string): Uint8Array {
  const { width, height } = size;
  const ink = new Uint8Array(width * height);
  const columns = Math.max(1, text.length) * ADVANCE - 1;
  const pitch = Math.min((width * 0.76) / columns, (height * 0.3) / LETTER_ROWS);
  const left = (width - columns * pitch) / 2;
  const top = (height - LETTER_ROWS * pitch) / 2;
  for (const dot of dots(text))
    stamp(ink, size, {
      x: left + (dot.x + 0.5) * pitch,
      y: top + (dot.y + 0.5) * pitch,
      radius: pitch * 0.46,
    });
  const bar = { y: top + (LETTER_ROWS + 2.2) * pitch, radius: pitch * 0.3 };
  for (let x = 0.42; x <= 0.581; x += 0.04) stamp(ink, size, { ...bar, x: width * x });
  return ink;
}

/** A round dot with a soft edge. */
function stamp(
  ink: Uint8Array,
  { width, height }: Size,
  { x, y, radius }: { x: number; y: number; radius: number },
): void {
  for (let row = Math.max(0, Math.floor(y - radius - 1)); row <= Math.min(height - 1, y + radius + 1); row++)
    for (let at = Math.max(0, Math.floor(x - radius - 1)); at <= Math.min(width - 1, x + radius + 1); at++) {
      const edge = radius + 0.5 - Math.hypot(at + 0.5 - x, row + 0.5 - y);
      const cover = Math.round(255 * Math.max(0, Math.min(1, edge)));
      const i = row * width + at;
      ink[i] = Math.max(ink[i]!, cover);
    }
}
