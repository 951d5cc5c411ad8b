import { paper } from './paper.js';

/**
 * Seed 000: VGG-16 beside a small net of its own, hidden numbers shared by all layers and some for each, only the
 * residual blocks generated; one style at a time for the first 30, then 4 to 8 in each batch; Adagrad, the MetaNet's
 * gradients clipped tightly. What the seed does not tell (losses, rate, clipping) is that of the paper, Keras's default
 * and what worked.
 */
export const keras = {
  base: 8,
  generated: 'residual',
  affine: 'generated',
  encoder: 'both',
  styleLayers: paper.styleLayers,
  contentLayers: paper.contentLayers,
  styleWeight: paper.styleWeight,
  tvWeight: paper.tvWeight,
  steps: 100_000,
  optimiser: 'adagrad',
  rate: 1e-2,
  warmup: 200,
  floor: 1,
  epsilon: 1e-7,
  clip: 5,
  clipMeta: 1,
  clipRest: 10,
  batch: 8,
  size: 256,
  contentScale: paper.contentScale,
  styleScale: paper.styleScale,
  styleEvery: 20,
  curriculum: 30,
  mixedStyles: [4, 8],
};
