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
