/**
 * Recipes for nets of one style. Weights of the seeds hold for loss networks whose features have their published size
 * (VGG-16, VGG-19); the distilled ones are of another scale.
 */

/** Gram matrices as in the papers, a steady rate, gradients as they come. */
const asPublished = {
  ...{ base: 32, styleLoss: 'gram', gramScale: 'features', size: 256, batch: 4, steps: 40_000 },
  styleLayers: ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3'],
  contentLayers: ['relu3_3'],
  ...{ rate: 1e-3, warmup: 0, floor: 1, beta2: 0.999, clip: 1e9 },
};

export const singlePresets = {
  /** What paints best here, in minutes when it goes on from a model with a MetaNet. */
  house: {
    ...{ steps: 400, size: 192, batch: 4, rate: 3e-3, warmup: 20 },
    ...{ weaveWeight: 1000, consistencyWeight: 100 },
    ...{ evaluateEvery: 50, sheetEvery: 50, saveEvery: 50, sheetSide: 4 },
  },
  /**
   * Seed 001 after Johnson et al. 2016 (arXiv 1603.08155). Its total variation, 1e-6, is a sum over a batch of
   * normalised pictures; as a mean over pictures in [0, 1] it weighs 3.5.
   */
  johnson: { ...asPublished, output: 'linear', styleWeight: 1e5, tvWeight: 3.5 },
  /** Seed 003: resized, then convolved; norms without scale and shift; tanh. */
  resize: {
    ...asPublished,
    ...{ affine: 'none', normEpsilon: 1e-9, output: 'tanh', styleWeight: 1e5, tvWeight: 3.5 },
  },
  /** Seed 002: filters that begin small, a sigmoid; made for telephones with `--net small`. */
  mobile: {
    ...asPublished,
    ...{ init: 'truncated', normEpsilon: 1e-3, output: 'sigmoid', styleWeight: 1e5, tvWeight: 3.5 },
  },
};
