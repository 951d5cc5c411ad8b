import { describe, expect, it } from 'vitest';
import { NotFound } from '../../src/errors.js';
import { type Mood, mixOf } from '../../src/pipeline/look.js';
import { Palette } from '../../src/server/palette.js';
import { adding } from '../pipeline/doubles.js';

const mood = (...styles: string[]): Mood => ({
  mix: mixOf(styles.map((style) => ({ style, weight: 1 }))),
  ...{ strength: 1, keepColor: 0, steady: 0, show: 'paint' },
});
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `p${i + 1}`);

/** A palette, and the names that it had to resolve. */
function opened() {
  const made: string[] = [];
  const palette = new Palette(async (name) => {
    made.push(name);
    const [, number] = /^p(\d+)$/.exec(name) ?? [];
    if (!number) throw new NotFound(`There is no style ${name}.`);
    return adding(Number(number));
  });
  return { palette, made };
}

describe('a palette', () => {
  it('makes a style ready once, however often it is asked for', async () => {
    const { palette, made } = opened();
    await Promise.all([palette.ready(['p1', 'p2']), palette.ready(['p2', 'p1'])]);
    await palette.ready(['p1']);
    expect(made.sort()).toEqual(['p1', 'p2']);
    await expect(palette.ready(['nobody'])).rejects.toThrow(NotFound);
    expect(palette.size).toBe(2);
  });

  it('holds what looks name and what was used last, and lets go of the rest', async () => {
    const { palette, made } = opened();
    const named = new Set(['p1', 'p2']);
    for (const name of numbered(200)) {
      await palette.ready([name]);
      palette.tidy(named);
    }
    expect(palette.size).toBe(34);
    expect(palette.has(mood('p1', 'p2'))).toBe(true);
    expect(palette.has(mood('p3'))).toBe(false);
    made.length = 0;
    await palette.ready(numbered(200).slice(-32));
    expect(made).toEqual([]);
    await palette.ready(['p3']);
    expect(made).toEqual(['p3']);
  });

  it('holds a style that was painted with until a moment ago for longest', async () => {
    const { palette } = opened();
    await palette.ready(['p1']);
    await palette.ready(numbered(33));
    palette.tidy(new Set(['p1']));
    palette.tidy(new Set(['p33']));
    await palette.ready(['p99']);
    palette.tidy(new Set(['p99']));
    expect(palette.has(mood('p1'))).toBe(true);
    expect(palette.has(mood('p2'))).toBe(false);
  });

  it('lets go of styles that were removed once nobody paints with them, and of mixes with them', async () => {
    const { palette, made } = opened();
    await palette.ready(['p1', 'p2']);
    const mixed = palette.look(mood('p1', 'p2')).weights;
    expect(palette.look(mood('p1', 'p2')).weights).toBe(mixed);
    palette.forget('p1');
    palette.forget('unknown');
    palette.tidy(new Set(['p1', 'p2']));
    expect(palette.look(mood('p1', 'p2')).weights).toBe(mixed);
    palette.tidy(new Set(['p2']));
    expect(palette.size).toBe(1);
    await palette.ready(['p1']);
    expect(made).toEqual(['p1', 'p2', 'p1']);
    expect(palette.look(mood('p1', 'p2')).weights).not.toBe(mixed);
  });
});
