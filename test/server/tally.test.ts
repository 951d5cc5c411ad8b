import { afterEach, describe, expect, it } from 'vitest';
import { type Frame, frame, framesAlive } from '../../src/pipeline/frame.js';
import { Tally } from '../../src/server/tally.js';
import { grey } from '../pipeline/doubles.js';

afterEach(() => expect(framesAlive()).toBe(0));

function tallied(maxAge: number) {
  const state = { now: 5_000_000, came: 0, maxAge, newer: true };
  const tally = new Tally({
    maxAge: () => state.maxAge,
    came: () => state.came,
    newer: () => state.newer,
    now: () => state.now,
  });
  /** A frame that came so many milliseconds ago. */
  const aged = <T>(ms: number, use: (one: Frame) => T): T => {
    using one = frame(grey(1), state.now - ms * 1000);
    return use(one);
  };
  return { state, tally, aged };
}

describe('a tally', () => {
  it('wants frames by their age, as it is set now', () => {
    const { state, tally, aged } = tallied(250);
    expect(aged(100, (one) => tally.due(one)).deadline).toBe(state.now + 150_000);
    state.maxAge = 50;
    expect(aged(100, (one) => tally.due(one)).deadline).toBe(state.now - 50_000);
  });

  it('lets frames lapse for newer ones while the stream moves, and none that would be missed', () => {
    const { state, tally, aged } = tallied(250);
    const lapses = () => aged(0, (one) => tally.due(one).lapses?.());
    expect(lapses()).toBe(false);
    aged(0, (one) => tally.handOn(one));
    expect(lapses()).toBe(true);
    state.newer = false;
    expect(lapses()).toBe(false);
    state.newer = true;
    state.now += 999_999;
    expect(lapses()).toBe(true);
    state.now += 1;
    expect(lapses()).toBe(false);
  });

  it('counts what was in time, what was not, and what was dropped', () => {
    const { state, tally, aged } = tallied(250);
    expect(tally.hitRate).toBeUndefined();
    for (const ms of [10, 250, 251, 600]) {
      state.came++;
      aged(ms, (one) => tally.handOn(one));
    }
    state.came += 4;
    tally.dropLate();
    expect(tally.counts).toEqual({ painted: 4, onTime: 2, failed: 0, late: 1 });
    expect(tally.hitRate).toBe(0.25);
  });
});
