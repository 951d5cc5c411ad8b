import { type NetSpec, type Node, nodesFor, type Param } from '../net.js';
import type { Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { type Shape, shapesOf } from './shapes.js';

/**
 * The part of a net that some outputs need, for pictures of one size, as nodes of `N`: the net's own, or what stands
 * in for them. What it computes differs from what the net computes by rounding alone.
 */
export interface Lowered<N = Node> {
  readonly nodes: readonly N[];
  /** Params as these nodes want them. */
  readonly params: Readonly<Record<string, Param>>;
  /** Shape of each tensor as it stands. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The net's outputs by name; each is a plain tensor. */
  readonly outputs: Readonly<Record<string, string>>;
  /** The net's weights as these nodes want them; those that they take as they are are passed on. */
  fold(weights: Weights): Weights;
}

/** The net as it is written. */
export function asWritten(net: NetSpec, outputs: readonly string[], size: Size): Lowered {
  return {
    nodes: nodesFor(net, outputs),
    params: net.params,
    shapes: shapesOf(net, size),
    outputs: Object.fromEntries(outputs.map((name) => [name, net.outputs[name]!])),
    fold: (weights) => weights,
  };
}
