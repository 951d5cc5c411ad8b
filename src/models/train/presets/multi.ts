/** Recipes for nets of several styles. */
export const multiPresets = {
  /** What paints best here: mean and deviation at the layers that the distilled loss network has. */
  house: {
    ...{ steps: 2000, laterSteps: 600, size: 192, batch: 4, rate: 1e-3, laterRate: 1e-2, warmup: 20 },
    ...{ weaveWeight: 1000, consistencyWeight: 100 },
    ...{ evaluateEvery: 50, sheetEvery: 50, saveEvery: 50, sheetSide: 4 },
  },
  /**
   * Seed 002 after Dumoulin et al. 2017 (arXiv 1610.07629): VGG-19 with averages between its blocks, content at relu4_2,
   * Gram matrices. The seed does not tell the weights of style and variation: these keep its ratio of content to style
   * near that of Johnson et al.
   */
  seed: {
    ...{ base: 32, init: 'truncated', normEpsilon: 1e-3, output: 'sigmoid', pool: 'average' },
    ...{ styleLoss: 'gram', gramScale: 'features' },
    styleLayers: ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1', 'relu5_1'],
    contentLayers: ['relu4_2'],
    ...{ contentWeight: 1.5, styleWeight: 1e5, tvWeight: 3.5 },
    ...{ steps: 40_000, laterSteps: 10_000, size: 256, batch: 4 },
    ...{ rate: 1e-3, laterRate: 1e-3, warmup: 0, floor: 1, beta2: 0.999, clip: 1e9 },
  },
};
