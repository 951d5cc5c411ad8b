import { type NetSpec, sizeOf } from './net.js';
import type { Tensor, Weights } from './weights.js';

/** Numbers in [-1, 1) from a linear congruential generator: good enough to time a net, not to train one. */
function* noise(seed: number): Generator<number> {
  let state = seed >>> 0;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 31 - 1;
  }
}

/**
 * Untrained params of a net, the same for the same seed: filters of unit gain (He et al. 2015), scales of 1, no biases.
 * A net of these paints nonsense at the speed of a trained one.
 */
export function randomWeights(net: NetSpec, from: 'net' | 'style', seed = 1): Weights {
  const numbers = noise(seed);
  const weights = new Map<string, Tensor>();
  for (const [name, param] of Object.entries(net.params)) {
    if (param.from !== from) continue;
    const data = new Float32Array(sizeOf(param.shape));
    const inputs = param.shape.slice(1).reduce((product, side) => product * side, 1);
    if (name.endsWith('.scale')) data.fill(1);
    else if (param.shape.length > 1)
      for (let i = 0; i < data.length; i++) data[i] = numbers.next().value * Math.sqrt(6 / inputs);
    weights.set(name, { shape: param.shape, data });
  }
  return weights;
}
