import { apply, type NetSpec, nodesFor, type OpTable } from '../net.js';
import type { Size } from '../pixels.js';
import type { LossNetwork } from './losses.js';

interface Shape {
  readonly channels: number;
  readonly numbers: number;
}

const same = (_: unknown, from: Shape) => from;
const never = (node: { op: string }): never => {
  throw new Error(`A loss network has no ${node.op}.`);
};

/** What each op of a loss network makes of a shape. */
const shapes: OpTable<[from: Shape, net: NetSpec], Shape> = {
  conv: ({ weight }, { channels, numbers }, net) => {
    const out = net.params[weight]!.shape[0]!;
    return { channels: out, numbers: (numbers / channels) * out };
  },
  pool: ({ size }, { channels, numbers }) => ({ channels, numbers: numbers / size ** 2 }),
  ...{ relu: same, tanh: same, sigmoid: same, affine: same, dropout: same },
  ...{ fromRgb8: same, toRgb8: same, instanceNorm: same },
  ...{ upsample: never, add: never, concat: never, meanStd: never, dense: never, slice: never },
};

/**
 * Bytes held for each number that a layer makes: for a convolution its padded input and its sum, for each layer its
 * output and, on the way back, gradients of the layers at hand. Measured on native TensorFlow, with VGG-16 and a network of a quarter of its width.
 */
const BYTES_A_NUMBER = 17;

/** About how many bytes one gradient of a picture of a size takes. */
export function memoryFor(
  networks: readonly Pick<LossNetwork, 'net' | 'layers'>[],
  { width, height }: Size,
): number {
  let numbers = 0;
  for (const { net, layers } of networks) {
    const made = new Map<string, Shape>([['picture', { channels: 3, numbers: 3 * width * height }]]);
    for (const node of nodesFor(net, layers)) {
      const shape = apply(shapes, node, made.get((node as { in: string }).in)!, net);
      made.set(node.out, shape);
      numbers += shape.numbers;
    }
  }
  return numbers * BYTES_A_NUMBER;
}
