import { describe, expect, it } from 'vitest';
import { Ladder, rungsOf } from '../../src/pipeline/ladder.js';

/** Runs a machine that paints full size in `fullMs` for some seconds at the source's pace, and takes `sameMs` besides. */
function runFor(
  ladder: Ladder,
  seconds: number,
  fullMs: number,
  from = 0,
  intervalMs = 40,
  sameMs = 0,
): { end: number; steps: number[] } {
  const steps: number[] = [];
  let now = from * 1000;
  while (now < (from + seconds) * 1000) {
    const paintMs = sameMs + fullMs * ladder.at.cost;
    now += Math.max(paintMs, intervalMs);
    if (ladder.observe({ paintMs, sameMs, intervalMs, now })) steps.push(ladder.rung);
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
    expect(100 * ladder.at.cost).toBeLessThan(40);
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

  it('sees that a larger picture fits where much of the time is the same on every rung', () => {
    // On the last rung a picture takes 22 ms, 12 of which are the same on all. Were it all painting, the next would take 34.
    const [part, all] = [new Ladder(), new Ladder()];
    for (const ladder of [part, all]) runFor(ladder, 10, 300);
    expect([part.rung, all.rung]).toEqual([3, 3]);
    runFor(part, 60, 40, 10, 40, 12);
    runFor(all, 60, 88, 10);
    expect(part.rung).toBe(2);
    expect(all.rung).toBe(3);
  });

  it('steps down further where much of the time is the same on every rung', () => {
    const [part, all] = [new Ladder(), new Ladder()];
    runFor(part, 10, 25, 0, 40, 24);
    runFor(all, 10, 49);
    expect(part.rung).toBeGreaterThan(all.rung);
  });

  it('goes on to a lighter model where the smallest picture is still too much', () => {
    const rungs = rungsOf([1, 0.3]);
    expect(rungs.map(({ scale, tier }) => [tier, scale])).toEqual([
      ...[
        [0, 1],
        [0, 0.75],
        [0, 0.625],
        [0, 0.5],
      ],
      ...[
        [1, 0.75],
        [1, 0.625],
        [1, 0.5],
      ],
    ]);
    const ladder = new Ladder(rungs);
    runFor(ladder, 30, 250);
    expect(ladder.at.tier).toBe(1);
    expect(250 * ladder.at.cost).toBeLessThan(40);
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
