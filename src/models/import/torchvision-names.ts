import { BadInput } from '../../errors.js';
import { families } from '../nets/vgg.js';
import { assemble, type Found, type Naming, put } from './naming.js';
import { torchvisionInput } from './preprocessing.js';

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
