import { describe, expect, it } from 'vitest';
import { HitRate } from '../../src/pipeline/hit-rate.js';

describe('the hit rate', () => {
  it('is the share in time of what came over the last seconds, and unknown while nothing comes', () => {
    let now = 0;
    const rate = new HitRate(() => now);
    let [came, hits] = [0, 0];
    const second = (share: number) => {
      for (let i = 0; i < 20; i++) {
        now += 50_000;
        came++;
        if (i < 20 * share) hits++;
        rate.note(came, hits);
      }
    };
    expect(rate.share(0, 0)).toBeUndefined();
    for (let i = 0; i < 5; i++) second(1);
    expect(rate.share(came, hits)).toBe(1);
    for (let i = 0; i < 5; i++) second(0.5);
    expect(rate.share(came, hits)).toBeCloseTo(0.5, 1);
    for (let i = 0; i < 5; i++) second(0);
    expect(rate.share(came, hits)).toBe(0);
    now += 10_000_000;
    expect(rate.share(came, hits)).toBeUndefined();
    expect(rate.share(came + 1, hits + 1)).toBe(1);
  });

  it('falls while frames come and none is handed on', () => {
    let now = 0;
    const rate = new HitRate(() => now);
    for (let i = 1; i <= 40; i++) {
      now += 50_000;
      rate.note(i, i);
    }
    now += 2_000_000;
    expect(rate.share(80, 40)).toBeLessThan(0.6);
  });
});
