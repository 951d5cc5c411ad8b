import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { microsToTicks, ticksToMicros } from '../../../src/pipeline/codec/ticks.js';

const timeBase = fc
  .record({ num: fc.integer({ min: 1, max: 2002 }), den: fc.integer({ min: 1, max: 500_000 }) })
  .filter(({ num, den }) => (num * 1e6) / den >= 2);

describe('ticks', () => {
  it('survive the way to microseconds and back, for any time base of 2 µs or more, also before zero', () => {
    fc.assert(
      fc.property(timeBase, fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n }), (base, ticks) => {
        const micros = ticksToMicros(ticks, base);
        fc.pre(Number.isSafeInteger(micros));
        expect(microsToTicks(micros, base)).toBe(ticks);
      }),
    );
  });

  it('round to the nearest', () => {
    expect(ticksToMicros(1n, { num: 1, den: 3 })).toBe(333_333);
    expect(ticksToMicros(2n, { num: 1, den: 3 })).toBe(666_667);
    expect(ticksToMicros(-1n, { num: 1, den: 3 })).toBe(-333_333);
    expect(microsToTicks(1499, { num: 1, den: 1000 })).toBe(1n);
    expect(microsToTicks(1500, { num: 1, den: 1000 })).toBe(2n);
    expect(microsToTicks(-1501, { num: 1, den: 1000 })).toBe(-2n);
  });

  it('keep the order of times', () => {
    fc.assert(
      fc.property(timeBase, fc.maxSafeInteger(), fc.nat({ max: 1e6 }), (base, at, step) => {
        const clamped = Math.trunc(at / 2);
        expect(microsToTicks(clamped + step, base) >= microsToTicks(clamped, base)).toBe(true);
      }),
    );
  });
});
