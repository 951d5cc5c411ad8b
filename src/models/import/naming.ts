import { BadInput } from '../../errors.js';
import { families } from '../nets/vgg.js';
import type { Tensor, Weights } from '../weights.js';
import { caffeInput, torchvisionInput } from './preprocessing.js';

/** A loss network under the names that `vggNet` knows, and what it wants beyond the border of a picture. */
export interface LossWeights {
  readonly weights: Weights;
  readonly pad: 'reflect' | 'zero';
}

/** Knows the names that one publisher gives to the layers of VGG. Undefined when these are not among them. */
export type Naming = (found: Weights, what: string) => LossWeights | undefined;

/** One convolution on the way to `convB_J`; either half may be missing while it is being collected. */
interface Found {
  weight?: Tensor;
  bias?: Tensor;
}

function put(found: Found, part: keyof Found, tensor: Tensor, name: string, what: string): void {
  if (found[part]) throw new BadInput(`${what} holds the ${part} of ${name} twice.`);
  found[part] = tensor;
}

/** Published nets pad with zeros, after the preprocessing: what lies outside is the mean colour. */
function assemble(
  convolutions: ReadonlyMap<string, Found>,
  preprocessing: Weights,
  what: string,
): LossWeights {
  const weights = new Map(preprocessing);
  for (const [name, { weight, bias }] of [...convolutions].sort(([a], [b]) => a.localeCompare(b))) {
    if (!weight || !bias) throw new BadInput(`${what} lacks the ${weight ? 'bias' : 'weight'} of ${name}.`);
    weights.set(`${name}.weight`, weight);
    weights.set(`${name}.bias`, bias);
  }
  return { weights, pad: 'zero' };
}

/** Our own names. The normalised and the distilled nets that bear them were made for reflection. */
export const own: Naming = (found) =>
  found.has('conv1_1.weight') ? { weights: found, pad: 'reflect' } : undefined;

/** Where torchvision's `features` holds its convolutions: each is followed by a ReLU, each block by a pooling. */
function torchvisionLayout(blocks: readonly number[]): Map<number, string> {
  const layout = new Map<number, string>();
  let index = 0;
  for (const [i, convs] of blocks.entries()) {
    for (let j = 1; j <= convs; j++, index += 2) layout.set(index, `conv${i + 1}_${j}`);
    index++;
  }
  return layout;
}

/** Both families; a net may end early. They differ from the fourth convolution of the third block on. */
const layouts = Object.values(families).map(torchvisionLayout);

/**
 * Torchvision's names: `features.0.weight` or, of the features alone, `0.weight`. Some checkpoints put a word in front.
 * The numbers depend on the depth of the net, so they tell which one it is.
 * @throws BadInput for the kin that is no loss network here: VGG-11, VGG-13, those with batch normalisation.
 */
export const torchvision: Naming = (found, what) => {
  const name = [...found.keys()].some((key) => key.includes('features.'))
    ? /(?:^|\.)features\.(?:module\.)?(\d{1,3})\.(weight|bias|running_mean)$/
    : /^(\d{1,3})\.(weight|bias|running_mean)$/;
  const convolutions = new Map<number, Found>();
  let normalised = false;
  for (const [key, tensor] of found) {
    const [, index, part] = name.exec(key) ?? [];
    if (index === undefined) continue;
    if (part === 'running_mean') normalised = true;
    const conv = convolutions.get(Number(index)) ?? {};
    if (part === 'weight' || part === 'bias') put(conv, part, tensor, `layer ${index}`, what);
    convolutions.set(Number(index), conv);
  }
  if (convolutions.size === 0) return undefined;
  if (normalised)
    throw new BadInput(`${what} is a VGG with batch normalisation, which does not serve as a loss network.`, {
      hint: 'Take the plain vgg16 or vgg19.',
    });
  const indices = [...convolutions.keys()].sort((a, b) => a - b);
  const layout = layouts.find(
    (known) => [...known.keys()].slice(0, indices.length).join() === indices.join(),
  );
  if (!layout)
    throw new BadInput(
      `${what} has convolutions at ${indices.join(', ')}: neither VGG-16 nor VGG-19 has them there.`,
    );
  const named = new Map(indices.map((index) => [layout.get(index)!, convolutions.get(index)!]));
  return assemble(named, torchvisionInput(), what);
};

/** A filter of TensorFlow, [height, width, in, out], as ours: [out, in, height, width]. */
function turned({ shape, data }: Tensor): Tensor {
  const [height, width, channels, filters] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  for (let at = 0, place = 0; place < height * width; place++)
    for (let c = 0; c < channels; c++)
      for (let f = 0; f < filters; f++) out[(f * channels + c) * height * width + place] = data[at++]!;
  return { shape: [filters, channels, height, width], data: out };
}

/**
 * Keras's names, which have a layer such as `block1_conv1` somewhere in their path: `block1_conv1/block1_conv1_W_1:0`
 * (Keras 1), `block1_conv1/block1_conv1/kernel:0` (2), `layers/block1_conv1/vars/0` (3), below `model_weights` in the
 * file of a whole model. Filters of four axes are kernels, tensors of one are biases.
 */
export const keras: Naming = (found, what) => {
  const convolutions = new Map<string, Found>();
  for (const [path, tensor] of found) {
    const [, block, index] = /(?:^|[/\\])block(\d)_conv(\d)(?=[/\\])/.exec(path) ?? [];
    if (block === undefined || /(?:^|\/)optimizer/.test(path)) continue;
    const name = `conv${block}_${index}`;
    const conv = convolutions.get(name) ?? {};
    const { shape } = tensor;
    if (shape.length === 4 && (shape[0] !== 3 || shape[1] !== 3))
      throw new BadInput(
        `${what} has its filters in the order of Theano, [${shape.join(', ')}] for ${name}.`,
        {
          hint: 'Take the file whose name says tf_dim_ordering_tf_kernels.',
        },
      );
    put(
      conv,
      shape.length === 4 ? 'weight' : 'bias',
      shape.length === 4 ? turned(tensor) : tensor,
      name,
      what,
    );
    convolutions.set(name, conv);
  }
  return convolutions.size === 0 ? undefined : assemble(convolutions, caffeInput(), what);
};
