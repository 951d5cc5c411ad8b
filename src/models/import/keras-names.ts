import { BadInput } from '../../errors.js';
import { families } from '../nets/vgg.js';
import type { Tensor, Weights } from '../weights.js';
import { assemble, type Found, type Naming, put } from './naming.js';
import { caffeInput } from './preprocessing.js';

/** A filter of TensorFlow, [height, width, in, out], as ours: [out, in, height, width]. */
function turned({ shape, data }: Tensor): Tensor {
  const [height, width, channels, filters] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  for (let at = 0, place = 0; place < height * width; place++)
    for (let c = 0; c < channels; c++)
      for (let f = 0; f < filters; f++) out[(f * channels + c) * height * width + place] = data[at++]!;
  return { shape: [filters, channels, height, width], data: out };
}

/** By path, the convolution that a layer such as `block1_conv1` is; what an optimiser keeps has such names too. */
function named(path: string): string | undefined {
  const [, block, index] = /(?:^|[/\\])block(\d)_conv(\d)(?=[/\\])/.exec(path) ?? [];
  return block === undefined || /(?:^|\/)optimizer/.test(path) ? undefined : `conv${block}_${index}`;
}

/**
 * Keras 3 may forget the names of layers and count them: `layers/conv2d/vars/0`, `layers/conv2d_1/vars/0`. How many
 * there are tells the family.
 */
function counted(found: Weights): (path: string) => string | undefined {
  const number = (path: string) => {
    const [whole, count = '0'] = /(?:^|\/)layers\/conv2d(?:_(\d{1,3}))?\/vars\/\d$/.exec(path) ?? [];
    return whole === undefined ? undefined : Number(count);
  };
  const numbers = [...new Set([...found.keys()].map(number))].filter((n) => n !== undefined);
  numbers.sort((a, b) => a - b);
  const names = Object.values(families)
    .map((blocks) =>
      blocks.flatMap((convs, i) => Array.from({ length: convs }, (_, j) => `conv${i + 1}_${j + 1}`)),
    )
    .find(({ length }) => length === numbers.length);
  return (path) => {
    const count = number(path);
    return count === undefined ? undefined : names?.[numbers.indexOf(count)];
  };
}

/**
 * Keras's names, with a layer somewhere in their path: `block1_conv1/block1_conv1_W_1:0` (Keras 1),
 * `block1_conv1/block1_conv1/kernel:0` (2), below `model_weights` in the file of a whole model, or numbered layers
 * (3). Tensors of four axes are filters, those of one are biases.
 */
export const keras: Naming = (found, what) => {
  const nameOf = [...found.keys()].some(named) ? named : counted(found);
  const convolutions = new Map<string, Found>();
  for (const [path, tensor] of found) {
    const name = nameOf(path);
    if (name === undefined) continue;
    const conv = convolutions.get(name) ?? {};
    convolutions.set(name, conv);
    const { shape } = tensor;
    if (shape.length !== 4) put(conv, 'bias', tensor, name, what);
    else if (shape[0] === 3 && shape[1] === 3) put(conv, 'weight', turned(tensor), name, what);
    else
      throw new BadInput(
        `${what} has its filters in the order of Theano: ${name} is [${shape.join(', ')}].`,
        {
          hint: 'Take the file whose name says tf_dim_ordering_tf_kernels.',
        },
      );
  }
  return convolutions.size === 0 ? undefined : assemble(convolutions, caffeInput(), what);
};
