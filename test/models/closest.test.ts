import { describe, expect, it } from 'vitest';
import { closest, suggest } from '../../src/models/closest.js';

const known = ['wave', 'scream', 'starry-night', 'starry-rhone'];

describe('closest', () => {
  it.each([
    ['wvae', 'wave'],
    ['wav', 'wave'],
    ['WAVE', 'wave'],
    ['screem', 'scream'],
    ['starry', 'starry-night'],
    ['stary-night', 'starry-night'],
    ['cubism', undefined],
    ['', undefined],
    ['x'.repeat(10_000), undefined],
  ])('takes %j for %j', (typed, meant) => {
    expect(closest(typed, known)).toBe(meant);
  });
});

describe('suggest', () => {
  it('names the nearest and all, or says that there are none', () => {
    expect(suggest('wvae', ['wave', 'a'], 'styles')).toBe('Did you mean wave? The styles are a, wave.');
    expect(suggest('x', ['wave'], 'styles')).toBe('The styles are wave.');
    expect(suggest('x', [], 'models')).toBe('There are no models yet.');
  });
});
