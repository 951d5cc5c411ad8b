import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BadInput, Usage } from '../../../src/errors.js';
import type { Pixels } from '../../../src/models/pixels.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { pictureLoss } from '../../../src/models/train/gatys-loss.js';
import { memoryFor } from '../../../src/models/train/gatys-memory.js';
import { choosePicture, type PictureRecipe } from '../../../src/models/train/gatys-options.js';
import { paintByOptimising, scalesOf } from '../../../src/models/train/gatys-picture.js';
import { gradientsOf } from '../../../src/models/train/gradients.js';
import {
  features,
  type LossNetwork,
  loadLossNetworks,
  lossOf,
  type Targets,
  targetsOf,
} from '../../../src/models/train/losses.js';
import { Random } from '../../../src/models/train/random.js';
import { tinyVgg16 } from './tiny-vgg16.js';

/** A picture with larger and smaller things in it, another for every seed, of another brightness than the next. */
function scene(width: number, height: number, seed: number): Pixels {
  const random = Random.from(seed, 'scene');
  const waves = Array.from({ length: 6 }, () => [random.next(), random.next(), 6 * random.next()] as const);
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) {
    const [x, y, channel] = [i % width, Math.floor(i / width) % height, Math.floor(i / width / height)];
    const wave = waves.reduce((sum, [a, b, c]) => sum + Math.sin(a * x + b * y + c * (channel + 1)), 0);
    data[i] = 40 + 160 * (seed % 2) + 6 * wave;
  }
  return { data, width, height };
}

const toTensor = ({ data, width, height }: Pixels) =>
  tf.tidy(() =>
    tf.transpose(tf.div(tf.tensor4d(data, [1, 3, height, width]), 255), [0, 2, 3, 1]),
  ) as tf.Tensor4D;

let folder: string;
let path: string;
beforeAll(async () => {
  await useBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'gatys-'));
  path = join(folder, 'vgg.safetensors');
  await writeFile(path, tinyVgg16());
});
afterAll(() => rm(folder, { recursive: true }));

async function open(recipe: PictureRecipe, file = path): Promise<LossNetwork[]> {
  const networks = await loadLossNetworks([file], [...recipe.styleLayers, ...recipe.contentLayers]);
  onTestFinished(() => {
    for (const network of networks) network[Symbol.dispose]();
  });
  return networks;
}

const presets = ['house', 'lbfgs-vgg16', 'adam-vgg16'] as const;

