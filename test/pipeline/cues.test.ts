import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../src/errors.js';
import { playCues, readCues, stylesOf } from '../../src/pipeline/cues.js';
import { Mixer, type Mood, mixOf } from '../../src/pipeline/look.js';
import { adding } from './doubles.js';

const opening: Mood = {
  mix: mixOf([{ style: 'a', weight: 1 }]),
  strength: 1,
  keepColor: 0,
  steady: 0,
  show: 'paint',
};
const cues = (...list: object[]) => readCues(JSON.stringify(list));

/** The look of every frame of a stream with constant rate, shares rounded. */
function looks(list: ReturnType<typeof cues>, { fps = 30, frames = 90, start = 0, from = opening } = {}) {
  const play = playCues(list, from);
  return Array.from({ length: frames }, (_, i) => {
    const { mix, strength, keepColor } = play({ timestamp: start + Math.round((i * 1e6) / fps) });
    const shares = [...mix].filter(([, share]) => share > 0);
    return {
      mix: Object.fromEntries(shares.map(([name, share]) => [name, Number(share.toFixed(4))])),
      strength: Number(strength.toFixed(4)),
      keepColor: Number(keepColor.toFixed(4)),
    };
  });
}
const mixes = (...args: Parameters<typeof looks>) => looks(...args).map(({ mix }) => mix);

describe('a cue list', () => {
  it('begins each cue at the first frame at or after its time', () => {
    const seen = mixes(cues({ at: 1, style: 'b' }, { at: 2.001, style: 'c' }));
    expect(seen.findIndex((mix) => 'b' in mix)).toBe(30);
    expect(seen.findIndex((mix) => 'c' in mix)).toBe(61);
    expect(seen[29]).toEqual({ a: 1 });
    expect(seen[30]).toEqual({ b: 1 });
  });

  it('begins each cue at exactly its frame', () => {
    const seen = mixes(cues({ frame: 0, style: 'b' }, { frame: 7, style: 'c' }, { frame: 8, style: 'd' }));
    expect(seen.slice(0, 10).map((mix) => Object.keys(mix)[0])).toEqual([...'bbbbbbbcdd']);
  });

  it('finds frames whose times are rounded to the microsecond', () => {
    for (const fps of [24, 25, 29.97, 30, 60000 / 1001])
      for (let n = 1; n < 60; n++)
        expect(mixes(cues({ at: n / fps, style: 'b' }), { fps, frames: 61 }).findIndex((m) => 'b' in m)).toBe(
          n,
        );
  });

  it('counts times from the first frame, whatever that one says', () => {
    const seen = mixes(cues({ at: 1, style: 'b' }), { start: 123_456_789 });
    expect(seen.findIndex((mix) => 'b' in mix)).toBe(30);
  });

  it('fades linearly in time, mixing in shares that add up to one', () => {
    const seen = mixes(cues({ at: 1, style: 'b', fadeMs: 1000 }));
    expect(seen[30]).toEqual({ a: 1 });
    expect(seen[45]).toEqual({ a: 0.5, b: 0.5 });
    expect(seen[60]).toEqual({ b: 1 });
    for (const mix of seen) expect(Object.values(mix).reduce((a, b) => a + b)).toBeCloseTo(1, 3);
  });

  it('fades from where a fade under way had come to', () => {
    const seen = mixes(cues({ at: 0, style: 'b', fadeMs: 1000 }, { at: 0.5, style: 'c', fadeMs: 1000 }), {
      frames: 60,
    });
    expect(seen[15]).toEqual({ a: 0.5, b: 0.5 });
    expect(seen[30]).toEqual({ a: 0.25, b: 0.25, c: 0.5 });
    expect(seen[45]).toEqual({ c: 1 });
  });

  it('counts a fade from the time of its cue, even between two frames', () => {
    const seen = mixes(cues({ at: 0.25, style: 'b', fadeMs: 1000 }), { fps: 2, frames: 4 });
    expect(seen).toEqual([{ a: 1 }, { a: 0.75, b: 0.25 }, { a: 0.25, b: 0.75 }, { b: 1 }]);
  });

  it('changes only what a cue names, and leaves a fade of the rest alone', () => {
    const seen = looks(
      cues(
        { at: 0, style: 'b', fadeMs: 2000 },
        { at: 1, strength: 0.5 },
        { at: 1.5, keepColor: true, fadeMs: 500 },
      ),
    );
    expect(seen[30]).toEqual({ mix: { a: 0.5, b: 0.5 }, strength: 0.5, keepColor: 0 });
    expect(seen[45]).toEqual({ mix: { a: 0.25, b: 0.75 }, strength: 0.5, keepColor: 0 });
    expect(seen[60]).toEqual({ mix: { b: 1 }, strength: 0.5, keepColor: 1 });
  });

  it('takes strength 0 and keepColor false for what they are', () => {
    const seen = looks(cues({ frame: 1, strength: 0 }, { frame: 2, keepColor: false }), {
      frames: 3,
      from: { ...opening, keepColor: 1 },
    });
    expect(seen.map(({ strength, keepColor }) => [strength, keepColor])).toEqual([
      [1, 1],
      [0, 1],
      [0, 0],
    ]);
  });

  it('normalises weights', () => {
    const [first] = mixes(cues({ at: 0, style: [{ style: 'b', weight: 3 }, { style: 'c' }] }));
    expect(first).toEqual({ b: 0.75, c: 0.25 });
  });

  it('does not depend on the order of the entries', () => {
    const list = [
      { at: 0.5, style: 'b', fadeMs: 300 },
      { at: 1, style: 'c' },
      { frame: 40, style: 'd', fadeMs: 100 },
      { at: 2, strength: 0.2, fadeMs: 500 },
    ];
    const expected = looks(cues(...list));
    fc.assert(
      fc.property(fc.shuffledSubarray(list, { minLength: list.length }), (shuffled) => {
        expect(looks(cues(...shuffled))).toEqual(expected);
      }),
    );
  });

  it('gives shares, strength and colour within bounds for any list and any frame times', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const entry = fc
      .record(
        {
          at: fc.double({ min: 0, max: 3, noNaN: true }),
          style: fc.oneof(
            name,
            fc.array(fc.record({ style: name, weight: fc.double({ min: 0.1, max: 5, noNaN: true }) }), {
              minLength: 1,
              maxLength: 3,
            }),
          ),
          strength: fc.double({ min: 0, max: 1, noNaN: true }),
          keepColor: fc.boolean(),
          fadeMs: fc.nat(2000),
        },
        { requiredKeys: ['at', 'style', 'fadeMs'] },
      )
      .chain((cue) => fc.nat(90).map((frame) => (frame % 2 ? cue : { ...cue, at: undefined, frame })));
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 8 }),
        fc.array(fc.nat(80_000), { maxLength: 60 }),
        (list, steps) => {
          const play = playCues(cues(...list), opening);
          let timestamp = 0;
          for (const step of steps) {
            const { mix, strength, keepColor } = play({ timestamp });
            expect([...mix.values()].reduce((a, b) => a + b)).toBeCloseTo(1, 6);
            for (const value of [...mix.values(), strength, keepColor]) {
              expect(value).toBeGreaterThanOrEqual(0);
              expect(value).toBeLessThanOrEqual(1 + 1e-9);
            }
            timestamp += step;
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('reading a cue list', () => {
  it('names every style once', () => {
    expect(stylesOf(cues({ at: 0, style: 'b' }, { at: 1, style: [{ style: 'c' }, { style: 'b' }] }))).toEqual(
      ['b', 'c'],
    );
  });

  it('names the entry that is wrong', () => {
    const good = { at: 0, style: 'a' };
    for (const [bad, words] of [
      [{ style: 'a' }, 'either "at" (seconds) or "frame"'],
      [{ at: 1, frame: 2, style: 'a' }, 'either "at" (seconds) or "frame"'],
      [{ at: 1 }, 'changes nothing'],
      [{ at: -1, style: 'a' }, 'at:'],
      [{ frame: 1.5, style: 'a' }, 'frame:'],
      [{ at: 1, strength: 1.5 }, 'strength:'],
      [{ at: 1, style: [] }, 'style'],
      [{ at: 1, style: [{ style: 'a', weight: 0 }] }, 'style'],
      [{ at: 1, style: 'a', fade: 3 }, 'fade'],
      [7, 'entry 2'],
      [null, 'entry 2'],
    ] as const) {
      const read = () => cues(good, bad as object);
      expect(read).toThrow(BadInput);
      expect(read).toThrow('entry 2');
      expect(read).toThrow(words);
    }
  });

  it('refuses what is no list or no JSON', () => {
    expect(() => readCues('{')).toThrow('is not JSON');
    expect(() => readCues('{"at": 1}')).toThrow('is not a list');
    expect(() => readCues(JSON.stringify(Array(10_001).fill({ at: 1, style: 'a' })))).toThrow('at most');
    expect(readCues('[]')).toEqual([]);
  });

  it('throws BadInput or returns cues for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          readCues(JSON.stringify(value));
        } catch (error) {
          expect(error).toBeInstanceOf(BadInput);
        }
      }),
    );
  });
});

