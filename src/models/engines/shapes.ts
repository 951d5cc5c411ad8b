import { BadInput } from '../../errors.js';
import { apply, type NetSpec, type OpTable } from '../net.js';
import type { Size } from '../pixels.js';

/** Of one picture: [channels, height, width], or [numbers] of a row. */
export type Shape = readonly number[];

const shape = (known: Map<string, Shape>, name: string): Shape => {
  const found = known.get(name);
  if (!found) throw new BadInput(`The net reads a tensor ${name} that nothing before it makes.`);
  return found;
};

const same = (node: { in: string }, known: Map<string, Shape>) => shape(known, node.in);

/** Sides as given, unless one has shrunk to nothing. */
function sides(channels: number, height: number, width: number): Shape {
  if (height < 1 || width < 1) throw new BadInput('The picture is too small for this net.');
  return [channels, height, width];
}

const steps: OpTable<[known: Map<string, Shape>, net: NetSpec], Shape> = {
  fromRgb8: same,
  toRgb8: same,
  conv: (node, known, net) => {
    const [, height, width] = shape(known, node.in) as [number, number, number];
    const [out, , size] = net.params[node.weight]!.shape as [number, number, number];
    if (node.padMode === 'reflect' && node.pad >= Math.min(height, width))
      throw new BadInput('The picture is too small for this net.');
    const side = (n: number) => Math.floor((n + 2 * node.pad - size) / node.stride) + 1;
    return sides(out, side(height), side(width));
  },
  instanceNorm: same,
  relu: same,
  tanh: same,
  sigmoid: same,
  affine: same,
  upsample: (node, known) => {
    const [channels, height, width] = shape(known, node.in) as [number, number, number];
    return sides(channels, height * node.scale, width * node.scale);
  },
  add: same,
  concat: (node, known) => {
    const shapes = node.ins.map((name) => shape(known, name));
    return [shapes.reduce((sum, [channels]) => sum + channels!, 0), ...shapes[0]!.slice(1)];
  },
  pool: (node, known) => {
    const [channels, height, width] = shape(known, node.in) as [number, number, number];
    return sides(channels, Math.floor(height / node.size), Math.floor(width / node.size));
  },
  meanStd: (node, known) => [2 * shape(known, node.in)[0]!],
  dense: (node, _, net) => [net.params[node.weight]!.shape[0]!],
  slice: (node) => [node.to - node.from],
  dropout: same,
};

/**
 * Shape of every tensor of a net for one RGB picture of a size.
 * @throws BadInput when the picture is too small: a side shrinks to nothing or to what reflection cannot pad.
 */
export function shapesOf(net: NetSpec, { width, height }: Size): Map<string, Shape> {
  const known = new Map<string, Shape>(net.inputs.map((name) => [name, [3, height, width]]));
  for (const node of net.nodes) known.set(node.out, apply(steps, node, known, net));
  return known;
}

const LARGEST_LEAST = 1024;
const leastSides = new WeakMap<NetSpec, number>();

/** The smallest side, a multiple of the net's stride, that a picture must have for the net to run. */
export function leastSide(net: NetSpec): number {
  const found = leastSides.get(net);
  if (found) return found;
  for (let side = net.stride; ; side += net.stride) {
    try {
      shapesOf(net, { width: side, height: side });
      leastSides.set(net, side);
      return side;
    } catch (error) {
      if (side >= LARGEST_LEAST) throw error;
    }
  }
}
