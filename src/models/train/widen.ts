import { BadInput } from '../../errors.js';
import type { MetaModel } from '../model.js';
import { sizeOf } from '../net.js';
import { isFrozen } from '../nets/encoders.js';
import { mismatch, type Tensor } from '../weights.js';
import { type Nets, trainedParams } from './nets.js';
import { Random } from './random.js';

/** How unevenly a channel's copies share its place in the next layer; 0 would keep them copies for ever. */
const UNEVEN = 0.6;
const ONLY_BASE = 'Only --base may differ, by a whole factor.';

/** Uneven shares that add up to 1. */
function shares(count: number, random: Random): number[] {
  const parts = Array.from({ length: count }, () => 1 + UNEVEN * (2 * random.next() - 1));
  const whole = parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part) => part / whole);
}

/**
 * Where each number of a wider tensor comes from, and its share: channel c of a layer with C channels becomes
 * channels c, c + C, …; what reads them reads each copy with a share of the old filter.
 */
function plan(from: readonly number[], to: readonly number[], random: Random) {
  const [outs, wideOuts] = [from[0]!, to[0]!];
  const [ins, wideIns] = [from[1] ?? 1, to[1] ?? 1];
  const taps = sizeOf(from.slice(2));
  const source = new Uint32Array(wideOuts * wideIns * taps);
  const share = new Float32Array(source.length);
  for (let out = 0; out < wideOuts; out++)
    for (let into = 0; into < ins; into++)
      for (const [copy, part] of shares(wideIns / ins, random).entries())
        for (let tap = 0; tap < taps; tap++) {
          const at = (out * wideIns + into + copy * ins) * taps + tap;
          source[at] = ((out % outs) * ins + into) * taps + tap;
          share[at] = part;
        }
  return { source, share };
}

/** A tensor whose rows (numbers of one param) are spread by a plan; `width` numbers a row. */
function spread(
  { data }: Tensor,
  shape: readonly number[],
  width: number,
  { source, share }: ReturnType<typeof plan>,
): Tensor {
  const out = new Float32Array(source.length * width);
  for (const [row, from] of source.entries())
    for (let i = 0; i < width; i++) out[row * width + i] = share[row]! * data[from * width + i]!;
  return { shape, data: out };
}

const fits = (from: readonly number[], to: readonly number[]): boolean =>
  from.length === to.length && from.every((side, i) => (i < 2 ? to[i]! % side === 0 : to[i] === side));

/**
 * A model's params for nets whose layers are a whole number of times as wide, under `transform/` and `meta/`: the
 * wider nets paint the same pictures, and have room to learn (Net2Net, Chen et al. 2016, arXiv 1511.05641). Nets of
 * the same width take the params as they are.
 * @throws BadInput when the nets differ in more than the width of the TransformNet.
 */
export function widened(model: MetaModel, { transform, meta }: Nets, seed: number): Map<string, Tensor> {
  const random = Random.from(seed, 'widen');
  const plans = new Map<string, ReturnType<typeof plan>>();
  const planOf = (name: string) => {
    const [from, to] = [model.transform.params[name]?.shape, transform.params[name]!.shape];
    if (!from || !fits(from, to))
      throw new BadInput(`${model.card.name} cannot be widened to these nets: ${name} does not fit.`, {
        hint: ONLY_BASE,
      });
    if (!plans.has(name)) plans.set(name, plan(from, to, random));
    return plans.get(name)!;
  };
  const out = new Map<string, Tensor>();
  for (const [name, tensor] of model.base)
    out.set(`transform/${name}`, spread(tensor, transform.params[name]!.shape, 1, planOf(name)));
  for (const [name, tensor] of model.metaWeights) {
    if (isFrozen(name)) continue;
    const made = /^make\.(.+)\.(weight|bias)$/.exec(name);
    const shape = meta.params[name]?.shape;
    if (!made || !shape) out.set(`meta/${name}`, tensor);
    else {
      const width = made[2] === 'weight' ? tensor.shape[1]! : 1;
      out.set(`meta/${name}`, spread(tensor, shape, width, planOf(made[1]!)));
    }
  }
  const why = mismatch(out, trainedParams({ transform, meta }));
  if (why)
    throw new BadInput(`${model.card.name} cannot be widened to these nets: ${why}.`, { hint: ONLY_BASE });
  return out;
}
