import { expect, it } from 'vitest';
import { learningRate } from '../../../src/models/train/schedule.js';

const schedule = { rate: 2e-3, warmup: 200, steps: 1000, floor: 0.03 };

it('rises linearly to the full rate', () => {
  expect(learningRate(0, schedule)).toBeCloseTo(1e-5, 10);
  expect(learningRate(99, schedule)).toBeCloseTo(1e-3, 10);
  expect(learningRate(199, schedule)).toBeCloseTo(2e-3, 10);
});

it('falls by half a cosine to its floor and stays there', () => {
  expect(learningRate(200, schedule)).toBeCloseTo(2e-3, 10);
  expect(learningRate(600, schedule)).toBeCloseTo(2e-3 * 0.515, 10);
  expect(learningRate(1000, schedule)).toBeCloseTo(6e-5, 10);
  expect(learningRate(5000, schedule)).toBeCloseTo(6e-5, 10);
});

it('knows no warm-up where there is none', () => {
  expect(learningRate(0, { ...schedule, warmup: 0 })).toBeCloseTo(2e-3, 10);
});
