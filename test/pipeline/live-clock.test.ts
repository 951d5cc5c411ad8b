import { describe, expect, it } from 'vitest';
import { ArrivalClock, PacedClock } from '../../src/pipeline/live-clock.js';
import { RateMeter } from '../../src/pipeline/rate-meter.js';
import { Timeline } from '../../src/pipeline/timeline.js';

describe('the clock of what arrives at its own pace', () => {
  it('knows nothing before the first arrival, which is now', () => {
    const clock = new ArrivalClock(() => 1_000_000);
    expect(clock.at(5)).toBeUndefined();
    clock.arrived(40_000);
    expect(clock.at(40_000)).toBe(1_000_000);
    expect(clock.at(80_000)).toBe(1_040_000);
  });

  it('takes the quickest arrival: a burst at the beginning adds no delay', () => {
    let now = 0;
    const clock = new ArrivalClock(() => now);
    for (let i = 0; i < 25; i++) {
      now = 1000 * i;
      clock.arrived(40_000 * i);
      expect(clock.at(40_000 * i)).toBe(now);
    }
    now += 60_000;
    clock.arrived(40_000 * 25);
    expect(clock.at(40_000 * 25)).toBe(24_000 + 40_000);
  });

  it('follows a publisher whose clock runs slow, little by little', () => {
    let now = 0;
    const clock = new ArrivalClock(() => now);
    for (let i = 0; i < 25 * 120; i++) {
      now = Math.round(i * 40_000 * 1.0002);
      clock.arrived(i * 40_000);
    }
    const media = 25 * 120 * 40_000;
    expect(now - clock.at(media)!).toBeLessThan(10_000);
  });

  it('takes over a delay that has come to stay', () => {
    let now = 0;
    const clock = new ArrivalClock(() => now);
    for (let i = 0; i < 25 * 20; i++) {
      now = i * 40_000 + (i > 100 ? 700_000 : 0);
      clock.arrived(i * 40_000);
    }
    expect(now - clock.at(25 * 20 * 40_000)!).toBeLessThan(50_000);
  });
});

describe('the clock of what is played', () => {
  it('begins with the first picture and keeps to it', () => {
    let now = 500;
    const clock = new PacedClock(() => now);
    clock.arrived();
    expect(clock.at(0)).toBeUndefined();
    clock.showing(80_000);
    now += 900_000;
    clock.showing(120_000);
    expect(clock.at(120_000)).toBe(40_500);
  });

  it('begins anew when pictures come much too late', () => {
    let now = 0;
    const clock = new PacedClock(() => now);
    clock.showing(0);
    now = 3_000_000;
    clock.showing(40_000);
    expect(clock.at(40_000)).toBe(3_000_000);
  });
});

describe('a timeline', () => {
  const packet = (time: number) => ({ decoded: time, shown: time, duration: 40_000 });

  it('leaves times alone that rise', () => {
    const line = new Timeline();
    for (const time of [5_000_000, 5_040_000, 5_100_000, 9_000_000])
      expect(line.shift(0, packet(time))).toBe(0);
  });

  it('goes on after a jump in either direction, for both streams alike', () => {
    for (const jump of [60_000_000, -4_000_000]) {
      const line = new Timeline();
      for (const time of [5_000_000, 5_040_000]) {
        line.shift(0, packet(time));
        line.shift(1, packet(time + 10_000));
      }
      const picture = line.shift(0, packet(5_080_000 + jump));
      expect(picture).toBe(-jump);
      expect(line.shift(1, packet(5_090_000 + jump))).toBe(picture);
      expect(line.shift(0, packet(5_120_000 + jump))).toBe(picture);
    }
  });

  it('puts a round after the latest end of the one before', () => {
    const line = new Timeline();
    for (const time of [1_000_000, 1_040_000]) line.shift(0, packet(time));
    line.shift(1, { decoded: 1_000_000, shown: 1_000_000, duration: 200_000 });
    line.again();
    expect(line.shift(0, packet(1_000_000))).toBe(200_000);
    expect(line.shift(1, packet(1_000_000))).toBe(200_000);
    line.again();
    expect(line.shift(0, packet(1_000_000))).toBe(240_000);
  });
});

describe('a rate', () => {
  it('is counted over the last seconds', () => {
    let now = 0;
    const meter = new RateMeter(() => now);
    expect(meter.rate).toBe(0);
    for (let i = 0; i < 250; i++) {
      now = i * 40_000;
      meter.add(1000);
    }
    expect(meter.rate).toBeCloseTo(25, 0);
    expect(meter.sum).toBeCloseTo(25_000, -3);
    now += 10_000_000;
    expect(meter.rate).toBe(0);
  });
});
