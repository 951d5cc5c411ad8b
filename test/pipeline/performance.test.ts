import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { playCues, readCues } from '../../src/pipeline/cues.js';
import { type Mood, mixOf } from '../../src/pipeline/look.js';
import { type AppliedChange, Performance, type PlannedChange } from '../../src/pipeline/performance.js';

const opening: Mood = {
  ...{ mix: mixOf([{ style: 'a', weight: 1 }]), strength: 1, keepColor: 0 },
  ...{ steady: 0, show: 'paint' },
};
const to = (style: string, fadeMs = 0) => ({ change: { style, fadeMs } });
const frameAt = (index: number) => ({ timestamp: 5_000_000 + Math.round((index * 1e6) / 25) });
/** A mix in letters and rounded shares: `a`, `a0.5 b0.5`. */
const shown = ({ mix }: Mood) =>
  [...mix]
    .filter(([, share]) => share > 0)
    .map(([name, share]) => (share === 1 ? name : `${name}${share.toFixed(2)}`))
    .sort()
    .join(' ');

function perform() {
  const applied: AppliedChange[] = [];
  const performance = new Performance(opening, (one) => applied.push(one));
  let index = 0;
  const play = (frames: number) =>
    Array.from({ length: frames }, () => shown(performance.next(frameAt(index++))));
  return { performance, applied, play };
}

describe('a performance', () => {
  it('changes on the next frame, and reports the frame and its time', () => {
    const { performance, applied, play } = perform();
    expect(play(2)).toEqual(['a', 'a']);
    performance.plan({ id: 'x', ...to('b') });
    expect(play(2)).toEqual(['b', 'b']);
    expect(applied.map(({ id, frame, timestamp }) => [id, frame, timestamp])).toEqual([
      ['x', 2, frameAt(2).timestamp],
    ]);
    expect(applied[0]?.mood.mix).toEqual(new Map([['b', 1]]));
  });

  it('waits for a named frame or time, and can take a change back', () => {
    const { performance, play } = perform();
    performance.plan({ id: 'f', atFrame: 3, ...to('b') });
    performance.plan({ id: 't', atTimestamp: frameAt(5).timestamp - 1, ...to('c') });
    performance.plan({ id: 'gone', atFrame: 6, ...to('d') });
    expect(performance.cancel('gone')).toBe(true);
    expect(performance.cancel('gone')).toBe(false);
    expect(play(8)).toEqual([...'aaabbccc']);
    expect(performance.waiting).toBe(false);
  });

  it('fades in weight space, over the time of the frames', () => {
    const { performance, play } = perform();
    performance.plan({ id: 'x', ...to('b', 160) });
    expect(play(6)).toEqual(['a', 'a0.75 b0.25', 'a0.50 b0.50', 'a0.25 b0.75', 'b', 'b']);
  });

  it('cycles through styles every so many frames, until the style is changed', () => {
    const { performance, applied, play } = perform();
    performance.plan({ id: 'c', cycle: { styles: ['b', 'c', 'd'], everyFrames: 1 } });
    expect(play(5)).toEqual([...'bcdbc']);
    performance.plan({ id: 's', change: { strength: 0.5, fadeMs: 0 } });
    expect(play(2)).toEqual([...'db']);
    expect(performance.cycle?.styles).toEqual(['b', 'c', 'd']);
    performance.plan({ id: 'e', ...to('a') });
    expect(play(3)).toEqual([...'aaa']);
    expect(performance.cycle).toBeUndefined();
    expect(applied.map(({ id }) => id)).toEqual(['c', 's', 'e']);
  });

  it('names the styles of how it looks and of what waits', () => {
    const { performance, play } = perform();
    const styles = () => [...new Set(performance.styles)].sort().join('');
    performance.plan({ id: 'x', ...to('b', 80) });
    performance.plan({ id: 'y', atFrame: 8, change: { strength: 0, fadeMs: 0 } });
    performance.plan({ id: 'z', atFrame: 9, cycle: { styles: ['c', 'd'], everyFrames: 1 } });
    expect(styles()).toBe('abcd');
    play(2);
    expect(styles()).toBe('abcd');
    performance.plan({ id: 'e', ...to('e') });
    performance.cancel('z');
    play(1);
    expect(styles()).toContain('e');
    expect(styles()).not.toMatch(/[acd]/);
    performance.plan({ id: 'c', cycle: { styles: ['f', 'g'], everyFrames: 5 } });
    play(2);
    expect(styles()).toMatch(/fg/);
  });

  it('applies what is due on one frame in the order it was asked for', () => {
    const { performance, applied, play } = perform();
    for (const style of 'bcd') performance.plan({ id: style, ...to(style) });
    expect(play(1)).toEqual(['d']);
    expect(applied.map(({ id }) => id)).toEqual([...'bcd']);
  });

  it('saves what was played so that a cue list repeats it frame by frame, from anywhere, with times rounded', () => {
    const change: fc.Arbitrary<Omit<PlannedChange, 'id'>> = fc.oneof(
      fc.record({
        change: fc.record({ style: fc.constantFrom(...'abcd'), fadeMs: fc.constantFrom(0, 0, 100, 333) }),
      }),
      fc.record({ change: fc.record({ strength: fc.constantFrom(0, 0.5, 1), fadeMs: fc.constant(0) }) }),
      fc.record({ change: fc.record({ show: fc.constantFrom('bypass', 'paint'), fadeMs: fc.constant(0) }) }),
      fc.record({
        cycle: fc.record({ styles: fc.constant(['b', 'c']), everyFrames: fc.integer({ min: 1, max: 3 }) }),
      }),
    );
    const script = fc.array(fc.tuple(fc.nat(29), change), { maxLength: 8 });
    fc.assert(
      fc.property(script, fc.nat(12), fc.boolean(), (plans, from, coarse) => {
        const performance = new Performance(opening);
        const live: Mood[] = [];
        for (let i = 0; i < 30; i++) {
          for (const [n, [at, planned]] of plans.entries())
            if (at === i) performance.plan({ id: String(n), ...planned });
          live.push(performance.next(frameAt(i)));
        }
        const cues = readCues(JSON.stringify(performance.cues(frameAt(from).timestamp)));
        const again = playCues(cues, opening);
        // A container may round times to the millisecond.
        const rounded = (time: number) => (coarse ? Math.round(time / 1000) * 1000 : time);
        for (let i = from; i < 30; i++) {
          const mood = again({ timestamp: rounded(frameAt(i).timestamp) });
          expect(shown(mood).length > 0 && mood.show).toBe(live[i]!.show);
          expect(mood.strength).toBeCloseTo(live[i]!.strength, 2);
          for (const [name, share] of live[i]!.mix) expect(mood.mix.get(name) ?? 0).toBeCloseTo(share, 1);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('bounds what waits', () => {
    const { performance } = perform();
    for (let i = 0; !performance.full && i < 5000; i++)
      performance.plan({ id: String(i), atFrame: 1e6, ...to('b') });
    expect(performance.full).toBe(true);
  });
});
