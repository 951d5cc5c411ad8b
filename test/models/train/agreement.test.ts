import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { flat, Tally } from '../../../src/models/train/agreement.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

async function nearness(mine: number[][], theirs: number[][]) {
  const tally = new Tally();
  // In two parts, as pictures come.
  for (const part of [0, 1]) {
    const [a, b] = [mine, theirs].map((rows) => tf.tensor2d(rows.filter((_, i) => i % 2 === part)));
    await tally.add(a!, b!);
    tf.dispose([a!, b!]);
  }
  return tally.nearness();
}

const theirs = [
  [1, 10],
  [2, 12],
  [3, 9],
  [6, 13],
];

describe('agreement', () => {
  it('is whole of what is the same, and has no error', async () => {
    const { r, within, error } = await nearness(theirs, theirs);
    expect([r, within, error].map((x) => Number(x.toFixed(6)))).toEqual([1, 1, 0]);
  });

  it('tells what differs among channels from what differs within them', async () => {
    // Each channel's own mean, and nothing else: far apart channels alone make a high r.
    const means = theirs.map(() => [3, 11]);
    const noise = means.map(([a, b], i) => [a! + (i % 2 ? 0.1 : -0.1), b! + (i < 2 ? 0.1 : -0.1)]);
    const { r, within, error } = await nearness(noise, theirs);
    expect(r).toBeGreaterThan(0.9);
    expect(Math.abs(within)).toBeLessThan(0.5);
    expect(error).toBeCloseTo(23.28 / 152, 5);
  });

  it('sees correlation whatever the scale, and error because of it', async () => {
    const { r, error } = await nearness(
      theirs.map((row) => row.map((x) => 2 * x)),
      theirs,
    );
    expect(r).toBeCloseTo(1, 6);
    expect(error).toBeGreaterThan(1);
  });

  it('counts a constant as no agreement, and leaves no tensor', async () => {
    const before = tf.memory().numTensors;
    expect(
      await nearness(
        theirs.map(() => [1, 1]),
        theirs,
      ),
    ).toMatchObject({ r: 0, within: 0 });
    expect(tf.memory().numTensors).toBe(before);
    expect(new Tally().nearness()).toEqual({ r: 0, within: 0, error: 1 });
  });

  it('lies flat in a log', () => {
    const one = { r: 1, within: 0.5, error: 0.25 };
    const row = flat({ relu1_1: { features: one, mean: one, deviation: one } });
    expect(row).toMatchObject({ 'relu1_1 features r': 1, 'relu1_1 mean within': 0.5 });
    expect(Object.keys(row)).toHaveLength(9);
  });
});
