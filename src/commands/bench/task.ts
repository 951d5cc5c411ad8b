import { transformNet } from '../../models/nets/transform.js';
import type { Size } from '../../models/pixels.js';
import { randomWeights } from '../../models/random-weights.js';
import type { Task } from './contenders.js';
import { drawing } from './picture.js';

/** A TransformNet with random weights and a drawn picture of a size. */
export function taskOf(base: number, size: Size): Task {
  const net = transformNet({ base, generated: 'none', affine: 'net' });
  const weights = randomWeights(net, 'net');
  return { net, styled: transformNet({ base }), base, weights, pixels: drawing(size) };
}