describe('the mixer', () => {
  const mixer = new Mixer(
    new Map([
      ['a', adding(10)],
      ['b', adding(20)],
    ]),
  );
  const number = (mix: Mood['mix']) => mixer.weights(mix).get('add')!.data[0];

  it('gives a single style its own weights, and a mix the weighted sum', () => {
    const a = mixer.weights(mixOf([{ style: 'a', weight: 5 }]));
    expect(a).toBe(mixer.styles.get('a'));
    expect(
      number(
        new Map([
          ['a', 0.25],
          ['b', 0.75],
        ]),
      ),
    ).toBeCloseTo(17.5);
    expect(
      number(
        new Map([
          ['a', 0],
          ['b', 1],
        ]),
      ),
    ).toBe(20);
  });

  it('gives the same mix the same object while it is in use', () => {
    const mix = () =>
      new Map([
        ['a', 0.5],
        ['b', 0.5],
      ]);
    expect(mixer.weights(mix())).toBe(mixer.weights(mix()));
  });

  it('counts a style that is named twice together', () => {
    const mix = mixOf([
      { style: 'a', weight: 1 },
      { style: 'b', weight: 2 },
      { style: 'a', weight: 1 },
    ]);
    expect([...mix]).toEqual([
      ['a', 0.5],
      ['b', 0.5],
    ]);
  });
});
