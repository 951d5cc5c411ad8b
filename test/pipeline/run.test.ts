import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { BadInput, CannotWrite, Interrupted } from '../../src/errors.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { Meter } from '../../src/pipeline/meter.js';
import { run } from '../../src/pipeline/run.js';
import type { Stage } from '../../src/pipeline/stage.js';
import { CountingSource, gate, ListSink, tick } from './doubles.js';

const never = new AbortController().signal;
const stage = (name: string, run: Stage['run']): Stage => ({ name, run });
const brighten = stage('brighten', async (frame) =>
  frame.with({ ...frame, data: frame.data.map((byte) => byte + 1) }),
);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

afterEach(() => expect(framesAlive()).toBe(0));

describe('a run', () => {
  it('passes every frame through every stage in order and finishes the sink once', async () => {
    const sink = new ListSink();
    await run({ source: new CountingSource(50), stages: [brighten, brighten], sink, signal: never });
    expect(sink.times).toEqual(upTo(50).map((i) => i * 1000));
    expect(sink.bytes).toEqual(upTo(50).map((i) => i + 2));
    expect(sink.finished).toBe(1);
  });

  it('keeps the order when stages take longer for some frames than for others', async () => {
    const uneven = stage('uneven', async (frame) => {
      for (let i = 0; i < (frame.data[0]! * 7) % 5; i++) await tick();
      return frame.clone();
    });
    const sink = new ListSink((i) => (i % 3 ? tick() : Promise.resolve()));
    await run({ source: new CountingSource(60), stages: [uneven, uneven], sink, signal: never });
    expect(sink.bytes).toEqual(upTo(60));
  });

  it('works without any stage and without any frame', async () => {
    const sink = new ListSink();
    await run({ source: new CountingSource(3), stages: [], sink, signal: never });
    expect(sink.bytes).toEqual([0, 1, 2]);
    const empty = new ListSink();
    await run({ source: new CountingSource(0), stages: [brighten], sink: empty, signal: never });
    expect(empty.finished).toBe(1);
  });

  it('decodes the next frame and writes the last one while it paints, a few frames ahead at most', async () => {
    const source = new CountingSource(100);
    const painting = gate();
    const blocked = stage('paint', async (frame) => {
      if (frame.timestamp === 2000) await painting.passed;
      return frame.clone();
    });
    const sink = new ListSink();
    const done = run({ source, stages: [blocked], sink, signal: never });
    for (let i = 0; i < 20; i++) await tick();
    expect(sink.bytes).toEqual([0, 1]);
    expect(source.pulled).toBeGreaterThan(3);
    expect(source.pulled).toBeLessThanOrEqual(2 + 4);
    painting.open();
    await done;
    expect(sink.bytes).toEqual(upTo(100));
  });

  it('reads no further than the sink takes', async () => {
    const source = new CountingSource(100);
    const writing = gate();
    const sink = new ListSink(() => writing.passed);
    const done = run({ source, stages: [brighten], sink, signal: never });
    for (let i = 0; i < 20; i++) await tick();
    expect(source.pulled).toBeLessThanOrEqual(4);
    writing.open();
    await done;
  });

  it('measures decode, every stage, encode and finish, and counts frames', async () => {
    const meter = new Meter();
    const seen: number[] = [];
    await run({
      source: new CountingSource(5),
      stages: [brighten],
      sink: new ListSink(),
      signal: never,
      meter,
      onFrame: ({ frames }) => seen.push(frames),
    });
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(meter.report()).toMatchObject({ frames: 5, dropped: 0 });
    expect(Object.keys(meter.report().stages).sort()).toEqual(['brighten', 'decode', 'encode', 'finish']);
  });
});

