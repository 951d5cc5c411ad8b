import { describe, expect, it } from 'vitest';
import { Ladder } from '../../src/pipeline/ladder.js';

/** Runs a machine that paints full size in `fullMs` for some seconds at the source's pace. */
function runFor(
  ladder: Ladder,
  seconds: number,
  fullMs: number,
  from = 0,
  intervalMs = 40,
): { end: number; steps: number[] } {
  const steps: number[] = [];
  let now = from * 1000;
  while (now < (from + seconds) * 1000) {
    const paintMs = fullMs * ladder.scale ** 2;
    now += Math.max(paintMs, intervalMs);
    if (ladder.observe({ paintMs, intervalMs, now })) steps.push(ladder.rung);
  }
  return { end: now / 1000, steps };
}

describe('the ladder', () => {
  it('stays at full size where painting keeps up', () => {
    const ladder = new Ladder();
    expect(runFor(ladder, 60, 35).steps).toEqual([]);
  });

  it('steps down at once as far as it takes, and stays there', () => {
    const ladder = new Ladder();
    const { steps } = runFor(ladder, 60, 100);
    expect(steps).toHaveLength(1);
    expect(100 * ladder.scale ** 2).toBeLessThan(40);
  });

  it('does not step down for a hiccup shorter than its patience', () => {
    const ladder = new Ladder();
    const { end } = runFor(ladder, 5, 30);
    const hiccup = runFor(ladder, 1, 60, end);
    expect(hiccup.steps).toEqual([]);
    expect(runFor(ladder, 10, 30, hiccup.end).steps).toEqual([]);
  });

  it('steps up again, rung by rung, once there is room', () => {
    const ladder = new Ladder();
    const { end } = runFor(ladder, 10, 100);
    const low = ladder.rung;
    expect(low).toBeGreaterThan(0);
    const { steps } = runFor(ladder, 60, 20, end);
    expect(steps).toEqual(Array.from({ length: low }, (_, i) => low - 1 - i));
  });

  it('lets a fast source lose frames rather than size, as long as enough are left', () => {
    const ladder = new Ladder();
    expect(runFor(ladder, 30, 38, 0, 1000 / 60).steps).toEqual([]);
  });

  it('tries less and less often where stepping up never lasts', () => {
    // The estimate promises room on the upper rung, and the machine does not keep the promise.
    const ladder = new Ladder();
    let now = 0;
    const ups: number[] = [];
    while (now < 300_000) {
      const paintMs = ladder.rung === 0 ? 60 : 12;
      now += 40;
      const before = ladder.rung;
      if (ladder.observe({ paintMs, intervalMs: 40, now }) && ladder.rung < before && ladder.rung === 0)
        ups.push(now);
    }
    const waits = ups.slice(1).map((at, i) => at - ups[i]!);
    expect(waits.length).toBeGreaterThan(2);
    expect(waits.at(-1)!).toBeGreaterThan(2 * waits[0]!);
  });
});
