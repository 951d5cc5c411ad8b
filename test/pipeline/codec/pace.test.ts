import { describe, expect, it } from 'vitest';
import { Pace } from '../../../src/pipeline/codec/pace.js';

/** Notes so many frames, `step` microseconds apart. */
function run(pace: Pace, frames: number, step: number, from = 0): number {
  for (let i = 0; i < frames; i++) pace.note(from + i * step);
  return from + (frames - 1) * step;
}

describe('the pace', () => {
  it('is 1 while frames come as expected, and does not tremble', () => {
    const pace = new Pace(30);
    for (let i = 0; i < 100; i++) {
      pace.note(i * 33_333 + (i % 2) * 5000);
      expect(pace.stretch).toBe(1);
    }
  });

  it('follows slower and faster frames', () => {
    const pace = new Pace(30);
    const end = run(pace, 60, 66_667);
    expect(pace.stretch).toBeGreaterThan(1.8);
    run(pace, 120, 16_667, end + 16_667);
    expect(pace.stretch).toBeLessThan(0.6);
  });

  it('takes a pause for no pace, and times that stand still for nothing', () => {
    const pace = new Pace(30);
    const end = run(pace, 30, 33_333);
    pace.note(end + 60_000_000);
    expect(pace.stretch).toBeLessThan(2);
    run(pace, 40, 33_333, end + 60_033_333);
    expect(pace.stretch).toBeLessThan(1.2);
    run(pace, 10, 0, end + 70_000_000);
    run(pace, 10, -1000, end + 70_000_000);
    expect(pace.stretch).toBeGreaterThan(0.5);
  });
});
