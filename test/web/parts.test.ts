import { describe, expect, it } from 'vitest';
import type { LookState, Stats } from '../../src/server/protocol.js';
import { Backoff } from '../../web/src/backoff.js';
import {
  addCue,
  EMPTY,
  editCue,
  goTo,
  lacking,
  moveCue,
  readStack,
  removeCue,
  step,
} from '../../web/src/cue-stack.js';
import { fileKind } from '../../web/src/file-kind.js';
import { MOMENTS, type Moment, remember } from '../../web/src/history.js';
import { actionOf, KEYS } from '../../web/src/keys.js';
import { changed, Looks, merged } from '../../web/src/looks.js';
import { forgotten, isPress, learnt, touchLabel, touchOf } from '../../web/src/midi.js';
import { arrives } from '../../web/src/obs.js';

const look: LookState = {
  mix: [{ style: 'wave', weight: 1 }],
  strength: 1,
  keepColor: 0,
  steady: 0.5,
  show: 'paint',
};

describe('back-off', () => {
  it('grows from 0.3 s to 7 s and begins again after success', () => {
    const backoff = new Backoff(300, 7000, 1.6, () => 0.5);
    const waits = Array.from({ length: 12 }, () => backoff.next());
    expect(waits[0]).toBe(300);
    expect(waits.at(-1)).toBe(7000);
    expect([...waits].sort((a, b) => a - b)).toEqual(waits);
    backoff.reset();
    expect(backoff.next()).toBe(300);
  });

  it('never waits longer than it says, whatever chance does', () => {
    for (const luck of [0, 0.999]) {
      const backoff = new Backoff(300, 7000, 1.6, () => luck);
      for (let i = 0; i < 20; i++) {
        const wait = backoff.next();
        expect(wait).toBeGreaterThanOrEqual(240);
        expect(wait).toBeLessThanOrEqual(7000);
      }
    }
  });
});

describe('the cue stack', () => {
  const three = ['a', 'b', 'c'].reduce((stack, id) => addCue(stack, look, `cue ${id}`, 100, id), EMPTY);
  const ids = (stack: typeof three) => stack.cues.map(({ id }) => id).join('');

  it('stores behind the cue that holds', () => {
    expect([ids(three), three.at]).toEqual(['abc', 2]);
    const four = addCue(goTo(three, 0), look, 'new', 0, 'n');
    expect([ids(four), four.at]).toEqual(['anbc', 1]);
  });

  it('goes forth and back and stays at its ends', () => {
    expect(step(three, 1).at).toBe(2);
    expect(step(three, -1).at).toBe(1);
    expect(step(goTo(three, 0), -1).at).toBe(0);
    expect(step(EMPTY, 1).at).toBe(-1);
    expect(step(goTo(three, -1), 1).at).toBe(0);
  });

  it('goes over cues that cannot be played, and is at the next one where none can', () => {
    const only = (id: string) => (cue: { id: string }) => cue.id === id;
    expect(step(goTo(three, 0), 1, only('c')).at).toBe(2);
    expect(step(three, -1, only('a')).at).toBe(0);
    expect(step(goTo(three, 0), 1, only('a')).at).toBe(1);
  });

  it('knows which styles a cue lacks', () => {
    const mix = ['a', 'b', 'c'].map((style) => ({ style, weight: 1 }));
    expect(lacking({ ...three.cues[0]!, mix }, ['b', 'd'])).toEqual(['a', 'c']);
  });

  it('keeps holding the same cue while others move or go', () => {
    const moved = moveCue(three, 1, 1);
    expect([ids(moved), moved.cues[moved.at]?.id]).toEqual(['acb', 'c']);
    const fewer = removeCue(three, 0);
    expect([ids(fewer), fewer.cues[fewer.at]?.id]).toEqual(['bc', 'c']);
    expect(removeCue(removeCue(removeCue(three, 0), 0), 0)).toEqual(EMPTY);
    expect(moveCue(three, 0, -1)).toEqual(three);
  });

  it('is read back from the browser, without what is no cue', () => {
    const edited = editCue(three, 1, { name: 'other', fadeMs: 2000 });
    expect(readStack(JSON.parse(JSON.stringify(edited)))).toEqual(edited);
    expect(readStack({ cues: [{ id: 1 }, null, edited.cues[0]], at: 99 }).cues).toHaveLength(1);
    for (const nonsense of [undefined, null, 3, 'x', [], { cues: 'x' }])
      expect(readStack(nonsense)).toEqual(EMPTY);
  });
});

describe('keys', () => {
  it('each do one thing', () => {
    expect(new Set(KEYS.map(([key]) => key)).size).toBe(KEYS.length);
    expect(actionOf({ key: 'B' })).toBe('blackout');
    expect(actionOf({ key: ' ' })).toBe('bypass');
    expect(actionOf({ key: '7' })).toBe('style7');
    expect(actionOf({ key: '0' })).toBeUndefined();
  });

  it('leave the browser its own and repeat only what steps', () => {
    expect(actionOf({ key: 'r', ctrlKey: true })).toBeUndefined();
    expect(actionOf({ key: 'r', repeat: true })).toBeUndefined();
    expect(actionOf({ key: ']', repeat: true })).toBe('nextStyle');
  });
});

