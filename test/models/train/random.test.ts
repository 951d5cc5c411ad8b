import { describe, expect, it } from 'vitest';
import { hash32, Random } from '../../../src/models/train/random.js';

describe('Random', () => {
  it('gives the same numbers for the same seed and others for another', () => {
    const draw = (seed: number) => {
      const random = Random.from(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('goes on from a saved state', () => {
    const first = Random.from(7, 'a');
    first.next();
    const second = new Random(first.state);
    expect([second.next(), second.next()]).toEqual([first.next(), first.next()]);
  });

  it('is uniform and normal as it says', () => {
    const random = Random.from(3);
    const mean = (draw: () => number) =>
      Array.from({ length: 20_000 }, draw).reduce((a, b) => a + b) / 20_000;
    expect(mean(() => random.next())).toBeCloseTo(0.5, 1);
    expect(mean(() => random.normal())).toBeCloseTo(0, 1);
    expect(mean(() => random.normal() ** 2)).toBeCloseTo(1, 1);
  });

  it('permutes: every number once', () => {
    const order = Random.from(5).permutation(100);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect([...order]).not.toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('spreads hashes of similar names evenly', () => {
    const share = Array.from({ length: 2000 }, (_, i) => hash32(`picture-${i}.jpg`) / 2 ** 32).filter(
      (h) => h < 0.1,
    );
    expect(share.length).toBeGreaterThan(140);
    expect(share.length).toBeLessThan(260);
  });
});
