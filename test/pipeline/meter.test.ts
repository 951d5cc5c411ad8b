import { describe, expect, it } from 'vitest';
import { Meter } from '../../src/pipeline/meter.js';
import { tick } from './doubles.js';

describe('the meter', () => {
  it('starts at nothing', () => {
    const meter = new Meter();
    expect(meter.report()).toMatchObject({ frames: 0, dropped: 0, stages: {} });
    expect(meter.recentFps).toBe(0);
  });

  it('gives the mean time per call of each step, failed calls among them, as plain JSON', async () => {
    const meter = new Meter();
    expect(await meter.measure('paint', async () => 7)).toBe(7);
    await expect(meter.measure('paint', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const report = meter.report();
    expect(report.stages.paint).toBeGreaterThanOrEqual(0);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('counts the time in which a step works on several frames once', async () => {
    const meter = new Meter();
    const ticks = (count: number) => async () => {
      for (let i = 0; i < count; i++) await tick();
    };
    await Promise.all([200, 300, 100].map((count) => meter.measure('paint', ticks(count))));
    await meter.measure('paint', ticks(100));
    meter.stop();
    const { stages, busy, seconds } = meter.report();
    expect(busy.paint).toBeGreaterThan(0);
    expect(busy.paint).toBeLessThanOrEqual(seconds);
    // Four calls took longer in all than the time in which there was one.
    expect(4 * stages.paint!).toBeGreaterThan(1000 * busy.paint!);
  });

  it('counts frames and their pace', async () => {
    const meter = new Meter();
    for (let i = 0; i < 100; i++) {
      await tick();
      meter.count();
    }
    expect(meter.report().frames).toBe(100);
    expect(meter.recentFps).toBeGreaterThan(0);
  });

  it('stops its clock', async () => {
    const meter = new Meter();
    meter.stop();
    const { seconds } = meter.report();
    for (let i = 0; i < 50; i++) await tick();
    meter.stop();
    expect(meter.report().seconds).toBe(seconds);
  });
});
