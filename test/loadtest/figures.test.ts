import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Durations, spreadOf } from '../../src/loadtest/figures.js';
import { Growth, readSamples } from '../../src/loadtest/prometheus.js';

const times = fc.array(fc.double({ min: 0.2, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 });
const filled = (values: readonly number[]) => {
  const durations = new Durations();
  for (const value of values) durations.add(value);
  return durations;
};

describe('durations', () => {
  it('give percentiles to one per cent', () => {
    fc.assert(
      fc.property(times, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
        const exact = [...values].sort((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;
        const found = filled(values).quantile(share)!;
        expect(found).toBeGreaterThanOrEqual(exact * 0.9999);
        expect(found).toBeLessThanOrEqual(exact * 1.0101);
      }),
    );
  });

  it('add up to those of all together', () => {
    fc.assert(
      fc.property(times, times, (one, other) => {
        const sum = filled(one);
        sum.merge(filled(other));
        expect(sum.timing()).toEqual(filled([...one, ...other]).timing());
      }),
    );
  });

  it('are nothing while there are none, and leave out what is no duration', () => {
    const durations = filled([Number.NaN, -1, Number.POSITIVE_INFINITY]);
    expect(durations.timing()).toEqual({ count: 0 });
    expect(durations.quantile(0.5)).toBeUndefined();
    durations.add(5);
    durations.clear();
    expect(durations.timing()).toEqual({ count: 0 });
  });
});

describe('a spread', () => {
  it('is least, middle and greatest', () => {
    expect(spreadOf([25, 5, 10, 20])).toEqual({ min: 5, median: 15, max: 25 });
    expect(spreadOf([7])).toEqual({ min: 7, median: 7, max: 7 });
    expect(spreadOf([])).toBeUndefined();
  });
});

describe("a server's numbers", () => {
  const text = `# HELP x y
livebrush_frames_dropped_total{stream="a",reason="busy"} 3
livebrush_frames_dropped_total{stream="a",reason="late"} 1
livebrush_frames_dropped_total{reason="busy",stream="b"} 9
process_cpu_seconds_total 1.5
nonsense
odd{quote="say \\"hi\\", {x}"} 4
broken{ 3
notanumber x
`;

  it('are read with their labels, and what is damaged is left out', () => {
    const samples = readSamples(text);
    expect(samples.map(({ name, value }) => [name, value])).toEqual([
      ...[3, 1, 9].map((value) => ['livebrush_frames_dropped_total', value]),
      ['process_cpu_seconds_total', 1.5],
      ['odd', 4],
    ]);
    expect(samples[0]!.labels).toEqual({ stream: 'a', reason: 'busy' });
  });

  it('grow from one reading to the next, whatever the order of their labels', () => {
    const after = text
      .replace('reason="busy",stream="b"} 9', 'stream="b",reason="busy"} 12')
      .replace('total{stream="a",reason="late"} 1', 'total{stream="a",reason="late"} 5');
    const growth = new Growth(readSamples(text), readSamples(`${after}new_total{stream="a"} 2\n`));
    const dropped = growth.of('livebrush_frames_dropped_total', { stream: 'a' });
    expect(dropped.map(({ labels, value }) => [labels.reason, value])).toEqual([
      ['busy', 0],
      ['late', 4],
    ]);
    expect(growth.sum('livebrush_frames_dropped_total')).toBe(7);
    expect(growth.sum('new_total', { stream: 'a' })).toBe(2);
    expect(growth.sum('new_total', { stream: 'b' })).toBeUndefined();
  });
});