describe('the loss of a picture', () => {
  const photo = toTensor.bind(undefined, scene(32, 32, 1));
  const painting = toTensor.bind(undefined, scene(48, 32, 2));
  const targetsFor = (networks: LossNetwork[], recipe: PictureRecipe) =>
    targetsOf(networks, painting(), photo(), recipe) as Targets;

  it.each(presets)('has the gradient that its values have, with the preset %s', async (preset) => {
    const recipe = choosePicture(preset, { tvWeight: 0.1 });
    const networks = await open(recipe);
    const loss = await pictureLoss(networks, targetsFor(networks, recipe), photo(), recipe);
    const at = toTensor(scene(32, 32, 3));
    const picture = tf.variable(at);
    const { grads } = gradientsOf({ picture }, () => ({
      losses: loss(picture as unknown as tf.Tensor4D),
    }));
    // Along the gradient the values change most, which rounding and kinks disturb least.
    const along = tf.div(grads.picture!, tf.norm(grads.picture!));
    const far = 0.0005;
    const value = (sign: number) =>
      loss(tf.add(at, tf.mul(along, sign * far)) as tf.Tensor4D).total.dataSync()[0]!;
    const measured = (value(1) - value(-1)) / (2 * far);
    const told = tf.norm(grads.picture!).dataSync()[0]!;
    expect(measured / told).toBeCloseTo(1, 1);
    expect(told).toBeGreaterThan(0);
  });

  /** The Gram matrix of a feature as sums over pixels, and the feature's numbers, by loops. */
  function byHand(feature: tf.Tensor) {
    const [, height, width, channels] = feature.shape as [number, number, number, number];
    const x = feature.dataSync();
    const gram = Array.from({ length: channels ** 2 }, (_, k) => {
      const [i, j] = [k % channels, Math.floor(k / channels)];
      let sum = 0;
      for (let p = 0; p < height * width; p++) sum += x[p * channels + i]! * x[p * channels + j]!;
      return sum;
    });
    return { x, gram, channels, pixels: height * width };
  }
  const squares = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a, (value, i) => (value - b[i]!) ** 2).reduce((sum, value) => sum + value, 0);

  it('is that of seed 001: mean squared errors, Gram matrices over channels and pixels', async () => {
    const { inputGain, ...recipe }: PictureRecipe = choosePicture('lbfgs-vgg16');
    const networks = await open(recipe);
    const loss = await pictureLoss(networks, targetsFor(networks, recipe), photo(), recipe);
    const mine = features(networks, toTensor(scene(32, 32, 3)));
    const [theirs, its] = [features(networks, painting()), features(networks, photo())];
    const layer = (name: string) => {
      const [a, b] = [byHand(mine[name]!), byHand(theirs[name]!)];
      const over = ({ gram, channels, pixels }: ReturnType<typeof byHand>) =>
        gram.map((value) => value / (channels * pixels));
      return squares(over(a), over(b)) / a.channels ** 2;
    };
    const style = recipe.styleLayers.map(layer).reduce((sum, value) => sum + value, 0);
    const content = squares(mine.relu3_3!.dataSync(), its.relu3_3!.dataSync()) / mine.relu3_3!.size;
    const { total, ...parts } = loss(toTensor(scene(32, 32, 3)));
    expect(parts.style!.dataSync()[0]! / style).toBeCloseTo(1, 4);
    expect(parts.content!.dataSync()[0]! / content).toBeCloseTo(1, 4);
    expect(total.dataSync()[0]! / (1e6 * style + content)).toBeCloseTo(1, 4);
    expect(inputGain).toBeGreaterThan(4);
  });

  it('is that of seed 004: sums of squares, halved and quartered, layers averaged', async () => {
    const { inputGain, ...recipe }: PictureRecipe = choosePicture('adam-vgg16');
    const networks = await open(recipe);
    const same = targetsOf(networks, toTensor(scene(32, 32, 2)), photo(), recipe) as Targets;
    const loss = await pictureLoss(networks, same, photo(), recipe);
    const mine = features(networks, toTensor(scene(32, 32, 3)));
    const [theirs, its] = [features(networks, toTensor(scene(32, 32, 2))), features(networks, photo())];
    const layer = (name: string) => {
      const [a, b] = [byHand(mine[name]!), byHand(theirs[name]!)];
      return squares(a.gram, b.gram) / (4 * a.channels ** 2 * a.pixels ** 2);
    };
    const style = recipe.styleLayers.map(layer).reduce((sum, value) => sum + value, 0) / 5;
    const content = squares(mine.relu5_3!.dataSync(), its.relu5_3!.dataSync()) / 2;
    const { total } = loss(toTensor(scene(32, 32, 3)));
    expect(total.dataSync()[0]! / (1e4 * style + 0.5 * content)).toBeCloseTo(1, 4);
    expect(inputGain).toBe(255);
  });

  it('is the loss of training with the preset house', async () => {
    const layers = { styleLayers: ['relu1_1', 'relu1_2'], contentLayers: ['relu1_1'] };
    const recipe = choosePicture('house', { styleWeight: 6, ...layers });
    // Features of about 1, as a normalised network has them: only those are taken as they are.
    const file = join(folder, 'normalised.safetensors');
    await writeFile(file, tinyVgg16({ gain: 2 }));
    const networks = await open(recipe, file);
    const means = Object.values(features(networks, photo())).map((feature) => feature.mean().dataSync()[0]!);
    for (const mean of means) expect(Math.abs(Math.log2(mean))).toBeLessThan(3);
    const targets = targetsFor(networks, recipe);
    const loss = await pictureLoss(networks, targets, photo(), recipe);
    const picture = toTensor(scene(32, 32, 3));
    const [mine, theirs] = [loss(picture), lossOf(networks, picture, targets, recipe)];
    expect(mine.total.dataSync()[0]! / theirs.total.dataSync()[0]!).toBeCloseTo(1, 4);
  });

  it.each([
    ['adam-vgg16', 255, 5],
    ['house', 255, 2550],
  ])(
    'weighs the same for networks that differ only in the scale of their features: %s',
    async (preset, ...gains) => {
      const recipe = choosePicture(preset, { tvWeight: 0 });
      const losses: number[] = [];
      for (const gain of gains) {
        const file = join(folder, `gain-${gain}.safetensors`);
        // Without biases every feature is as many times larger as its input is.
        await writeFile(file, tinyVgg16({ gain, bias: 0 }));
        const networks = await open(recipe, file);
        const loss = await pictureLoss(networks, targetsFor(networks, recipe), photo(), recipe);
        losses.push(loss(toTensor(scene(32, 32, 3))).total.dataSync()[0]!);
      }
      expect(losses[1]! / losses[0]!).toBeCloseTo(1, 3);
    },
  );
});

