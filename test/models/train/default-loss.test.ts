import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { folders } from '../../../src/config.js';
import { Usage } from '../../../src/errors.js';
import { log } from '../../../src/log.js';
import { listModels } from '../../../src/models/models.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { courseFields } from '../../../src/models/train/course-options.js';
import { defaultLoss } from '../../../src/models/train/default-loss.js';
import { features, loadLossNetworks, parseLossFile } from '../../../src/models/train/losses.js';
import { scoreDefaults } from '../../../src/models/train/score.js';
import { readMetadata } from '../../../src/models/weights.js';
import { tinyModelFile } from '../tiny-model.js';

const file = () => parseLossFile(defaultLoss()[0]!);

describe('the loss network that ships', () => {
  beforeAll(async () => {
    await useBackend('wasm');
  });

  it('is small, says what it learnt, from whom and how near it is', async () => {
    const bytes = await readFile(file().path);
    expect(bytes.length).toBeLessThan(1e6);
    const card = JSON.parse(readMetadata(bytes).livebrush!);
    expect(card).toMatchObject({ format: 1, kind: 'loss', name: 'small', licence: 'MIT' });
    expect(card.layers).toEqual(file().layers);
    expect(Object.keys(card.agreement)).toEqual(card.layers);
    expect(card.teachers.length).toBeGreaterThan(0);
    expect(card.data.length).toBeGreaterThan(0);
  });

  it('serves what trainings and scores look at unless told otherwise, and no layer that it was not taught', async () => {
    const wanted = [
      ...courseFields.styleLayers.parse(undefined),
      ...courseFields.contentLayers.parse(undefined),
      ...scoreDefaults.styleLayers,
      ...scoreDefaults.contentLayers,
    ];
    const networks = await loadLossNetworks(defaultLoss(), wanted);
    const seen = features(networks, tf.zeros([1, 32, 32, 3]));
    // As wide as VGG-19.
    expect(Object.values(seen).map(({ shape }) => shape.at(-1))).toEqual([64, 128, 256, 512]);
    tf.dispose(seen);
    for (const network of networks) network[Symbol.dispose]();
    await expect(loadLossNetworks(defaultLoss(), ['relu1_2'])).rejects.toThrow(Usage);
  });

  it('sees edges where a VGG sees them: brighter for a pattern than for a plain colour', async () => {
    const networks = await loadLossNetworks(defaultLoss(), ['relu1_1', 'relu3_1']);
    const deviation = tf.tidy(() => {
      const plain = tf.fill([1, 32, 32, 3], 0.5) as tf.Tensor4D;
      const stripes = tf.mul(
        tf.ones([1, 32, 32, 3]),
        tf.reshape(tf.range(0, 32).mod(4).less(2), [1, 1, 32, 1]),
      );
      return [plain, stripes as tf.Tensor4D].map((picture) => {
        const { relu3_1: x } = features(networks, picture);
        return tf.mean(tf.sqrt(tf.moments(x!, [1, 2]).variance)).dataSync()[0]!;
      });
    });
    expect(deviation[1]).toBeGreaterThan(10 * deviation[0]!);
    for (const network of networks) network[Symbol.dispose]();
  });

  it('is not taken for a model', async () => {
    const names = (await listModels(folders)).map(({ name }) => name);
    expect(names).toContain('fast');
    expect(names).not.toContain('small');
    expect(names).not.toContain('loss');
  });

  it('is passed over with a word where a person put it among their models', async () => {
    const home = await mkdtemp(join(tmpdir(), 'default-loss-'));
    onTestFinished(() => rm(home, { recursive: true }));
    await mkdir(join(home, 'models'));
    await writeFile(join(home, 'models', 'mine.safetensors'), tinyModelFile('mine', 1));
    await writeFile(join(home, 'models', 'small.safetensors'), await readFile(file().path));
    const before = log.level;
    log.level = 'silent';
    onTestFinished(() => {
      log.level = before;
    });
    const names = (await listModels({ models: join(home, 'none'), home })).map(({ name }) => name);
    expect(names).toEqual(['mine']);
  });
});
