import { afterEach, describe, expect, it } from 'vitest';
import { Fanout } from '../../src/pipeline/fanout.js';
import { frame, framesAlive } from '../../src/pipeline/frame.js';
import { Meter } from '../../src/pipeline/meter.js';
import { run } from '../../src/pipeline/run.js';
import { gate, grey, ListSink, tick } from './doubles.js';

const signal = new AbortController().signal;
const picture = (number: number) => frame(grey(number), number * 1000);

afterEach(() => expect(framesAlive()).toBe(0));

describe('a fan-out', () => {
  it('gives every reader every frame that it is quick enough for', async () => {
    const fanout = new Fanout();
    const sinks = [new ListSink(), new ListSink()];
    const runs = sinks.map((sink) => run({ source: fanout.tap(), stages: [], sink, signal }));
    for (let i = 0; i < 5; i++) {
      await fanout.write(picture(i));
      await tick();
    }
    await fanout.finish();
    await Promise.all(runs);
    for (const sink of sinks) {
      expect(sink.bytes).toEqual([0, 1, 2, 3, 4]);
      expect(sink.finished).toBe(1);
    }
  });

  it('drops for a slow reader alone, oldest first, and counts exactly', async () => {
    const fanout = new Fanout();
    const { open, passed } = gate();
    const slow = new ListSink((i) => (i === 0 ? passed : Promise.resolve()));
    const quick = new ListSink();
    const meter = new Meter();
    const tap = fanout.tap();
    const runs = [
      run({ source: tap, stages: [], sink: slow, signal, meter }),
      run({ source: fanout.tap(), stages: [], sink: quick, signal }),
    ];
    for (let i = 0; i < 10; i++) {
      await fanout.write(picture(i));
      await tick();
    }
    expect(quick.bytes).toHaveLength(10);
    open();
    await fanout.finish();
    await Promise.all(runs);
    expect(slow.bytes.at(-1)).toBe(9);
    expect(slow.bytes).toEqual([...slow.bytes].sort((a, b) => a - b));
    expect(tap.taken).toBe(10);
    expect(slow.bytes.length + meter.dropped).toBe(10);
  });

  it('shows a late reader the newest frame at once where it asks', async () => {
    const fanout = new Fanout();
    await fanout.write(picture(7));
    const sink = new ListSink();
    const reading = run({ source: fanout.tap({ primed: true }), stages: [], sink, signal });
    await tick();
    expect(sink.bytes).toEqual([7]);
    await fanout.finish();
    await reading;
  });

  it('lets a reader go without a trace, and gives nothing to readers after its end', async () => {
    const fanout = new Fanout();
    const tap = fanout.tap();
    await fanout.write(picture(1));
    await tap[Symbol.asyncDispose]();
    expect(fanout.readers).toBe(0);
    await fanout.finish();
    await fanout.finish();
    await fanout.write(picture(2));
    const sink = new ListSink();
    await run({ source: fanout.tap({ primed: true }), stages: [], sink, signal });
    expect(sink.bytes).toEqual([]);
    expect(fanout.last()).toBeUndefined();
  });

  it('knows the pace of what it offers', async () => {
    const fanout = new Fanout();
    const tap = fanout.tap();
    for (let i = 0; i < 20; i++) await fanout.write(frame(grey(0), i * 40_000));
    expect(tap.interval).toBeCloseTo(40, 6);
    await tap[Symbol.asyncDispose]();
    await fanout.finish();
  });
});
