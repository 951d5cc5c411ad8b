import { families } from '../../../src/models/nets/vgg.js';
import { Random } from '../../../src/models/train/random.js';
import { type Tensor, writeWeights } from '../../../src/models/weights.js';

/**
 * A loss network with every layer of VGG-16, four channels each, of random weights; `conv0` multiplies by `gain`.
 */
export function tinyVgg16({ gain = 1, bias = 0.1, seed = 1 } = {}): Uint8Array {
  const random = Random.from(seed, 'vgg16');
  const weights = new Map<string, Tensor>();
  const add = (name: string, shape: number[], number: () => number) => {
    const length = shape.reduce((product, side) => product * side, 1);
    weights.set(`${name}.weight`, { shape, data: Float32Array.from({ length }, number) });
    const biases = Float32Array.from({ length: shape[0]! }, () => (name === 'conv0' ? 0 : bias));
    weights.set(`${name}.bias`, { shape: [shape[0]!], data: biases });
  };
  let diagonal = 0;
  add('conv0', [3, 3, 1, 1], () => (diagonal++ % 4 === 0 ? gain : 0));
  for (const [i, convs] of families.vgg16.entries())
    for (let j = 1; j <= convs; j++) {
      const channels = i === 0 && j === 1 ? 3 : 4;
      add(`conv${i + 1}_${j}`, [4, channels, 3, 3], () => random.normal() * Math.sqrt(2 / (9 * channels)));
    }
  return writeWeights(weights, {}, 'F32');
}
