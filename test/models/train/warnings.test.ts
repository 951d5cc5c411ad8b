import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { forward, statistics } from '../../../src/models/engines/tfjs-forward.js';
import { NetBuilder } from '../../../src/models/net.js';
import { Adam } from '../../../src/models/train/adam.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { takeStep } from '../../../src/models/train/course.js';
import { loadLossNetworks } from '../../../src/models/train/losses.js';
import { metaGradients } from '../../../src/models/train/meta.js';
import { buildNets, initialParams, toVariables } from '../../../src/models/train/nets.js';
import type { TrainOptions } from '../../../src/models/train/options.js';
import { Random } from '../../../src/models/train/random.js';
import { tinyFiles, tinyOptions } from './tiny.js';

beforeAll(async () => {
  await useBackend('wasm');
});

/** Largest number of the gradient of the sum of f's squares where its argument is of one colour. */
function steepest(f: (x: tf.Tensor4D) => tf.Tensor): number {
  return tf.tidy(() => {
    const solid = tf.fill([1, 8, 8, 3], 0.25) as tf.Tensor4D;
    const grad = tf.grad((x) => tf.sum(tf.square(tf.add(f(x as tf.Tensor4D), 1))))(solid);
    // Not tf.max, which passes over what is no number.
    return Math.max(...tf.abs(grad).dataSync());
  });
}

describe('on a solid colour', () => {
  const deviation = (x: tf.Tensor4D) =>
    tf.sqrt(tf.mean(tf.square(tf.sub(x, tf.mean(x, [1, 2], true))), [1, 2]));

  it('the plain standard deviation has no gradient: a root is infinitely steep at 0', () => {
    expect(steepest(deviation)).toBeNaN();
  });

  it('ours has one, and it is small', () => {
    expect(steepest((x) => statistics(x, 1e-5))).toBeLessThan(1);
  });

  it('the plain instance norm is no number, and ours has a gradient of 0', () => {
    const plain = (x: tf.Tensor4D) =>
      tf.div(tf.sub(x, tf.mean(x, [1, 2], true)), tf.expandDims(tf.expandDims(deviation(x), 1), 1));
    expect(steepest(plain)).toBeNaN();
    const builder = new NetBuilder();
    const y = builder.push('instanceNorm', { in: 'x', epsilon: 1e-5 });
    const net = builder.build({ name: 'norm', inputs: ['x'], outputs: { y } });
    expect(steepest((x) => forward(net, { x }, {}, ['y']).y)).toBeLessThan(0.1);
  });
});

describe('a training', () => {
  async function open(given: Partial<TrainOptions>) {
    const folder = await mkdtemp(join(tmpdir(), 'warnings-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const files = await tinyFiles(folder, 1);
    const options = tinyOptions(given);
    const nets = buildNets(options);
    const networks = await loadLossNetworks(files.loss, options.styleLayers);
    const optimiser = new Adam(toVariables(initialParams(nets, 1)), options);
    const random = Random.from(1);
    return (content: tf.Tensor4D, style: tf.Tensor4D, rate: number) =>
      takeStep(
        {
          gradients: () =>
            metaGradients(nets, networks, optimiser.params, { content, style }, options, random),
        },
        { optimiser, options },
        { next: { content: 0, style: 0 } },
        rate,
      );
  }
  const noise = (seed: number) => tf.randomUniform([2, 16, 16, 3], 0, 255, 'float32', seed) as tf.Tensor4D;
  const solid = (value: number) => tf.fill([2, 16, 16, 3], value) as tf.Tensor4D;

  it('has gradients of ordinary size for a photo just lively enough to be used, and vast ones for a solid one', async () => {
    const norm = async (deviation: number) => {
      const step = await open({});
      const faint = tf.clipByValue(
        tf.add(90, tf.randomNormal([2, 16, 16, 3], 0, deviation, 'float32', 1)),
        0,
        255,
      );
      return (await step(faint as tf.Tensor4D, noise(1), 0)).norm;
    };
    const [solid, least, lively] = [await norm(0), await norm(2), await norm(50)];
    expect(solid).toBeGreaterThan(1e6 * lively);
    expect(least).toBeLessThan(100 * lively);
  });

  it('gets through a step with a photo of one colour, should one come: clipped, no number is lost', async () => {
    const step = await open({});
    await step(solid(90), noise(1), 1e-2);
    const after = await step(noise(2), noise(3), 1e-2);
    expect(after).toMatchObject({ skipped: false });
    expect(after.norm).toBeLessThan(1e4);
  });

  it('learns from paintings of one colour', async () => {
    const result = await (await open({}))(noise(1), solid(0), 1e-2);
    expect(result).toMatchObject({ skipped: false });
    expect(result.norm).toBeLessThan(1e4);
  });

  /** The largest generated weight at the start, and after some steps with a high rate. */
  async function growth(given: Partial<TrainOptions>): Promise<{ first: number; last: number }> {
    const step = await open(given);
    const [content, style] = [noise(1), noise(2)];
    const sizes: number[] = [];
    for (let i = 0; i < 20; i++) sizes.push((await step(content, style, 0.1)).watched.largest!);
    return { first: sizes[0]!, last: sizes.at(-1)! };
  }

  it('lets generated weights grow where nothing limits them, and not where a limit does', async () => {
    const free = await growth({ weightLimit: 0 });
    expect(free.last).toBeGreaterThan(3 * free.first);
    const held = await growth({ weightLimit: 1.5, weightPenalty: 1 });
    expect(held.first).toBeCloseTo(free.first, 5);
    expect(held.last).toBeLessThan(0.5 * free.last);
    expect(held.last).toBeLessThan(3);
  });
});
