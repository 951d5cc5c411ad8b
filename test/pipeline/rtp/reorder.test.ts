import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Reorder, type ReorderOptions, type Timing } from '../../../src/pipeline/rtp/reorder.js';

interface Numbered {
  readonly sequence: number;
}

/** Time that passes when told to. */
class Clock implements Timing {
  #now = 0;
  readonly calls = new Set<{ at: number; call: () => void }>();
  now = () => this.#now;
  after = (ms: number, call: () => void) => {
    const planned = { at: this.#now + ms, call };
    this.calls.add(planned);
    return () => void this.calls.delete(planned);
  };
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.calls].sort((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      this.calls.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.call();
    }
    this.#now = end;
  }
}

function setup(options: Partial<ReorderOptions<Numbered>> = {}) {
  const clock = new Clock();
  const out: (number | string)[] = [];
  const reorder = new Reorder<Numbered>({
    onPacket: ({ sequence }) => out.push(sequence),
    onLoss: (count) => out.push(`lost ${count}`),
    timing: clock,
    ...options,
  });
  return {
    clock,
    out,
    reorder,
    push: (...all: number[]) => {
      for (const sequence of all) reorder.push({ sequence });
    },
  };
}

describe('the reorder buffer', () => {
  it('passes what comes in order at once, over the wrap too, and keeps no timer', () => {
    const { clock, out, push } = setup();
    push(65_534, 65_535, 0, 1);
    expect(out).toEqual([65_534, 65_535, 0, 1]);
    expect(clock.calls.size).toBe(0);
  });

  it('waits at a gap for the missing packet', () => {
    const { clock, out, push, reorder } = setup();
    push(65_534, 0, 1);
    expect(out).toEqual([65_534]);
    clock.pass(149);
    push(65_535);
    expect(out).toEqual([65_534, 65_535, 0, 1]);
    expect(clock.calls.size).toBe(0);
    expect(reorder.lost).toBe(0);
  });

  it('goes on without it after a while, also when nothing comes any more', () => {
    const { clock, out, push, reorder } = setup();
    push(10, 13, 14);
    clock.pass(150);
    expect(out).toEqual([10, 'lost 2', 13, 14]);
    push(11, 15);
    expect(out).toEqual([10, 'lost 2', 13, 14, 15]);
    expect(reorder).toMatchObject({ lost: 2, late: 1 });
  });

  it('gives each gap its own time', () => {
    const { clock, out, push } = setup();
    push(1, 3);
    clock.pass(100);
    push(5);
    clock.pass(60);
    expect(out).toEqual([1, 'lost 1', 3]);
    clock.pass(90);
    expect(out).toEqual([1, 'lost 1', 3, 'lost 1', 5]);
    expect(clock.calls.size).toBe(0);
  });

  it('drops what comes twice', () => {
    const { out, push, reorder } = setup();
    push(1, 1, 3, 3, 2, 2);
    expect(out).toEqual([1, 2, 3]);
    expect(reorder.late).toBe(3);
  });

  it('holds no more than so many packets', () => {
    const { out, push } = setup({ limit: 4 });
    push(1, 3, 4, 5);
    expect(out).toEqual([1]);
    push(7);
    expect(out).toEqual([1, 'lost 1', 3, 4, 5]);
  });

  it('starts again when the publisher does, but not for one stray packet', () => {
    const { out, push, reorder } = setup();
    push(100, 101, 30_000, 102);
    expect(out).toEqual([100, 101, 102]);
    push(30_000, 30_001, 30_002);
    expect(out).toEqual([100, 101, 102, 'lost 0', 30_000, 30_001, 30_002]);
    push(103, 30_003);
    expect(out.at(-1)).toBe(30_003);
    expect(reorder.lost).toBe(0);
  });

  it('is quiet once disposed, whatever still comes, also when disposed by its own call', () => {
    const { clock, out, push, reorder } = setup();
    push(1, 3);
    reorder[Symbol.dispose]();
    expect(clock.calls.size).toBe(0);
    push(2, 4);
    clock.pass(1000);
    expect(out).toEqual([1]);

    const seen: number[] = [];
    const own: Reorder<Numbered> = new Reorder<Numbered>({
      onPacket: ({ sequence }) => {
        seen.push(sequence);
        if (sequence === 2) own[Symbol.dispose]();
      },
      onLoss: () => undefined,
    });
    for (const sequence of [1, 3, 2]) own.push({ sequence });
    expect(seen).toEqual([1, 2]);
  });

  describe('by the real clock', () => {
    afterEach(() => void vi.useRealTimers());
    it('closes a gap in time and leaves no timer behind', () => {
      vi.useFakeTimers();
      const out: number[] = [];
      const reorder = new Reorder<Numbered>({
        onPacket: ({ sequence }) => out.push(sequence),
        onLoss: () => undefined,
      });
      reorder.push({ sequence: 1 });
      reorder.push({ sequence: 3 });
      expect(vi.getTimerCount()).toBe(1);
      vi.advanceTimersByTime(200);
      expect(out).toEqual([1, 3]);
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it('whatever comes: packets rise, all are passed, lost or late, and no timer stays', () => {
    const arrivals = fc.array(fc.record({ step: fc.integer({ min: -8, max: 12 }), wait: fc.nat(80) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(fc.nat(0xffff), arrivals, (start, steps) => {
        const { clock, out, push, reorder } = setup({ limit: 16 });
        push(start);
        let at = start;
        for (const { step, wait } of steps) {
          at += step;
          push(((at % 65_536) + 65_536) % 65_536);
          clock.pass(wait);
        }
        clock.pass(10_000);
        expect(clock.calls.size).toBe(0);
        const passed = out.filter((item) => typeof item === 'number');
        expect(passed.length + reorder.late).toBe(steps.length + 1);
        const last = passed.at(-1)!;
        expect((passed.length + reorder.lost) % 65_536).toBe((last - start + 1 + 65_536) % 65_536);
        for (const [i, sequence] of passed.entries())
          if (i > 0) expect((sequence - passed[i - 1]! + 65_536) % 65_536).toBeLessThan(32_768);
      }),
    );
  });
});