describe('MIDI', () => {
  it('takes a knob for a press once, each time that it is turned up past its middle', () => {
    const turns = [20, 50, 60, 64, 70, 90, 127, 100, 30, 90].map((value) => touchOf([0xb0, 30, value])!);
    const presses = turns.map((touch, i) => isPress(touch, turns[i - 1]?.value));
    expect(presses.flatMap((is, i) => (is ? [i] : []))).toEqual([3, 9]);
    const stroke = touchOf([0x90, 36, 10])!;
    expect(isPress(stroke, stroke.value)).toBe(true);
  });

  it('reads knobs and strokes, and nothing else', () => {
    expect(touchOf([0xb0, 21, 127])).toEqual({ id: 'cc:1:21', kind: 'knob', value: 1 });
    expect(touchOf([0x92, 36, 64])).toMatchObject({ id: 'note:3:36', kind: 'pad' });
    for (const other of [[0x90, 36, 0], [0x80, 36, 9], [0xf8], [], undefined])
      expect(touchOf(other)).toBeUndefined();
  });

  it('binds a knob to one control and a control to one knob', () => {
    const map = learnt(learnt({}, 'cc:1:1', 'strength'), 'cc:1:2', 'strength');
    expect(map).toEqual({ 'cc:1:2': 'strength' });
    expect(learnt(map, 'cc:1:2', 'steady')).toEqual({ 'cc:1:2': 'steady' });
    expect(forgotten(map, 'strength')).toEqual({});
    expect([touchLabel('cc:1:21'), touchLabel('note:3:36')]).toEqual(['CC 21', 'Note 36 / 3']);
  });
});

describe('what a dropped file is', () => {
  it('is told by its type, and by its name where it has none', () => {
    const kinds = [
      ['a.mkv', ''],
      ['A.JPG', ''],
      ['a.bin', 'video/mp4'],
      ['a.png', 'text/plain'],
      ['notes', ''],
    ].map(([name, type]) => fileKind({ name: name!, type: type! }));
    expect(kinds).toEqual(['video', 'image', 'video', undefined, undefined]);
  });
});

describe('changes on their way', () => {
  it('are shown as if they held', () => {
    expect(changed(look, { style: 'udnie', strength: 0.2 })).toMatchObject({
      mix: [{ style: 'udnie', weight: 1 }],
      strength: 0.2,
      steady: 0.5,
    });
    const mix = changed(look, { style: [{ style: 'a', weight: 3 }, { style: 'b' }] }).mix;
    expect(mix.map(({ weight }) => weight)).toEqual([0.75, 0.25]);
  });

  it('name a style or a cycle, never both', () => {
    const cycle = { styles: ['a', 'b'], everyFrames: 5 };
    expect(merged({ style: 'a', strength: 1 }, { cycle })).toEqual({ strength: 1, cycle });
    expect(merged({ cycle }, { style: 'a' })).toEqual({ style: 'a' });
  });

  it('are gathered while a hand moves, and the last one always leaves', async () => {
    const sent: unknown[] = [];
    let shown = look;
    const looks = new Looks(
      (change) => `id-${sent.push(change)}`,
      (next) => {
        shown = next;
      },
    );
    looks.hold(look);
    for (let i = 0; i <= 50; i++) looks.change({ strength: i / 50 });
    expect(shown.strength).toBe(1);
    await expect.poll(() => (sent.at(-1) as { strength: number }).strength).toBe(1);
    expect(sent.length).toBeLessThan(10);
    looks.applied(`id-${sent.length}`, { ...look, strength: 0.9 });
    expect(shown.strength).toBe(0.9);
  });

  it('are forgotten when refused or when there is no connection', () => {
    let shown = look;
    const looks = new Looks(
      () => undefined,
      (next) => {
        shown = next;
      },
    );
    looks.hold(look);
    // Also the next one at once: it would be gathered if the one before had left.
    for (let i = 0; i < 2; i++) expect(looks.change({ strength: 0.1 })).toBe(false);
    expect(shown.strength).toBe(1);
  });
});

describe('the check of what arrives', () => {
  const input = {
    kind: 'whip',
    codec: 'h264',
    width: 1280,
    height: 720,
    fps: 29.97,
    bitrate: 4e6,
    keyIntervalMs: 2000,
  };

  it('says it in a line, with what would be better', () => {
    const { good, text, advice } = arrives(input);
    expect(good).toBe(true);
    expect(text).toBe('connected · H.264 1280x720 @ 30 · 4.0 Mb/s · key frame every 2.0 s');
    expect(advice).toBe('Set the key frame interval to 1 s.');
    expect(arrives({ ...input, keyIntervalMs: 1000 }).advice).toBeUndefined();
  });

  it('sees when nothing arrives', () => {
    expect(arrives(undefined).good).toBe(false);
    expect(arrives({ ...input, kind: 'card' }).good).toBe(false);
  });
});

describe('the history that is plotted', () => {
  const stats = (drops: number) =>
    ({
      fps: 25,
      input: { fps: 30 },
      latency: { p50: 40, p95: 60 },
      stages: { paint: { p50: 20, p95: 30 } },
      frames: { in: 0, painted: 0, dropped: { late: drops, busy: 1 } },
    }) as unknown as Stats;

  it('counts drops of each second and forgets what is old', () => {
    let moments: readonly Moment[] = [];
    for (let i = 0; i < MOMENTS + 20; i++)
      moments = remember(moments, stats(3 * i), i ? stats(3 * i - 3) : undefined, i, null);
    expect(moments).toHaveLength(MOMENTS);
    expect(moments.at(-1)).toMatchObject({ drops: 3, fps: 25, inFps: 30, stages: { paint: 20 } });
  });
});
