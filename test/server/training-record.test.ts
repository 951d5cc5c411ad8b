import { describe, expect, it } from 'vitest';
import { Curves } from '../../src/server/training-curves.js';
import { TrainingRecord } from '../../src/server/training-record.js';

const NOW = 1_000_000_000;
const record = (...events: (object | string)[]): TrainingRecord => {
  const made = new TrainingRecord();
  for (const event of events) made.take(typeof event === 'string' ? event : JSON.stringify(event));
  return made;
};
const step = (at: number, more: object = {}) => ({ event: 'step', step: at, total: at / 10, ...more });

describe('the record of a training', () => {
  it('holds what was learned, on what was trained and on what was held out', () => {
    const one = record(
      { event: 'begin', step: 0, steps: 40, at: '2026-01-02T03:04:05Z', options: { base: 8 } },
      { event: 'evaluation', step: 0, total: 9, unchanged: 5 },
      step(10, { norm: 3, seconds: 20, stepsPerSecond: 0.5, left: 60 }),
      { event: 'saved', step: 10, seconds: 21 },
    );
    expect(one.training.columns()).toEqual({
      steps: [10],
      values: { total: [1], norm: [3], stepsPerSecond: [0.5] },
    });
    expect(one.heldOut.columns()).toEqual({ steps: [0], values: { total: [9], unchanged: [5] } });
    expect(one.runs).toEqual([{ step: 0, at: '2026-01-02T03:04:05Z', options: { base: 8 } }]);
    expect(one.progress(NOW - 1000, NOW)).toMatchObject({
      ...{ state: 'running', step: 10, steps: 40, seconds: 20, stepsPerSecond: 0.5, left: 60, saved: 10 },
      ...{ skips: 0, unreadable: 0, changed: NOW - 1000 },
    });
  });

  it('joins runs: what a resumed one goes over again replaces what was there', () => {
    const first = [step(10), step(20), step(30), { event: 'evaluation', step: 30, total: 7 }, step(40)];
    const told = record(
      ...first,
      { event: 'begin', step: 20, steps: 60, options: { rate: 1 } },
      step(30, { total: 99 }),
    );
    expect(told.training.columns()).toEqual({ steps: [10, 20, 30], values: { total: [1, 2, 99] } });
    expect(told.heldOut.columns().steps).toEqual([]);
    expect(told.runs.map((run) => run.step)).toEqual([20]);
    // A log of before there was a line for it tells by its steps alone.
    const untold = record(...first, step(30, { total: 99 }));
    expect(untold.training.columns()).toEqual({ steps: [10, 20, 30], values: { total: [1, 2, 99] } });
    expect(untold.runs).toHaveLength(1);
  });

  it('says which change a page must be told of at all', () => {
    const one = new TrainingRecord();
    const take = (event: object) => one.take(JSON.stringify(event));
    expect(take({ event: 'begin', step: 0, steps: 9 })).toBe('anew');
    expect(take(step(10))).toEqual({ kind: 'training', step: 10, values: { total: 1 } });
    expect(take({ event: 'evaluation', step: 10, total: 4 })).toMatchObject({ kind: 'heldOut', step: 10 });
    expect(take({ event: 'saved', step: 10 })).toBeUndefined();
    expect(take(step(5))).toBe('anew');
  });

  it('counts skipped steps, and keeps a gap where a number is none', () => {
    const one = record(
      step(10),
      { event: 'skipped', step: 13, total: null, skips: 4 },
      step(20, { skips: 4 }),
    );
    expect(one.training.columns()).toEqual({ steps: [10, 13, 20], values: { total: [1, null, 2] } });
    expect(one.progress(NOW, NOW)).toMatchObject({ skips: 4, skipped: [13] });
  });

  it.each([
    ['nothing', [], 'waiting'],
    ['a line that was just written', [{ event: 'begin', step: 0, steps: 9 }], 'running'],
    [
      'every step and a checkpoint',
      [{ event: 'begin', step: 0, steps: 20 }, step(20), { event: 'saved', step: 20 }],
      'done',
    ],
    ['an end', [step(10), { event: 'end', step: 10, reason: 'done' }], 'done'],
    ['a stop', [step(10), { event: 'end', step: 10, reason: 'stopped' }], 'stopped'],
    ['a failure', [step(10), { event: 'end', step: 10, reason: 'failed' }], 'failed'],
    ['a stop and a resumption', [step(9), { event: 'end', step: 9, reason: 'stopped' }, step(10)], 'running'],
  ])('tells from %s how the training stands', (_, events, state) => {
    expect(record(...events).progress(NOW, NOW).state).toBe(state);
  });

  it('notices that nothing has come for long, by the pace at which it came before', () => {
    const quick = record(step(10, { seconds: 5 }), step(20, { seconds: 10 }));
    expect(quick.progress(NOW, NOW + 100_000).state).toBe('running');
    expect(quick.progress(NOW, NOW + 200_000).state).toBe('quiet');
    const slow = record(step(10, { seconds: 500 }), step(20, { seconds: 1000 }));
    expect(slow.progress(NOW, NOW + 200_000).state).toBe('running');
  });

  it('reckons the steps of the whole where the log does not tell', () => {
    expect(record(step(100, { stepsPerSecond: 2, left: 50 })).progress(NOW, NOW).steps).toBe(200);
    expect(record(step(100)).progress(NOW, NOW).steps).toBeNull();
  });

  it.each([
    'no json',
    '[1]',
    '7',
    'null',
    '{"event":"step"}',
    '{"event":"step","step":-1}',
    '{"event":"step","step":1.5}',
    '{"step":3}',
    '{"event":"step","step":"3"}',
  ])('counts %s as unreadable and goes on', (line) => {
    const one = record(line, '', step(10));
    expect(one.progress(NOW, NOW).unreadable).toBe(1);
    expect(one.training.columns().steps).toEqual([10]);
  });

  it('reads the line that was written behind one that a kill cut off', () => {
    const one = record(`{"event":"st${JSON.stringify(step(20))}`);
    expect(one.training.columns().steps).toEqual([20]);
    expect(one.progress(NOW, NOW).unreadable).toBe(0);
  });

  it('takes a bounded number of names, none of them dangerous', () => {
    const odd = `"__proto__":3,"constructor":4,"text":"x","${'l'.repeat(500)}":1,"group":{"a":4}`;
    const each = Array.from({ length: 500 }, (_, i) => ({ event: 'step', step: i + 2, [`n${i}`]: i }));
    const one = record(`{"event":"step","step":1,${odd}}`, ...each);
    const { values } = one.training.columns();
    expect(Object.keys(values)).toHaveLength(64);
    expect(Object.keys(values)).toEqual(expect.arrayContaining(['group/a', 'n0', 'n62']));
    expect(values['group/a']!.slice(0, 2)).toEqual([4, null]);
  });
});

describe('curves', () => {
  it('stay bounded and even, and keep their mean', () => {
    const curves = new Curves(100);
    for (let i = 1; i <= 12_345; i++) curves.push(i, { loss: i });
    const { steps, values } = curves.columns();
    expect(steps.length).toBeLessThanOrEqual(100);
    expect(steps.length).toBeGreaterThan(45);
    expect(steps.at(-1)).toBe(12_345);
    const gaps = steps.slice(1, -1).map((at, i) => at - steps[i]!);
    expect(new Set(gaps)).toEqual(new Set([128]));
    // A bin of 128 rows is at the last of their steps, and holds their mean.
    expect(values.loss!.slice(0, 3)).toEqual([64.5, 192.5, 320.5]);
  });

  it('take names that come later, and gaps, as gaps', () => {
    const curves = new Curves(3);
    curves.push(1, { a: 1 });
    curves.push(2, { a: null, b: 4 });
    expect(curves.columns()).toEqual({ steps: [1, 2], values: { a: [1, null], b: [null, 4] } });
    curves.push(3, { a: 3 });
    curves.push(4, { a: 5 });
    expect(curves.columns()).toEqual({ steps: [2, 4], values: { a: [1, 4], b: [4, null] } });
  });
});
