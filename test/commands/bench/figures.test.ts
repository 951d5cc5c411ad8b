import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flopsOf, productFlops } from '../../../src/commands/bench/arithmetic.js';
import { tableOf as crowdTable, linesOf } from '../../../src/commands/bench/crowd.js';
import { type Entry, groupOf, tableOf } from '../../../src/commands/bench/group.js';
import type { Outcome } from '../../../src/commands/bench/interleave.js';
import { differenceOf, drawing, showsTheSame } from '../../../src/commands/bench/picture.js';
import { overRuns, stepsOf } from '../../../src/commands/bench/start.js';
import { quantile, ratesOf, summarise } from '../../../src/commands/bench/statistics.js';
import { digits, markdown, plain } from '../../../src/commands/bench/table.js';
import { toldOf } from '../../../src/commands/bench/transcode.js';
import { metaNet } from '../../../src/models/nets/metanet.js';
import { transformNet } from '../../../src/models/nets/transform.js';

describe('statistics', () => {
  it('finds quartiles between the values', () => {
    expect(summarise([4, 1, 3, 2])).toEqual({ median: 2.5, q1: 1.75, q3: 3.25, least: 1, count: 4 });
    expect(summarise([7])).toEqual({ median: 7, q1: 7, q3: 7, least: 7, count: 1 });
  });

  it('never leaves the range of the values, whatever their order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const { median, q1, q3, least } = summarise(values);
        expect(least).toBe(Math.min(...values));
        expect(q1).toBeGreaterThanOrEqual(least);
        expect(median).toBeGreaterThanOrEqual(q1);
        expect(q3).toBeGreaterThanOrEqual(median);
        expect(q3).toBeLessThanOrEqual(Math.max(...values));
        expect(quantile([...values].reverse(), 0.5)).toBe(median);
      }),
    );
  });

  it('turns times into rates with the quartiles in order', () => {
    expect(ratesOf(summarise([10, 20, 40]))).toEqual({ median: 50, q1: 1000 / 30, q3: 1000 / 15 });
  });
});

describe('useful arithmetic', () => {
  it('counts a TransformNet as networks are counted: 2 x multiply-adds of its convolutions', () => {
    const pixels = 640 * 360;
    const base = 8;
    // Channels in x channels out x filter x the share of the pixels that comes out.
    const perPixel =
      3 * base * 81 +
      (base * 2 * base * 9) / 4 +
      (2 * base * 4 * base * 9) / 16 +
      (10 * (4 * base) ** 2 * 9) / 16 +
      (4 * base * 2 * base * 9) / 4 +
      2 * base * base * 9 +
      base * 3 * 81;
    expect(flopsOf(transformNet({ base }), { width: 640, height: 360 })).toBe(2 * pixels * perPixel);
    expect(flopsOf(transformNet({ base }), { width: 640, height: 360 }) / 1e9).toBeCloseTo(5.8, 1);
  });

  it('grows with the pixels, and does not care where weights come from', () => {
    const net = transformNet({ base: 32 });
    const small = flopsOf(net, { width: 256, height: 256 });
    expect(flopsOf(net, { width: 512, height: 256 })).toBe(2 * small);
    expect(flopsOf(transformNet({ base: 32, generated: 'none' }), { width: 256, height: 256 })).toBe(small);
    expect(small / 1e9).toBeGreaterThan(15);
  });

  it('counts dense layers, and the product of matrices', () => {
    const transform = transformNet({ base: 2 });
    const meta = metaNet(transform);
    const size = { width: 64, height: 64 };
    const dense = meta.nodes.flatMap((node) =>
      node.op === 'dense' ? [meta.params[node.weight]!.shape] : [],
    );
    const convs = { ...meta, nodes: meta.nodes.filter(({ op }) => op !== 'dense' && op !== 'slice') };
    const until = convs.nodes.findIndex(({ op }) => op === 'meanStd');
    const trunk = { ...convs, nodes: convs.nodes.slice(0, Math.max(0, until)) };
    const denseFlops = dense.reduce((sum, [out, inputs]) => sum + 2 * out! * inputs!, 0);
    expect(dense.length).toBeGreaterThan(1);
    expect(flopsOf(meta, size)).toBeGreaterThanOrEqual(flopsOf(trunk, size) + denseFlops);
    expect(productFlops(1024)).toBe(2 * 1024 ** 3);
  });
});

describe('what was painted', () => {
  it('tells pictures apart', () => {
    const picture = drawing({ width: 32, height: 16 }).data;
    expect(differenceOf(picture, picture)).toEqual({ max: 0, mean: 0 });
    expect(differenceOf(Uint8Array.of(1, 2, 3, 4), Uint8Array.of(1, 2, 3, 8))).toEqual({ max: 4, mean: 1 });
    expect(differenceOf(picture, picture.slice(1)).mean).toBe(255);
    expect(showsTheSame(differenceOf(picture, drawing({ width: 32, height: 16 }, 9).data))).toBe(false);
    expect(showsTheSame({ max: 2, mean: 0.3 })).toBe(true);
  });
});

const measured = (...times: number[]): Outcome => ({
  kind: 'measured',
  rounds: new Map(times.map((ms, round) => [round, ms])),
  ms: summarise(times),
});

