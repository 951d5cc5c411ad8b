import { describe, expect, it } from 'vitest';
import { liveLanes } from '../../src/commands/streams.js';

describe('pictures painted at a time where people watch', () => {
  it.each([
    ...[
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 1],
      [7, 1],
      [8, 2],
      [64, 2],
    ],
  ])('on %i cores are %i', (cores, lanes) => {
    expect(liveLanes(cores)).toBe(lanes);
  });
});
