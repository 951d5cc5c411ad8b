import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  axisOf,
  type Folding,
  foldBias,
  foldFilters,
  paddedCells,
} from '../../../src/models/engines/phases.js';
import { reflected } from '../../../src/models/pixels.js';
import { seeded } from '../../suites/weights.js';

const plain = { y: 1, x: 1 };
const half = { y: 2, x: 2 };
const foldings: Record<string, Folding> = {
  first: { size: 9, stride: 1, repeat: 1, from: plain, to: half },
  down: { size: 3, stride: 2, repeat: 1, from: half, to: plain },
  up: { size: 3, stride: 1, repeat: 2, from: plain, to: half },
  last: { size: 9, stride: 1, repeat: 1, from: half, to: { y: 4, x: 2 } },
};

describe('a row convolved in cells', () => {
  it.each(Object.entries(foldings))('is the row convolved in pixels: %s', (_, folding) => {
    const { size, stride, repeat, from, to } = folding;
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.nat(), (n, seed) => {
        const next = seeded(seed);
        const cells = 4 * n;
        const row = Array.from({ length: cells * from.y }, next);
        const filter = Array.from({ length: size }, next);
        const pixels = row.length * repeat;
        const expected = Array.from({ length: pixels / stride }, (_, i) =>
          filter.reduce((sum, weight, k) => {
            const pixel = reflected(stride * i + k - (size - 1) / 2, pixels);
            return sum + weight * row[Math.floor(pixel / repeat)]!;
          }, 0),
        );

        const rows = axisOf(folding, 'y')!;
        const column = axisOf({ ...folding, size: 1, stride: 1, repeat: 1, from: plain, to: plain }, 'x')!;
        const folded = foldFilters({ shape: [1, 1, size, 1], data: Float32Array.from(filter) }, rows, column);
        expect(folded.shape).toEqual([to.y, from.y, rows.size, 1]);
        const { sources, before, after } = paddedCells(folding, 'y', cells)!;
        expect(sources.every((places) => places.length === before + cells + after)).toBe(true);
        for (const [i, number] of expected.entries()) {
          let sum = 0;
          for (let phase = 0; phase < from.y; phase++)
            for (let k = 0; k < rows.size; k++) {
              const cell = sources[phase]![rows.stride * Math.floor(i / to.y) + k]!;
              const weight = folded.data[((i % to.y) * from.y + phase) * rows.size + k]!;
              sum += weight * row[cell * from.y + phase]!;
            }
          expect(Math.abs(sum - number)).toBeLessThan(1e-5);
        }
      }),
    );
  });

  it('reflects each phase of the last layer about its own pixel', () => {
    const { sources } = paddedCells(foldings.last!, 'y', 6)!;
    expect(sources[0]).toEqual([2, 1, 0, 1, 2, 3, 4, 5, 5, 4]);
    expect(sources[1]).toEqual([1, 0, 0, 1, 2, 3, 4, 5, 4, 3]);
  });

  it('is not to be had where the cells of input and output step apart', () => {
    expect(axisOf({ size: 3, stride: 1, repeat: 1, from: half, to: plain }, 'x')).toBeUndefined();
    expect(paddedCells({ size: 3, stride: 1, repeat: 1, from: half, to: plain }, 'x', 8)).toBeUndefined();
    expect(paddedCells({ ...foldings.up!, size: 5 }, 'y', 8)).toBeUndefined();
  });
});

it('repeats a bias for each phase of its channel', () => {
  const { shape, data } = foldBias({ shape: [2], data: Float32Array.of(1, 2) }, { y: 4, x: 2 });
  expect(shape).toEqual([16]);
  expect([...data]).toEqual([...Array(8).fill(1), ...Array(8).fill(2)]);
});
