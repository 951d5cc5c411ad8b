import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { Adagrad } from '../../../src/models/train/adagrad.js';

beforeAll(() => tf.setBackend('cpu'));

const loose = { epsilon: 1e-7, tight: () => false, clipTight: 1, clipLoose: 1e9 };
const tight = { ...loose, tight: (name: string) => name.startsWith('meta/') };

it('follows the published algorithm', async () => {
  const w = tf.variable(tf.tensor1d([1, -2, 3]));
  using adagrad = new Adagrad({ w }, loose);
  const expected = [1, -2, 3];
  const sums = [0, 0, 0];
  for (let t = 1; t <= 4; t++) {
    const g = [0.5 * t, -0.1, 2 - t];
    const grads = { w: tf.tensor1d(g) };
    adagrad.update(grads, 0.1);
    tf.dispose(grads);
    for (let i = 0; i < 3; i++) {
      sums[i]! += g[i]! ** 2;
      expected[i]! -= (0.1 * g[i]!) / (Math.sqrt(sums[i]!) + 1e-7);
    }
  }
  for (const [i, value] of (await w.data()).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
  for (const [i, value] of (await adagrad.sums.w!.data()).entries()) expect(value).toBeCloseTo(sums[i]!, 4);
  w.dispose();
});

/** What the sums of squares say of the gradient that was used. */
async function used(name: string, grad: number, share: number, options = tight): Promise<number> {
  const param = tf.variable(tf.scalar(0));
  using adagrad = new Adagrad({ [name]: param }, { ...options, clipLoose: 10 });
  tf.tidy(() => adagrad.update({ [name]: tf.scalar(grad) }, 0.1, share));
  param.dispose();
  return Math.sqrt((await adagrad.sums[name]!.data())[0]!);
}

it.each([
  ['meta/w', 0.5, 1, 0.5],
  ['meta/w', 0.5, 0.1, 0.05],
  ['meta/w', -300, 0.1, 1],
  ['transform/w', 0.5, 0.1, 0.5],
  ['transform/w', -300, 0.1, 10],
])('of %s takes a gradient of %d at share %d for %d', async (name, grad, share, expected) => {
  expect(await used(name, grad, share)).toBeCloseTo(expected, 5);
});

it('leaves no tensor behind', () => {
  const before = tf.memory().numTensors;
  const w = tf.tidy(() => tf.variable(tf.scalar(1)));
  const adagrad = new Adagrad({ w }, loose);
  tf.tidy(() => adagrad.update({ w: tf.scalar(1) }, 0.1));
  adagrad[Symbol.dispose]();
  w.dispose();
  expect(tf.memory().numTensors).toBe(before);
});