describe('a stage that works on several frames at a time', () => {
  /** Notes which frames it begins and how many it has at once; the wait of each is up to the test. */
  function wide(width: () => number, wait: (value: number) => Promise<unknown>) {
    const begun: number[] = [];
    const seen = { now: 0, most: 0 };
    const it: Stage = {
      name: 'wide',
      get width() {
        return width();
      },
      async run(frame) {
        begun.push(frame.data[0]!);
        seen.most = Math.max(seen.most, ++seen.now);
        try {
          await wait(frame.data[0]!);
          return frame.clone();
        } finally {
          seen.now--;
        }
      },
    };
    return { it, begun, seen };
  }

  it('begins with frames in order and passes them on in order, whichever is done first', async () => {
    const first = gate();
    const {
      it: stage,
      begun,
      seen,
    } = wide(
      () => 3,
      (value) => (value === 0 ? first.passed : tick()),
    );
    const sink = new ListSink();
    const done = run({ source: new CountingSource(40), stages: [stage], sink, signal: never });
    for (let i = 0; i < 30; i++) await tick();
    expect(sink.bytes).toEqual([]);
    // One more than it says stands ready where the source can wait.
    expect(begun).toEqual([0, 1, 2, 3]);
    first.open();
    await done;
    expect(sink.bytes).toEqual(upTo(40));
    expect(begun).toEqual(upTo(40));
    expect(seen.most).toBe(4);
  });

  it('keeps order and number while its width changes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(4), { minLength: 1, maxLength: 40 }),
        fc.array(fc.nat(6), { minLength: 1, maxLength: 40 }),
        async (widths, waits) => {
          let asked = 0;
          const { it: stage, begun } = wide(
            () => widths[asked++ % widths.length]!,
            async (value) => {
              for (let i = 0; i < waits[value % waits.length]!; i++) await tick();
            },
          );
          const sink = new ListSink();
          await run({ source: new CountingSource(40), stages: [stage, brighten], sink, signal: never });
          expect(begun).toEqual(upTo(40));
          expect(sink.bytes).toEqual(upTo(40).map((i) => i + 1));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('gets a live frame as soon as it has room, and no sooner', async () => {
    const painting = gate();
    const { it: stage, begun } = wide(
      () => 2,
      () => painting.passed,
    );
    const sink = new ListSink();
    const source = new CountingSource(21, true, tick);
    const done = run({ source, stages: [stage], sink, signal: never });
    while (source.pulled < 20) await tick();
    expect(begun).toHaveLength(2);
    painting.open();
    await done;
    expect(sink.bytes.slice(0, 2)).toEqual(begun.slice(0, 2));
    expect(sink.bytes[2]).toBeGreaterThanOrEqual(19);
  });

  it('ends the run with what one of its frames fails on', async () => {
    const { it: stage } = wide(
      () => 3,
      async (value) => {
        for (let i = 0; i < 3; i++) await tick();
        if (value === 7) throw new BadInput('broken');
      },
    );
    const sink = new ListSink();
    const failing = run({ source: new CountingSource(40), stages: [stage], sink, signal: never });
    await expect(failing).rejects.toThrow('broken');
    expect(sink.bytes).toEqual(upTo(sink.bytes.length));
    expect(sink.finished).toBe(0);
  });
});

describe('a run of a live source', () => {
  it('loses old frames when the stages are too slow, counts them, and ends with the newest', async () => {
    const slow = stage('slow', async (frame) => {
      for (let i = 0; i < 6; i++) await tick();
      return frame.clone();
    });
    const meter = new Meter();
    const sink = new ListSink();
    await run({ source: new CountingSource(60, true, tick), stages: [slow], sink, signal: never, meter });
    expect(sink.bytes.length).toBeLessThan(30);
    expect(sink.bytes.length + meter.dropped).toBe(60);
    expect(sink.bytes.at(-1)).toBe(59);
    expect(sink.bytes).toEqual([...sink.bytes].sort((a, b) => a - b));
  });

  it('paints the newest frame there is when it becomes free', async () => {
    const painting = gate();
    const blocked = stage('paint', async (frame) => {
      if (frame.timestamp === 0) await painting.passed;
      return frame.clone();
    });
    const sink = new ListSink();
    const source = new CountingSource(21, true, tick);
    const done = run({ source, stages: [blocked], sink, signal: never });
    while (source.pulled < 20) await tick();
    painting.open();
    await done;
    expect(sink.bytes[1]).toBeGreaterThanOrEqual(19);
  });

  it('throws what the source throws', async () => {
    const source = new CountingSource(5, true, async (i) => {
      if (i === 3) throw new BadInput('The stream broke.');
    });
    const sink = new ListSink();
    await expect(run({ source, stages: [], sink, signal: never })).rejects.toThrow('The stream broke.');
    expect(sink.finished).toBe(0);
  });
});

describe('a run that fails', () => {
  const failing = {
    source: () => ({
      source: new CountingSource(20, false, async (i) => {
        if (i === 7) throw new BadInput('broken');
      }),
    }),
    stage: () => ({
      stages: [
        brighten,
        stage('bad', async (frame) => {
          if (frame.timestamp === 7000) throw new BadInput('broken');
          return frame.clone();
        }),
        brighten,
      ],
    }),
    sink: () => ({
      sink: new ListSink(async (i) => {
        if (i === 7) throw new CannotWrite('broken');
      }),
    }),
  };
  for (const [where, broken] of Object.entries(failing)) {
    it(`throws the error of its ${where}, finishes nothing and holds no frame`, async () => {
      const parts = { source: new CountingSource(20), stages: [brighten], sink: new ListSink(), ...broken() };
      await expect(run({ ...parts, signal: never })).rejects.toThrow('broken');
      expect(parts.sink.finished).toBe(0);
      expect(parts.sink.bytes.length).toBeLessThanOrEqual(7);
      expect(parts.source.closed).toBe(true);
    });
  }

  it('tells a source that waits for its next frame to stop', async () => {
    const stopped = (signal: AbortSignal) =>
      new Promise((resolve) => signal.addEventListener('abort', resolve));
    const source = new CountingSource(20, false, async (i, signal) => i < 2 || stopped(signal));
    const sink = new ListSink(async () => {
      throw new CannotWrite('disk full');
    });
    await expect(run({ source, stages: [], sink, signal: never })).rejects.toThrow('disk full');
    expect(source.closed).toBe(true);
  });

  it('does not wait for ever for a source that does not heed its signal', async () => {
    const source = new CountingSource(20, false, (i) => (i < 2 ? tick() : new Promise(() => {})));
    const control = new AbortController();
    const done = run({ source, stages: [], sink: new ListSink(), signal: control.signal });
    for (let i = 0; i < 10; i++) await tick();
    control.abort();
    await expect(done).rejects.toThrow(Interrupted);
  });
});

describe('an aborted run', () => {
  it('throws Interrupted, finishes nothing and holds no frame, wherever it was', async () => {
    for (const at of [0, 1, 5, 19]) {
      const control = new AbortController();
      const sink = new ListSink();
      const stopping = stage('stopping', async (frame) => {
        if (frame.timestamp === at * 1000) control.abort();
        return frame.clone();
      });
      const source = new CountingSource(20);
      const done = run({ source, stages: [stopping, brighten], sink, signal: control.signal });
      await expect(done).rejects.toThrow(Interrupted);
      expect(sink.finished).toBe(0);
      expect(sink.bytes.length).toBeLessThanOrEqual(at);
    }
  });

  it('does not begin when the signal has aborted already', async () => {
    const source = new CountingSource(20);
    const done = run({ source, stages: [], sink: new ListSink(), signal: AbortSignal.abort() });
    await expect(done).rejects.toThrow(Interrupted);
    expect(source.pulled).toBe(0);
  });

  it('passes on the reason when it is an error of ours', async () => {
    const signal = AbortSignal.abort(new Interrupted('The session was closed.'));
    const done = run({ source: new CountingSource(2), stages: [], sink: new ListSink(), signal });
    await expect(done).rejects.toThrow('The session was closed.');
  });

  it('ends a live run that waits for a frame', async () => {
    const control = new AbortController();
    const waiting = gate();
    const source = new CountingSource(20, true, (i) => (i < 3 ? tick() : waiting.passed));
    const done = run({ source, stages: [brighten], sink: new ListSink(), signal: control.signal });
    for (let i = 0; i < 10; i++) await tick();
    control.abort();
    waiting.open();
    await expect(done).rejects.toThrow(Interrupted);
  });
});
