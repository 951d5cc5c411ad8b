import type { Tensor } from '../weights.js';
import { type Phases, plain } from './phases.js';

/**
 * Pictures in blocks of channels, as the convolutions of ONNX Runtime's CPU library want them (NCHWc): the numbers of
 * `block` channels of one pixel stand side by side, [channels / block, height, width, block]. A vector of the processor
 * then holds one pixel, and each number of the picture is loaded once for `block` filters.
 */

/** Which channel stands at each place of a tensor in blocks; -1 where a block is filled up with zeros. */
export type Order = readonly number[];

/** The smallest multiple of `block` that holds `channels`. */
export const filledUp = (channels: number, block: number): number => Math.ceil(channels / block) * block;

export const phaseCount = ({ y, x }: Phases): number => y * x;

/**
 * The order of a tensor's channels in blocks. Phases of cells stand one after the other where that fills whole blocks,
 * so that each block has one phase and cells come apart block by block; or else those of rows do, where that fills
 * them; otherwise channels stand as they are.
 */
export function orderOf(channels: number, block: number, phases: Phases = plain): Order {
  const apart = [phaseCount(phases), phases.y].find((count) => count > 1 && (channels / count) % block === 0);
  if (!apart) return Array.from({ length: filledUp(channels, block) }, (_, i) => (i < channels ? i : -1));
  const each = channels / apart;
  return Array.from({ length: channels }, (_, i) => (i % each) * apart + Math.floor(i / each));
}

/** Whether each block holds one phase only. */
export const isPhaseMajor = (order: Order, phases: Phases): boolean =>
  phaseCount(phases) > 1 && order[1] === phaseCount(phases);

/** Phases that have blocks of their own: all, those of rows, or none. */
export function phasesApart(order: Order, phases: Phases): Phases {
  if (isPhaseMajor(order, phases)) return phases;
  return phases.y > 1 && order[1] === phases.y ? { y: phases.y, x: 1 } : plain;
}

export const sameOrder = (a: Order, b: Order): boolean =>
  a.length === b.length && a.every((c, i) => c === b[i]);

/**
 * Filters [out, in, height, width] in blocks: [out / block, in / block, height, width, block of in, block of out],
 * or [out / block, in, height, width, block] where the input is plain. The shape tells channels and sides.
 */
export function blockFilters(
  { shape, data }: Tensor,
  block: number,
  outs: Order,
  ins: Order | undefined,
): Tensor {
  const [, inputs, height, width] = shape as [number, number, number, number];
  const area = height * width;
  const from = ins ?? Array.from({ length: inputs }, (_, i) => i);
  const inner = ins ? block : 1;
  const blocked = new Float32Array(outs.length * from.length * area);
  for (const [o, out] of outs.entries()) {
    if (out < 0) continue;
    for (const [i, input] of from.entries()) {
      if (input < 0) continue;
      const source = (out * inputs + input) * area;
      const group = Math.floor(o / block) * (from.length / inner) + Math.floor(i / inner);
      const lane = (i % inner) * block + (o % block);
      for (let k = 0; k < area; k++) blocked[(group * area + k) * inner * block + lane] = data[source + k]!;
    }
  }
  return { shape: blockedShape(shape, outs, ins), data: blocked };
}

export const blockedShape = ([, inputs, ...sides]: readonly number[], outs: Order, ins?: Order): number[] => [
  outs.length,
  ins?.length ?? inputs!,
  ...sides,
];

/** Numbers per channel, each of which stands for `each` channels of the tensor, at the places of an order. */
export function blockNumbers({ data }: Tensor, order: Order, each = 1): Tensor {
  const placed = Float32Array.from(order, (channel) => (channel < 0 ? 0 : data[Math.floor(channel / each)]!));
  return { shape: [order.length], data: placed };
}
