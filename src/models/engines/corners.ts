import type { NodeOf } from '../net.js';
import type { Tensor } from '../weights.js';
import type { CellNodeOf } from './half-resolution.js';
import { isPlain, type Phases, phaseAt } from './phases.js';

/**
 * Convolutions of pictures whose pixels stand four times each, after upsampling by two. For a pixel, a filter of 3 by 3
 * then reads 2 by 2 different pixels of the small picture, whose corner it lies around: an even row's those of cells
 * p - 1 and p, an odd row's those of p and p + 1. So the filter on cells, 3 by 3, has a row and a column of zeros. All
 * phases can do without them where each looks at its own corner: the output has a row and a column more than there are
 * cells, and in phase (y, x) of a cell stands what is found (y, x) further on.
 */
export const yieldsCorners = (conv: NodeOf<'conv'> | CellNodeOf<'cellConv'>): boolean => {
  if (conv.op !== 'cellConv') return false;
  const { from, to, size, stride, repeat } = conv.folding;
  return isPlain(from) && to.y === 2 && to.x === 2 && size === 3 && stride === 1 && repeat === 2;
};

/** Sides of the filters that are left. */
export const cornerShape = ([outs, ins]: readonly number[]): number[] => [outs!, ins!, 2, 2];

/** Filters on cells, [outs, ins, 3, 3], without what is zero in each phase: [outs, ins, 2, 2]. */
export function cornerFilters({ shape, data }: Tensor, phases: Phases): Tensor {
  const [outs, ins] = shape as [number, number];
  const left = new Float32Array(outs * ins * 4);
  for (let out = 0; out < outs; out++) {
    const { y, x } = phaseAt(out, phases);
    for (let i = 0; i < ins; i++) {
      const [from, to] = [(out * ins + i) * 9, (out * ins + i) * 4];
      for (let k = 0; k < 4; k++) left[to + k] = data[from + 3 * (y + (k >> 1)) + x + (k & 1)]!;
    }
  }
  return { shape: cornerShape(shape), data: left };
}
