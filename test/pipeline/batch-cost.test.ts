import { describe, expect, it } from 'vitest';
import { BatchCost } from '../../src/pipeline/batch-cost.js';

/** Makes calls of as many pictures as are wanted and there are, and tells how many each held. */
function paint(cost: BatchCost, calls: number, us: (pictures: number, call: number) => number, there = 8) {
  return Array.from({ length: calls }, (_, call) => {
    const pictures = Math.min(there, cost.most);
    cost.record(pictures, us(pictures, call));
    return pictures;
  });
}
const last = (held: readonly number[]) => held.slice(-20);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

describe('the cost of calls', () => {
  it('begins with one picture in a call', () => {
    expect(new BatchCost().most).toBe(1);
  });

  it('stays at one where two take twice as long, and tries now and then', () => {
    // Times vary by a tenth here and there.
    const held = paint(
      new BatchCost(),
      600,
      (pictures, call) => pictures * (60_000 + 6000 * ((call * 7) % 3)),
    );
    expect(mean(held)).toBeLessThan(1.1);
    expect(Math.max(...held.slice(100))).toBe(2);
  });

  it('grows to what fills the engine', () => {
    const held = paint(new BatchCost(), 200, (pictures) => 3000 + 500 * pictures);
    expect(Math.max(...last(held))).toBe(8);
    expect(mean(last(held))).toBeGreaterThan(7);
  });

  it('stops where more pictures gain no more', () => {
    const held = paint(new BatchCost(), 400, (pictures) => Math.max(4000, 1000 * pictures));
    expect(mean(last(held))).toBeGreaterThan(3.5);
    expect(mean(last(held))).toBeLessThan(5);
  });

  it('goes back to one when calls become dear', () => {
    const cost = new BatchCost();
    paint(cost, 200, (pictures) => 3000 + 500 * pictures);
    const held = paint(cost, 2000, (pictures) => 3000 * pictures);
    expect(mean(last(held))).toBeLessThan(1.2);
  });

  it('is not misled by one call that took long', () => {
    const cost = new BatchCost();
    const held = paint(cost, 200, (pictures, call) => (call % 20 === 7 ? 1e6 : 3000 + 500 * pictures));
    expect(Math.max(...last(held))).toBe(8);
  });

  it('tells what a call will take and what a full one saves', () => {
    const cost = new BatchCost(8);
    expect([cost.most, cost.expected(1), cost.saved]).toEqual([8, undefined, 0]);
    cost.record(8, 16_000);
    expect(cost.expected(1)).toBe(2000);
    cost.record(1, 5000);
    expect([cost.expected(1), cost.expected(2), cost.expected(8)]).toEqual([5000, 10_000, 16_000]);
    expect(cost.saved).toBe(24_000);
  });
});
