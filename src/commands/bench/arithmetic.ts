import { shapesOf } from '../../models/engines/shapes.js';
import { type NetSpec, type Node, sizeOf } from '../../models/net.js';
import type { Size } from '../../models/pixels.js';

/** Multiply-adds of a node: convolutions and dense layers; all else is a thousandth of a net. */
function multiplyAdds(node: Node, net: NetSpec, shapeOf: (name: string) => readonly number[]): number {
  if (node.op !== 'conv' && node.op !== 'dense') return 0;
  // Each number that comes out is the sum of as many products as one output's filter has numbers.
  const [, ...filter] = net.params[node.weight]!.shape;
  return sizeOf(shapeOf(node.out)) * sizeOf(filter);
}

/**
 * Useful arithmetic of a net for one picture, as it is written: 2 x multiply-adds, in floating-point operations.
 * Whatever an engine computes beside that (zeros, padding, another order) does not count.
 * @throws BadInput when the picture is too small for the net.
 */
export function flopsOf(net: NetSpec, size: Size): number {
  const shapes = shapesOf(net, size);
  const shapeOf = (name: string) => shapes.get(name)!;
  return 2 * net.nodes.reduce((sum, node) => sum + multiplyAdds(node, net, shapeOf), 0);
}

/** Of the product of two square matrices. */
export const productFlops = (side: number): number => 2 * side ** 3;
