/** Pseudo-random numbers in 0 to 1 that are the same on every run. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const smooth = (t: number): number => t * t * (3 - 2 * t);

/** How a noise looks: a tile of `width` by `height` that fits its own edges. */
export interface NoiseOptions {
  readonly width: number;
  readonly height: number;
  /** Coarsest grid: cells across and down, each a divisor of the tile's side. */
  readonly across: number;
  readonly down: number;
  /** Each octave doubles the grid and adds half as much. */
  readonly octaves: number;
  readonly seed: number;
}

/** Clouds of value noise in 0 to 255. */
export function noiseTile({ width, height, across, down, octaves, seed }: NoiseOptions): Uint8Array {
  const sum = new Float32Array(width * height);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let octave = 0; octave < octaves; octave++)
    addOctave(
      sum,
      {
        width,
        height,
        across: across << octave,
        down: down << octave,
        octaves,
        seed: seed + octave,
      },
      0.5 ** octave,
    );
  for (const value of sum) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const scale = 255 / (most - least || 1);
  return Uint8Array.from(sum, (value) => Math.round((value - least) * scale));
}

function addOctave(
  sum: Float32Array,
  { width, height, across, down, seed }: NoiseOptions,
  weight: number,
): void {
  const roll = dice(seed * 7919 + 1);
  const grid = Float32Array.from({ length: across * down }, roll);
  for (let y = 0; y < height; y++) {
    const v = (y * down) / height;
    const [top, ty] = [Math.floor(v), smooth(v % 1)];
    const [rowA, rowB] = [top * across, ((top + 1) % down) * across];
    for (let x = 0; x < width; x++) {
      const u = (x * across) / width;
      const left = Math.floor(u);
      const right = (left + 1) % across;
      const tx = smooth(u - left);
      const a = grid[rowA + left]! * (1 - tx) + grid[rowA + right]! * tx;
      const b = grid[rowB + left]! * (1 - tx) + grid[rowB + right]! * tx;
      sum[y * width + x]! += weight * (a * (1 - ty) + b * ty);
    }
  }
}
