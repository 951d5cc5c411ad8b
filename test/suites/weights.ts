import { type NetSpec, sizeOf } from '../../src/models/net.js';
import type { Pixels, Size } from '../../src/models/pixels.js';
import type { Tensor, Weights } from '../../src/models/weights.js';

/** Numbers in [-1, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/**
 * Weights that leave nothing of a net idle, the same for the same seed: filters of unit gain, scales about 1, biases
 * and shifts about 0 but neither exactly.
 */
export function seededWeights(net: NetSpec, from: 'net' | 'style', seed = 1): Weights {
  const next = seeded(seed);
  const weights = new Map<string, Tensor>();
  for (const [name, { shape, from: side }] of Object.entries(net.params)) {
    if (side !== from) continue;
    const inputs = sizeOf(shape.slice(1));
    const gain = shape.length > 1 ? Math.sqrt(3 / inputs) : 0.3;
    const centre = name.endsWith('.scale') ? 1 : 0;
    weights.set(name, {
      shape,
      data: Float32Array.from({ length: sizeOf(shape) }, () => centre + gain * next()),
    });
  }
  return weights;
}

/** A picture of noise over a gradient, the same for the same seed. */
export function seededPicture({ width, height }: Size, seed = 1): Pixels {
  const next = seeded(seed);
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) {
    const slope = ((i % width) / width + Math.floor(i / width) / (3 * height)) / 2;
    data[i] = Math.round(255 * (0.7 * slope + 0.15 * (1 + next())));
  }
  return { data, width, height };
}
