import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Unwrapper } from '../../../src/pipeline/rtp/unwrap.js';

describe('the unwrapper', () => {
  it('counts on over the wrap of sequence numbers and of timestamps', () => {
    const sequence = new Unwrapper(16);
    expect([65_534, 65_535, 0, 1].map((value) => sequence.next(value))).toEqual([
      65_534, 65_535, 65_536, 65_537,
    ]);
    const timestamp = new Unwrapper(32);
    expect([0xffff_f000, 0x200].map((value) => timestamp.next(value))).toEqual([
      0xffff_f000,
      2 ** 32 + 0x200,
    ]);
  });

  it('keeps packets that changed places where they belong, also around the wrap', () => {
    const sequence = new Unwrapper(16);
    expect([65_535, 1, 0, 65_534, 2].map((value) => sequence.next(value))).toEqual([
      65_535, 65_537, 65_536, 65_534, 65_538,
    ]);
    const start = new Unwrapper(16);
    expect([0, 65_535, 1].map((value) => start.next(value))).toEqual([0, -1, 1]);
  });

  it('tells of a value without going on from it', () => {
    const sequence = new Unwrapper(16);
    expect(sequence.peek(7)).toBe(7);
    sequence.next(65_000);
    expect(sequence.peek(20_000)).toBe(65_536 + 20_000);
    expect(sequence.next(64_000)).toBe(64_000);
  });

  it('gives any walk of steps below half the range back, but for its start', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff),
        fc.array(fc.integer({ min: -32_768, max: 32_767 }), { maxLength: 50 }),
        (start, steps) => {
          const unwrap = new Unwrapper(16);
          unwrap.next(start);
          let at = start;
          for (const step of steps) {
            at += step;
            expect(unwrap.next(((at % 65_536) + 65_536) % 65_536)).toBe(at);
          }
        },
      ),
    );
  });
});