describe('optimising a picture', () => {
  const scenes = { content: scene(45, 37, 1), style: scene(40, 52, 2) };

  it.each(presets)(
    'lowers the loss of the preset %s in a few steps, and leaves nothing behind',
    async (preset) => {
      const recipe = choosePicture(preset, { steps: 6, start: 'noise' });
      const networks = await open(recipe);
      const before = tf.memory().numTensors;
      const steps: number[] = [];
      const losses: number[] = [];
      const painted = await paintByOptimising(networks, scenes, recipe, {
        onStep: ({ step, losses: { total } }) => {
          steps.push(step);
          losses.push(total);
        },
      });
      expect(tf.memory().numTensors).toBe(before);
      expect(painted.pixels).toMatchObject({ width: 45, height: 37 });
      expect(painted.pixels.data).toHaveLength(3 * 45 * 37);
      expect(painted).toMatchObject({ steps: 6, end: 'steps' });
      expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
      expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
      expect(painted.after.total).toBeLessThan(losses[0]!);
    },
  );

  it('goes from coarse to fine, each size the double of the one before, none of them tiny', async () => {
    const sizes = (width: number, height: number, count: number) =>
      scalesOf({ width, height }, count).map((size) => [size.width, size.height]);
    expect(sizes(640, 401, 3)).toEqual([
      [160, 100],
      [320, 201],
      [640, 401],
    ]);
    expect(sizes(150, 100, 4)).toEqual([[150, 100]]);
    const recipe = choosePicture('house', { steps: 5, scales: 2 });
    const seen: number[] = [];
    const painted = await paintByOptimising(
      await open(recipe),
      { content: scene(192, 40, 1), style: scene(64, 64, 2) },
      recipe,
      { onStep: async ({ pixels }) => seen.push((await pixels()).width) },
    );
    expect(seen).toEqual([96, 96, 96, 192, 192]);
    expect(painted.pixels).toMatchObject({ width: 192, height: 40 });
    expect(painted.steps).toBe(5);
  });

  it('paints pictures that are smaller than the network can see', async () => {
    const recipe = choosePicture('adam-vgg16', { steps: 1 });
    const tiny = { content: scene(5, 90, 1), style: scene(1, 1, 2) };
    const { pixels } = await paintByOptimising(await open(recipe), tiny, recipe);
    expect(pixels).toMatchObject({ width: 5, height: 90 });
  });

  it('begins with noise that depends on the seed alone', async () => {
    const recipe = choosePicture('house', { steps: 2, start: 'noise' });
    const networks = await open(recipe);
    const paint = async (seed: number) =>
      (await paintByOptimising(networks, scenes, recipe, { seed })).pixels;
    const one = await paint(1);
    expect(await paint(1)).toEqual(one);
    expect(await paint(2)).not.toEqual(one);
  });

  it.each(presets)('keeps the picture so far when it is stopped, with the preset %s', async (preset) => {
    const recipe = choosePicture(preset, { steps: 50 });
    const control = new AbortController();
    let shown: Pixels | undefined;
    const painted = await paintByOptimising(await open(recipe), scenes, recipe, {
      signal: control.signal,
      onStep: async ({ step, pixels }) => {
        if (step !== 3) return;
        shown = await pixels();
        control.abort();
      },
    });
    expect(painted).toMatchObject({ steps: 3, end: 'stopped' });
    expect(painted.pixels).toEqual(shown);
  });

  it('says that a loss is no number instead of painting one', async () => {
    const file = join(folder, 'huge.safetensors');
    await writeFile(file, tinyVgg16({ gain: 1e30 }));
    for (const preset of ['house', 'adam-vgg16']) {
      const recipe = { ...choosePicture(preset, { steps: 2 }), inputGain: undefined };
      const networks = await open(recipe, file);
      await expect(paintByOptimising(networks, scenes, recipe)).rejects.toThrow(BadInput);
    }
  });

  it('knows about how much memory a size takes: in proportion to its pixels', async () => {
    const networks = await open(choosePicture('adam-vgg16'));
    const [one, four] = [
      memoryFor(networks, { width: 64, height: 64 }),
      memoryFor(networks, { width: 128, height: 128 }),
    ];
    expect(four / one).toBeCloseTo(4, 5);
    // At least the first two layers, each four channels of four bytes.
    expect(one).toBeGreaterThan(64 * 64 * 4 * 4 * 2);
  });
});

describe('the recipe of a picture', () => {
  it('is a preset with changes, those that are undefined left out', () => {
    const recipe = choosePicture('lbfgs-vgg16', { steps: 7, styleWeight: undefined });
    expect(recipe).toMatchObject({ steps: 7, styleWeight: 1e6, contentLayers: ['relu3_3'] });
  });

  it.each([
    ['mansion', {}],
    ['toString', {}],
    ['house', { steps: 0 }],
    ['house', { styleWeight: Number.NaN }],
    ['house', { styleLayers: ['pool1'] }],
    ['house', { contentLayers: [] }],
    ['house', { styleWeight: 0, contentWeight: 0 }],
    ['adam-vgg16', { styleLoss: 'moments' as const }],
  ])('refuses %s with %j', (preset, changes) => {
    expect(() => choosePicture(preset, changes)).toThrow(Usage);
  });
});
