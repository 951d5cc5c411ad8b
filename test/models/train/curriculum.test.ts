import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dealAt, type StyleSchedule } from '../../../src/models/train/curriculum.js';

const schedule = (given: Partial<StyleSchedule> = {}): StyleSchedule => ({
  ...{ batch: 8, seed: 1, styleEvery: 20, curriculum: 30, mixedStyles: [4, 8], ...given },
});

it('gives every photo a style of its own unless told', () => {
  expect(dealAt(7, schedule({ batch: 3, styleEvery: 0 }))).toEqual({ styles: 3, of: [0, 1, 2], last: true });
});

it('keeps one style for so many batches', () => {
  const deals = Array.from({ length: 12 }, (_, step) =>
    dealAt(step, schedule({ styleEvery: 4, curriculum: 0 })),
  );
  expect(deals.map(({ last }) => last)).toEqual([0, 1, 2].flatMap(() => [false, false, false, true]));
  for (const { styles, of } of deals) expect([styles, new Set(of)]).toEqual([1, new Set([0])]);
});

it('meets 30 styles one at a time, then 4 to 8 in each batch', () => {
  const one = Array.from({ length: 600 }, (_, step) => dealAt(step, schedule()));
  expect(one.every(({ styles }) => styles === 1)).toBe(true);
  expect(one.filter(({ last }) => last)).toHaveLength(30);
  const mixed = Array.from({ length: 200 }, (_, i) => dealAt(600 + i, schedule()));
  expect(new Set(mixed.map(({ styles }) => styles))).toEqual(new Set([4, 5, 6, 7, 8]));
  expect(mixed.every(({ last }) => last)).toBe(true);
  expect(new Set(mixed.map(({ of }) => of.join())).size).toBeGreaterThan(150);
});

it('uses every style that it takes, and no other, the same for the same step and seed', () => {
  fc.assert(
    fc.property(
      fc.nat(2000),
      fc.integer({ min: 1, max: 12 }),
      fc.nat(5),
      fc.integer({ min: 1, max: 6 }),
      fc.nat(6),
      (step, batch, seed, fewest, more) => {
        const one = schedule({ batch, seed, mixedStyles: [fewest, fewest + more] });
        const { styles, of } = dealAt(step, one);
        expect(of).toHaveLength(batch);
        expect([...new Set(of)].sort()).toEqual([...Array(styles).keys()].sort());
        expect(dealAt(step, one)).toEqual({ styles, of, last: expect.any(Boolean) });
      },
    ),
  );
});
