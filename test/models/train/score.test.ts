import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { useBackend } from '../../../src/models/train/backend.js';
import { scoreDefaults, scoreModel, summarise } from '../../../src/models/train/score.js';
import { tinyModel } from '../tiny-model.js';
import { tinyFiles } from './tiny.js';

beforeAll(async () => {
  await useBackend('wasm');
});

it('sums pairs up: S of the means, mean and median of the pairs', () => {
  const pair = (unchanged: number, model: number, optimised: number) => ({
    ...{ content: 'c', style: 's', unchanged, model, optimised },
    score: (unchanged - model) / (unchanged - optimised),
  });
  const result = summarise([pair(10, 6, 2), pair(20, 2, 2), pair(5, 5, 1)]);
  expect(result.mean).toBeCloseTo(0.5, 10);
  expect(result.median).toBeCloseTo(0.5, 10);
  expect(result.score).toBeCloseTo((35 - 13) / (35 - 5), 10);
});

it('scores a model between nothing and the optimised picture, and remembers the references', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'score-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const files = await tinyFiles(folder);
  const options = {
    ...scoreDefaults,
    ...{ pairs: 2, size: 32, holdout: 0.3, referenceSteps: 20 },
    ...{ styleLayers: ['relu1_1', 'relu2_1'], contentLayers: ['relu2_1'] },
  };
  const cache = join(folder, 'cache');
  const before = tf.memory().numTensors;
  const told: number[] = [];
  const onPair = (done: number) => told.push(done);
  const first = await scoreModel(tinyModel(), files, options, { cache, onPair });
  expect(tf.memory().numTensors).toBe(before);
  expect(told).toEqual([1, 2]);
  expect(first.optimised).toBeLessThan(first.unchanged);
  expect(first.score).toBeLessThan(1);
  expect(await readdir(cache)).toHaveLength(2);
  expect(await scoreModel(tinyModel(), files, options, { cache })).toEqual(first);
  const other = await scoreModel(tinyModel('other', 5), files, options, { cache });
  expect(other.optimised).toBe(first.optimised);
  expect(other.model).not.toBe(first.model);
  expect(await readdir(cache)).toHaveLength(2);
});