const entry = (name: string, more: Partial<Entry> = {}): Entry => ({
  contender: { name, run: async () => undefined },
  kind: 'engine',
  device: 'processor',
  flops: 1e9,
  ...more,
});

describe('a comparison', () => {
  const same = { max: 1, mean: 0.001 };
  const group = groupOf(
    { base: 8, size: '64x64', flops: 1e9 },
    [
      entry('ours', { difference: same }),
      entry('wrong', { difference: { max: 90, mean: 12 } }),
      entry('theirs', { kind: 'opponent', difference: same }),
      entry('late', { kind: 'opponent' }),
      entry('slow product', { kind: 'product', flops: 2e9 }),
      entry('product', { kind: 'product', flops: 2e9 }),
      entry('other product', { kind: 'product', device: 'graphics processor', flops: 4e12 }),
    ],
    [
      measured(10, 11, 12),
      measured(1, 1, 1),
      measured(40, 44, 48),
      { kind: 'skipped', estimateMs: 9e3, why: 'would take 9 s each time' },
      measured(30, 30, 30),
      measured(10, 11, 12),
      measured(1, 1, 1),
    ],
  );
  const line = (name: string) => group.lines.find((one) => one.name === name)!;

  it('holds everyone against the fastest engine that paints the right picture', () => {
    expect(group.best).toBe('ours');
    expect(line('ours').timesAsLong).toBe(1);
    expect(line('theirs').timesAsLong).toBe(4);
    expect(line('wrong').same).toBe(false);
  });

  it('holds useful arithmetic against the faster dense product of the same device', () => {
    expect(group.ceilings.processor).toBeCloseTo(2e9 / 11 / 1e6);
    expect(line('ours').gflops).toBeCloseTo(1e9 / 11 / 1e6);
    expect(line('ours').share).toBeCloseTo(0.5);
    expect(line('product').share).toBe(1);
  });

  it('says why there are no figures', () => {
    expect(line('late')).toEqual({
      ...{ name: 'late', kind: 'opponent' },
      missing: 'skipped: would take 9 s each time',
    });
  });

  it('is a table with a line for each, for a terminal and for a page', () => {
    const table = tableOf(group);
    const page = markdown(table);
    expect(page[0]).toBe('**base 8, 64x64, 1.00 GFLOP a picture**');
    expect(page.slice(2)).toHaveLength(2 + group.lines.length);
    for (const row of page.slice(2)) expect(row.split('|')).toHaveLength(table.columns.length + 2);
    expect(page.join('\n')).toContain('| wrong | 1000 |');
    expect(page.join('\n')).toContain('(another!)');
    const terminal = plain(table);
    expect(terminal).toHaveLength(2 + group.lines.length);
    expect(terminal.find((row) => row.startsWith('theirs'))).toMatch(/22\.7 .* 4\.00 /);
  });

  it('ranks nobody where no engine painted', () => {
    const lost = groupOf({ base: 8, size: 'x', flops: 1 }, [entry('a')], [{ kind: 'failed', why: 'no' }]);
    expect(lost.best).toBeUndefined();
    expect(lost.lines).toEqual([{ name: 'a', kind: 'engine', missing: 'failed: no' }]);
  });
});

describe('figures of the other parts', () => {
  it('tells the throughput of a crowd as a share of another', () => {
    const lines = linesOf([
      { name: 'one', frames: 4, outcome: measured(40, 40, 40) },
      { name: 'eight', frames: 8, against: 'one', outcome: measured(100, 100, 100) },
      { name: 'lost', frames: 8, against: 'one', outcome: { kind: 'failed', why: 'no' } },
    ]);
    expect(lines[0]).toEqual({ name: 'one', fps: 100, quartiles: [100, 100] });
    expect(lines[1]).toMatchObject({ name: 'eight', fps: 80, against: 'one', share: 0.8 });
    expect(lines[2]).toEqual({ name: 'lost', missing: 'failed: no' });
    expect(crowdTable('x', lines).rows[1]).toEqual(['eight', '80.0', '80.0–80.0', '80 %', 'one']);
  });

  it('tells what each step of a start took', () => {
    const steps = stepsOf({ node: 40, modules: 100, 'first picture': 250 });
    expect(steps).toEqual({ node: 40, modules: 60, 'first picture': 150, whole: 250 });
    const over = overRuns([steps, steps]);
    expect(Object.keys(over)).toEqual(Object.keys(steps));
    expect(over.modules).toEqual({ median: 60, q1: 60, q3: 60, least: 60, count: 2 });
  });

  it('tells how well the stages of a file overlap, by the one that was busy for longest', () => {
    const stages = { decode: 2, paint: 160, encode: 10, finish: 500 };
    const busy = { decode: 0.2, paint: 8, encode: 1, finish: 0.5 };
    expect(toldOf({ fps: 10, seconds: 8.8, stages, busy }).overlap).toBeCloseTo(1.1);
    expect(toldOf({ fps: 10, seconds: 1, stages, busy: {} }).overlap).toBe(1);
  });

  it('shows numbers with three digits', () => {
    expect([0.1234, 1.234, 12.34, 123.4, 1234.5].map(digits)).toEqual([
      '0.123',
      '1.23',
      '12.3',
      '123',
      '1235',
    ]);
  });
});
