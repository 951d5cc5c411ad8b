import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { Adam, globalNorm } from '../../../src/models/train/adam.js';

beforeAll(() => tf.setBackend('cpu'));

it('follows the published algorithm', async () => {
  const [beta1, beta2, epsilon, rate] = [0.9, 0.99, 1e-8, 0.1];
  const w = tf.variable(tf.tensor1d([1, -2, 3]));
  using adam = new Adam({ w }, { beta1, beta2, epsilon });
  const expected = [1, -2, 3];
  const m = [0, 0, 0];
  const v = [0, 0, 0];
  for (let t = 1; t <= 4; t++) {
    const g = [0.5 * t, -0.1, 2 - t];
    const grads = { w: tf.tensor1d(g) };
    adam.update(grads, rate);
    tf.dispose(grads);
    for (let i = 0; i < 3; i++) {
      m[i] = beta1 * m[i]! + (1 - beta1) * g[i]!;
      v[i] = beta2 * v[i]! + (1 - beta2) * g[i]! ** 2;
      expected[i]! -= (rate * (m[i]! / (1 - beta1 ** t))) / (Math.sqrt(v[i]! / (1 - beta2 ** t)) + epsilon);
    }
  }
  for (const [i, value] of (await w.data()).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
  w.dispose();
});

it('scales gradients by the share it is given, as if they had come smaller', async () => {
  const [a, b] = [tf.variable(tf.tensor1d([1])), tf.variable(tf.tensor1d([1]))];
  using one = new Adam({ w: a }, { beta1: 0.9, beta2: 0.99, epsilon: 0.1 });
  using two = new Adam({ w: b }, { beta1: 0.9, beta2: 0.99, epsilon: 0.1 });
  tf.tidy(() => one.update({ w: tf.tensor1d([4]) }, 0.1, 0.25));
  tf.tidy(() => two.update({ w: tf.tensor1d([1]) }, 0.1));
  expect((await a.data())[0]).toBeCloseTo((await b.data())[0]!, 6);
});

it('measures the norm over all gradients, and a number that is none shows in it', async () => {
  const norm = (values: number[]) => globalNorm({ a: tf.tensor1d(values), b: tf.scalar(4) });
  expect(await norm([3, 0])).toBeCloseTo(5, 5);
  expect(Number.isFinite(await norm([Number.NaN]))).toBe(false);
});
