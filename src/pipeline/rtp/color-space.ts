/** How a decoded picture's YUV turns into RGB. */
export interface PictureColors {
  /** Number of the matrix in ITU-T H.273 (1: BT.709, 5 and 6: BT.601, 9: BT.2020); undefined: not told. */
  readonly matrix: number | undefined;
  /** Whether luma spans 0 to 255 (and not 16 to 235); undefined: not told. */
  readonly full: boolean | undefined;
}

/** Header extension that carries it, which is the only way that VP8 has to say its colours. */
export const COLOR_SPACE_URI = 'http://www.webrtc.org/experiments/rtp-hdrext/color-space';

/** Matrices of H.273 that turn YUV into RGB here: BT.709, FCC, both BT.601, SMPTE 240M, BT.2020. */
const matrices = new Set([1, 4, 5, 6, 7, 9]);
const LIMITED = 1;
const FULL = 2;

/** Reads the extension's payload (primaries, transfer, matrix, range). What it leaves open or we do not know is undefined. */
export function parseColorSpace(bytes: Uint8Array): PictureColors | undefined {
  const [, , matrix, rest] = bytes;
  if (matrix === undefined || rest === undefined) return undefined;
  const range = (rest >> 4) & 3;
  return {
    matrix: matrices.has(matrix) ? matrix : undefined,
    full: range === FULL ? true : range === LIMITED ? false : undefined,
  };
}
