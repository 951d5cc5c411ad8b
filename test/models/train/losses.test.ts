import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput, NotFound, Usage } from '../../../src/errors.js';
import {
  features,
  loadLossNetworks,
  lossOf,
  parseLossFile,
  targetsOf,
  totalVariation,
} from '../../../src/models/train/losses.js';
import { tinyLossNetwork } from './tiny.js';

const wanted = ['relu1_1', 'relu2_1'];
let folder: string;
let [one, two] = ['', ''];
beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'losses-'));
  [one, two] = [join(folder, 'one.safetensors'), join(folder, 'two.safetensors')];
  await writeFile(one, tinyLossNetwork(1));
  await writeFile(two, tinyLossNetwork(2));
});
afterAll(() => rm(folder, { recursive: true }));

describe('sharing layers among files', () => {
  const shares = async (files: string[], layers = wanted) =>
    (await loadLossNetworks(files, layers)).map(({ name, layers }) => [name, ...layers]);

  it('lets the first file serve all that it has', async () => {
    expect(await shares([one, two])).toEqual([['one.safetensors', 'relu1_1', 'relu2_1']]);
  });

  it('lets a file that names a layer serve it', async () => {
    expect(await shares([one, `${two}:relu2_1`])).toEqual([
      ['one.safetensors', 'relu1_1'],
      ['two.safetensors', 'relu2_1'],
    ]);
  });

  it('refuses what nobody serves, what a file lacks, and what is no loss network', async () => {
    await expect(shares([one], ['relu4_1'])).rejects.toThrow(Usage);
    await expect(shares([`${one}:relu4_1`])).rejects.toThrow(Usage);
    await expect(shares([join(folder, 'none.safetensors')])).rejects.toThrow(NotFound);
    const bad = join(folder, 'bad.safetensors');
    await writeFile(bad, 'rubbish');
    await expect(shares([bad])).rejects.toThrow(BadInput);
  });

  it('tells a path with a colon from a list of layers', () => {
    expect(parseLossFile('C:\\vgg.safetensors')).toEqual({ path: 'C:\\vgg.safetensors' });
    expect(parseLossFile('a:b:relu1_1,relu2_1')).toEqual({ path: 'a:b', layers: ['relu1_1', 'relu2_1'] });
  });
});

describe('the loss', () => {
  const options = {
    ...{ styleLayers: wanted, contentLayers: ['relu2_1'] },
    ...{ styleWeight: 6, contentWeight: 1, tvWeight: 0.3 },
  };
  const picture = (seed: number) => tf.randomUniform([2, 16, 16, 3], 0, 1, 'float32', seed) as tf.Tensor4D;
  const values = async (painted: tf.Tensor4D, style: tf.Tensor4D, content: tf.Tensor4D) => {
    const networks = await loadLossNetworks([one], wanted);
    const { total, ...parts } = lossOf(
      networks,
      painted,
      targetsOf(networks, style, content, options),
      options,
    );
    return [total, parts.style, parts.content, parts.variation].map((t) => t.dataSync()[0]!);
  };

  it('is nothing but the variation for a picture that is style and content at once', async () => {
    const same = picture(1);
    const [total, style, content, variation] = await values(same, same, same);
    expect([style, content]).toEqual([0, 0]);
    expect(total).toBeCloseTo(0.3 * variation!, 5);
  });

  it('weighs its parts as told', async () => {
    const [total, style, content, variation] = await values(picture(1), picture(2), picture(3));
    expect(style).toBeGreaterThan(0);
    expect(content).toBeGreaterThan(0);
    expect(total).toBeCloseTo(6 * style! + content! + 0.3 * variation!, 4);
  });

  it('divides Gram matrices by channels too where it is told to, and averages over all pairs of them', async () => {
    const networks = await loadLossNetworks([one], wanted);
    const style = (gramScale: 'pixels' | 'features') => {
      const told = { ...options, styleLayers: ['relu1_1'], styleLoss: 'gram', gramScale } as const;
      const targets = targetsOf(networks, picture(2), picture(3), told);
      return lossOf(networks, picture(1), targets, told).style.dataSync()[0]!;
    };
    const { shape } = features(networks, picture(1)).relu1_1!;
    expect(style('pixels') / style('features') / shape[3]! ** 3).toBeCloseTo(1, 5);
  });

  it('knows style as statistics: pixels in another order keep it', async () => {
    const style = picture(4);
    const [, turned] = await values(tf.reverse(style, 0), style, style);
    const [, other] = await values(picture(5), style, style);
    expect(turned).not.toBeCloseTo(0, 6);
    const networks = await loadLossNetworks([one], wanted);
    const flipped = targetsOf(networks, tf.reverse(style, 2), style, options);
    const { style: mirrored } = lossOf(networks, style, flipped, { ...options, styleLayers: [] });
    expect(mirrored.dataSync()[0]).toBe(0);
    expect(other).toBeGreaterThan(0);
  });

  it('measures the variation of neighbours', () => {
    const stripes = tf.tensor4d([0, 1, 0, 1, 0, 1], [1, 2, 3, 1]);
    // To the right every pair differs by 1; downwards: 0→1, 1→0, 0→1.
    expect(totalVariation(stripes).dataSync()[0]).toBeCloseTo(2, 6);
    expect(totalVariation(tf.ones([1, 4, 4, 3])).dataSync()[0]).toBe(0);
  });
});
