import { BadInput } from '../../errors.js';
import type { Tensor, Weights } from '../weights.js';

/** A loss network under the names that `vggNet` knows, and what it wants beyond the border of a picture. */
export interface LossWeights {
  readonly weights: Weights;
  readonly pad: 'reflect' | 'zero';
}

/** Knows the names that one publisher gives to the layers of VGG. Undefined when these are not among them. */
export type Naming = (found: Weights, what: string) => LossWeights | undefined;

/** One convolution on the way to `convB_J`; either half may be missing while it is being collected. */
export interface Found {
  weight?: Tensor;
  bias?: Tensor;
}

/** @throws BadInput when it is there already. */
export function put(found: Found, part: keyof Found, tensor: Tensor, name: string, what: string): void {
  if (found[part]) throw new BadInput(`${what} holds the ${part} of ${name} twice.`);
  found[part] = tensor;
}

/** Published nets pad with zeros, after the preprocessing: what lies outside is the mean colour. */
export function assemble(
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
