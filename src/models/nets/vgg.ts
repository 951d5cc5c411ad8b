import { BadInput } from '../../errors.js';
import { NetBuilder, type NetSpec } from '../net.js';
import type { Weights } from '../weights.js';

/** Convolutions per block of the VGG family, and the channels of the genuine nets. */
export const families = { vgg16: [2, 2, 3, 3, 3], vgg19: [2, 2, 4, 4, 4] } as const;

/**
 * A loss network of the VGG family as far as its weights go: picture floats in [0, 1] to features named `relu1_1` ….
 * Reads widths and depth off the weights, so it serves genuine, normalised and distilled nets alike. Convolution
 * `conv0` (1x1) is the preprocessing; `convN_1_aux` (1x1), where present, projects a distilled net's reluN_1 to the
 * genuine width, and the feature is then that projection. Simonyan and Zisserman 2015 (arXiv 1409.1556).
 */
export function vggNet(
  weights: Weights,
  { pool = 'max', pad = 'reflect' }: { pool?: 'max' | 'average'; pad?: 'reflect' | 'zero' } = {},
): NetSpec {
  const has = (name: string) => weights.has(`${name}.weight`);
  const net = new NetBuilder();
  const outputs: Record<string, string> = {};
  const conv = (x: string, name: string, size: number): string => {
    const shape = weights.get(`${name}.weight`)!.shape;
    if (shape.length !== 4)
      throw new BadInput(`The loss network's tensor ${name}.weight is not a convolution.`);
    return net.conv(
      x,
      name,
      { in: shape[1]!, out: shape[0]!, size },
      { bias: net.param(`${name}.bias`, [shape[0]!]), padMode: pad },
    );
  };
  if (!has('conv1_1'))
    throw new BadInput('The loss network has no tensor conv1_1.weight, so it is not of the VGG family.');

  let x = has('conv0') ? conv('picture', 'conv0', 1) : 'picture';
  const family = has('conv3_4') ? families.vgg19 : families.vgg16;
  for (const [i, convs] of family.entries()) {
    const block = i + 1;
    if (!has(`conv${block}_1`)) break;
    if (block > 1) x = net.push('pool', { in: x, kind: pool, size: 2 });
    for (let j = 1; j <= convs && has(`conv${block}_${j}`); j++) {
      const name = `conv${block}_${j}`;
      x = net.push('relu', { in: conv(x, name, 3) });
      outputs[`relu${block}_${j}`] = has(`${name}_aux`)
        ? net.push('relu', { in: conv(x, `${name}_aux`, 1) })
        : x;
    }
  }
  return net.build({ name: 'vgg', inputs: ['picture'], outputs });
}
