import fc from 'fast-check';
import type { Size } from '../../src/models/pixels.js';

/** Sizes that a TransformNet paints, small enough to be painted by the hundred. */
export function anySize(): fc.Arbitrary<Size> {
  const side = fc.integer({ min: 3, max: 12 }).map((n) => 4 * n);
  return fc.record({ width: side, height: side });
}

/** Options of TransformNets of some bases. */
export const anyTransform = (...bases: readonly number[]) =>
  fc.record({
    base: fc.constantFrom(...bases),
    residuals: fc.integer({ min: 0, max: 2 }),
    generated: fc.constantFrom('none', 'residual', 'inner', 'all'),
    affine: fc.constantFrom('style', 'net', 'none'),
    output: fc.constantFrom('sigmoid', 'tanh', 'linear'),
  } as const);
