import { BadInput } from '../../errors.js';
import { families } from '../nets/vgg.js';
import type { Tensor, Weights } from '../weights.js';

/** Channels of the genuine blocks, as far as the encoder of `metaNet` looks: relu4_3. */
const WIDTHS = [64, 128, 256, 512];
const PREFIX = 'vgg.';

function taken(weights: Weights, name: string, shape: readonly number[]): Tensor {
  const tensor = weights.get(name);
  if (tensor?.shape.join() !== shape.join())
    throw new BadInput(
      `The encoder of this MetaNet needs the genuine VGG-16, whose ${name} is [${shape.join(', ')}]; ` +
        `${tensor ? `this one is [${tensor.shape.join(', ')}]` : 'this net has none'}.`,
      { hint: 'Take the published one: livebrush fetch vgg16.' },
    );
  return tensor;
}

/**
 * The weights of a VGG-16 as `readLossWeights` yields them, under the names of the params of `metaNet` with
 * `encoder: 'vgg16'`: `vgg.conv0` to `vgg.conv4_3`. What lies beyond is left out.
 * @throws BadInput when it is no genuine VGG-16, or ends too early.
 */
export function vggEncoderWeights(weights: Weights): Weights {
  if (weights.has('conv3_4.weight'))
    throw new BadInput('The encoder of this MetaNet needs VGG-16; this is VGG-19.', {
      hint: 'Take the published one: livebrush fetch vgg16.',
    });
  const encoder = new Map<string, Tensor>();
  const put = (name: string, shape: readonly number[]): void => {
    encoder.set(`${PREFIX}${name}.weight`, taken(weights, `${name}.weight`, shape));
    encoder.set(`${PREFIX}${name}.bias`, taken(weights, `${name}.bias`, [shape[0]!]));
  };
  put('conv0', [3, 3, 1, 1]);
  let channels = 3;
  for (const [i, width] of WIDTHS.entries())
    for (let j = 1; j <= families.vgg16[i]!; j++) {
      put(`conv${i + 1}_${j}`, [width, channels, 3, 3]);
      channels = width;
    }
  return encoder;
}
