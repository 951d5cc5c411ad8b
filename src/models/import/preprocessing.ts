import type { Weights } from '../weights.js';

/** Three channels to three as `conv0`, a 1x1 convolution, so that a net's preprocessing is a layer of its own. */
const mixing = (rows: readonly number[][], bias: readonly number[]): Weights =>
  new Map([
    ['conv0.weight', { shape: [3, 3, 1, 1], data: Float32Array.from(rows.flat()) }],
    ['conv0.bias', { shape: [3], data: Float32Array.from(bias) }],
  ]);

/** RGB in [0, 1] to what nets trained in Caffe want, Keras's VGG among them: 255 * BGR less the mean of ImageNet. */
export const caffeInput = (): Weights =>
  mixing(
    [
      [0, 0, 255],
      [0, 255, 0],
      [255, 0, 0],
    ],
    [-103.939, -116.779, -123.68],
  );

/** RGB in [0, 1] to what torchvision's nets want: less the mean of ImageNet, by its standard deviation. */
export function torchvisionInput(): Weights {
  const [mean, deviation] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ] as const;
  const rows = deviation.map((d, i) => [0, 1, 2].map((j) => (i === j ? 1 / d : 0)));
  return mixing(
    rows,
    mean.map((m, i) => -m / deviation[i]!),
  );
}
