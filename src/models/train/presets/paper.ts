/**
 * Shen et al. 2018 (arXiv 1709.04111) with the numbers of seed 001: VGG-16 sees and judges, one style for 20 batches of
 * eight photos, 14 generated layers of 128 hidden numbers each, a fixed rate. Only the clipping is ours: a photo that is
 * nearly of one colour has gradients of any size.
 */
export const paper = {
  base: 32,
  affine: 'generated',
  encoder: 'vgg16',
  hidden: 0,
  group: 128,
  styleLayers: ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3'],
  contentLayers: ['relu3_3'],
  styleWeight: 25,
  tvWeight: 1e-4,
  steps: 600_000,
  rate: 1e-3,
  warmup: 0,
  floor: 1,
  beta2: 0.999,
  clip: 10,
  batch: 8,
  size: 256,
  // Short sides from 256 to 480 pixels.
  contentScale: [1, 480 / 256],
  styleScale: [1, 480 / 256],
  styleEvery: 20,
};
