import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { expect, it, onTestFinished } from 'vitest';
import { probeTfjs } from '../../../src/models/engines/tfjs.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { numbersOf } from '../../../src/models/train/course.js';
import { trainMeta } from '../../../src/models/train/meta.js';
import { sumOf } from '../../../src/models/train/sum.js';
import { findVulkan } from '../../suites/vulkan.js';
import { tinyFiles, tinyOptions } from './tiny.js';

const noVulkan = findVulkan();
const probe = await probeTfjs('webgpu');
const skip = noVulkan || (!probe.present && probe.why);

it.skipIf(skip)('training on WebGPU takes the steps that it takes in WebAssembly', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'train-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const files = await tinyFiles(folder, 4);
  const options = tinyOptions({ steps: 2, evaluateEvery: 9, sheetEvery: 9, evaluatePairs: 1, sheetSide: 1 });
  const steps = async (backend: 'wasm' | 'webgpu') => {
    expect(await useBackend(backend)).toBe(backend);
    const out = join(folder, backend);
    await trainMeta({ ...files, out }, options, { show: 'none' });
    const lines = (await readFile(join(out, 'log.jsonl'), 'utf8')).trim().split('\n');
    return lines
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event === 'step')
      .map(({ total, norm }) => [total, norm] as [number, number]);
  };
  const [there, here] = [await steps('wasm'), await steps('webgpu')];
  expect(here).toHaveLength(2);
  for (const [i, numbers] of here.entries())
    for (const [k, value] of numbers.entries()) expect(value / there[i]![k]!).toBeCloseTo(1, 2);
});

it.skipIf(skip)('training stops where the graphics processor refuses to compute', async () => {
  await useBackend('webgpu');
  const losses = () => ({ total: tf.addN(Array.from({ length: 30 }, (_, i) => tf.scalar(i))) as tf.Scalar });
  await expect(numbersOf(losses())).rejects.toThrow(/graphics processor refused to compute: .*buffers/);
  expect(await numbersOf({ total: sumOf(Array.from({ length: 30 }, (_, i) => tf.scalar(i))) })).toEqual({
    total: 435,
  });
});
