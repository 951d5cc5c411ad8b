/** As near to Shen et al. 2018 (arXiv 1709.04111) as this loop goes: VGG-16 layers, heavier style, no hidden layer, base 32. */
export const paper = {
  base: 32,
  hidden: 0,
  group: 128,
  styleLayers: ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3'],
  contentLayers: ['relu3_3'],
  styleWeight: 25,
  tvWeight: 1e-4,
  rate: 1e-3,
  beta2: 0.999,
  batch: 8,
  size: 256,
};
