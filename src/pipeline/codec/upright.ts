import type { MediaInfo } from '../media.js';

/** How a stored picture stands upright: cut its margins, then turn and mirror it. */
export interface Upright {
  /** FFmpeg filters in order, empty where the picture is upright as it is. */
  readonly filters: string;
  readonly rotation: MediaInfo['rotation'];
  readonly width: number;
  readonly height: number;
}

interface Stored {
  readonly width: number;
  readonly height: number;
  /** Display matrix: nine 32-bit integers, row by row, 16.16 fixed point but for the last column. */
  readonly matrix?: Uint8Array | null;
  /** Margins that are not shown: top, bottom, left, right, 32-bit each. */
  readonly cropping?: Uint8Array | null;
}

/** Reads the container's display matrix and margins. Angles that are no quarter turns are rounded to one. */
export function upright({ width, height, matrix, cropping }: Stored): Upright {
  const cut = margins(cropping, width, height);
  const shown = { width: width - cut.left - cut.right, height: height - cut.top - cut.bottom };
  const filters: string[] = [];
  if (shown.width !== width || shown.height !== height)
    // exact: the margins may be odd, which rounding to whole chroma samples would move.
    filters.push(`crop=${shown.width}:${shown.height}:${cut.left}:${cut.top}:exact=1`);
  const turn = turned(matrix);
  filters.push(...turn.filters);
  const sideways = turn.rotation === 90 || turn.rotation === 270;
  return {
    filters: filters.join(','),
    rotation: turn.rotation,
    width: sideways ? shown.height : shown.width,
    height: sideways ? shown.width : shown.height,
  };
}

function turned(matrix: Uint8Array | null | undefined): {
  rotation: MediaInfo['rotation'];
  filters: string[];
} {
  if (!matrix || matrix.byteLength < 36) return { rotation: 0, filters: [] };
  const view = new DataView(matrix.buffer, matrix.byteOffset, matrix.byteLength);
  const at = (i: number) => view.getInt32(4 * i, true);
  // A point (x, y) of the stored picture is shown at (a x + c y, b x + d y).
  const [a, b, c, d] = [at(0), at(1), at(3), at(4)];
  if (Math.abs(b) + Math.abs(c) > Math.abs(a) + Math.abs(d)) {
    if (b > 0) return { rotation: 90, filters: [c > 0 ? 'transpose=cclock_flip' : 'transpose=clock'] };
    return { rotation: 270, filters: [c < 0 ? 'transpose=clock_flip' : 'transpose=cclock'] };
  }
  const mirrored = [...(a < 0 ? ['hflip'] : []), ...(d < 0 ? ['vflip'] : [])];
  return { rotation: mirrored.length === 2 ? 180 : 0, filters: mirrored };
}

function margins(cropping: Uint8Array | null | undefined, width: number, height: number) {
  const none = { top: 0, bottom: 0, left: 0, right: 0 };
  if (!cropping || cropping.byteLength < 16) return none;
  const view = new DataView(cropping.buffer, cropping.byteOffset, cropping.byteLength);
  const [top, bottom, left, right] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  return left + right < width && top + bottom < height ? { top, bottom, left, right } : none;
}
