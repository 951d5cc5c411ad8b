import { describe, expect, it } from 'vitest';
import {
  MOST_ON_PAD,
  normal,
  padFrom,
  places,
  puckOf,
  sharesOf,
  weightsAt,
  withWeight,
} from '../../web/src/mix.js';

const sum = (weights: readonly number[]) => weights.reduce((total, weight) => total + weight, 0);

describe('the mix pad', () => {
  it.each([2, 3, 4, 8])('is even in the middle of %i styles', (count) => {
    const weights = weightsAt({ x: 0.5, y: 0.5 }, places(count));
    for (const weight of weights) expect(weight).toBeCloseTo(1 / count, 6);
  });

  it('is one style alone on its point', () => {
    const points = places(3);
    expect(weightsAt(points[1]!, points)).toEqual([0, 1, 0]);
  });

  it('gives nearer styles more, and always adds up to 1', () => {
    const points = places(4);
    for (let i = 0; i < 200; i++) {
      const puck = { x: ((i * 37) % 101) / 100, y: ((i * 53) % 97) / 96 };
      const weights = weightsAt(puck, points);
      expect(sum(weights)).toBeCloseTo(1, 9);
      const distances = points.map(({ x, y }) => Math.hypot(x - puck.x, y - puck.y));
      expect(weights.indexOf(Math.max(...weights))).toBe(distances.indexOf(Math.min(...distances)));
    }
  });

  it('keeps every point on the pad', () => {
    for (let count = 1; count <= 8; count++)
      for (const { x, y } of places(count)) {
        expect(x).toBeGreaterThan(0.05);
        expect(x).toBeLessThan(0.95);
        expect(y).toBeGreaterThan(0.05);
        expect(y).toBeLessThan(0.95);
      }
  });

  it('puts the puck where the weights say', () => {
    const points = places(3);
    expect(puckOf([0, 1, 0], points)).toEqual(points[1]);
    const middle = puckOf([1, 1, 1], points);
    expect(middle.x).toBeCloseTo(0.5);
    expect(middle.y).toBeCloseTo(0.5);
  });

  it('keeps the others in proportion when one weight is set', () => {
    const weights = withWeight([0.2, 0.2, 0.6], 0, 0.6);
    expect(weights[0]).toBeCloseTo(0.6);
    expect(weights[2]! / weights[1]!).toBeCloseTo(3);
    expect(sum(weights)).toBeCloseTo(1);
    expect(sum(withWeight([1, 0, 0], 0, 0.4))).toBeCloseTo(1);
  });

  it('names only styles that are seen, and never none', () => {
    expect(sharesOf(['a', 'b', 'c'], normal([0.7, 0.295, 0.005])).map(({ style }) => style)).toEqual([
      'a',
      'b',
    ]);
    expect(sum(normal([0, 0]))).toBeCloseTo(1);
  });

  it('begins with what is painted, and the styles after it', () => {
    const gallery = ['a', 'b', 'c', 'd', 'e'];
    expect(padFrom([{ style: 'd', weight: 1 }], gallery)).toEqual({
      styles: ['d', 'e', 'a', 'b'],
      weights: [1, 0, 0, 0],
    });
    const mix = [
      { style: 'a', weight: 1 },
      { style: 'c', weight: 3 },
    ];
    expect(padFrom(mix, gallery)).toEqual({ styles: ['c', 'a', 'd', 'e'], weights: [0.75, 0.25, 0, 0] });
    expect(padFrom([{ style: 'gone', weight: 1 }], ['a'])).toEqual({
      styles: ['gone', 'a'],
      weights: [1, 0],
    });
    const many = Array.from({ length: 20 }, (_, i) => ({ style: `s${i}`, weight: 1 }));
    expect(padFrom(many, gallery).styles).toHaveLength(MOST_ON_PAD);
  });
});
