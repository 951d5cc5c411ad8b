import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { probeTfjs } from '../../../src/models/engines/tfjs.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { numbersOf } from '../../../src/models/train/course.js';
import { distill } from '../../../src/models/train/distill.js';
import { distillOptions } from '../../../src/models/train/distill-options.js';
import { trainMeta } from '../../../src/models/train/meta.js';
import { sumOf } from '../../../src/models/train/sum.js';
import { findVulkan } from '../../suites/vulkan.js';
import { tinyFiles, tinyOptions } from './tiny.js';

const noVulkan = findVulkan();
const probe = await probeTfjs('webgpu');
const skip = noVulkan || (!probe.present && probe.why);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-'));
  onTestFinished(() => rm(folder, { recursive: true }));
});

/** The numbers of a kind of line in a training's log. */
async function numbersIn(out: string, wanted: string, keys: readonly string[]): Promise<number[]> {
  const lines = (await readFile(join(out, 'log.jsonl'), 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === wanted)
    .flatMap((line) => keys.map((key) => line[key]));
}

/** Trains in WebAssembly and on WebGPU: what is logged is the same but for rounding. */
async function alike(train: (out: string) => Promise<unknown>): Promise<void> {
  const found: number[][] = [];
  for (const backend of ['wasm', 'webgpu'] as const) {
    expect(await useBackend(backend)).toBe(backend);
    const out = join(folder, backend);
    await train(out);
    found.push([
      ...(await numbersIn(out, 'step', ['total', 'norm'])),
      ...(await numbersIn(out, 'evaluation', ['total'])),
    ]);
  }
  const [there, here] = found as [number[], number[]];
  expect(here.length).toBeGreaterThan(4);
  expect(here).toHaveLength(there.length);
  for (const [i, value] of here.entries()) expect(value / there[i]!).toBeCloseTo(1, 2);
}

it.skipIf(skip)('training on WebGPU takes the steps that it takes in WebAssembly', async () => {
  const files = await tinyFiles(folder, 4);
  const options = tinyOptions({ steps: 2, evaluateEvery: 9, sheetEvery: 9, evaluatePairs: 1, sheetSide: 1 });
  await alike((out) => trainMeta({ ...files, out }, options, { show: 'none' }));
});

it.skipIf(skip)('a loss network learns on WebGPU as in WebAssembly, sheet and all', async () => {
  const files = await tinyFiles(folder);
  const layers = ['relu1_1', 'relu2_1'];
  const options = distillOptions.parse({
    ...{ steps: 2, size: 16, zoom: 1, batch: 2, holdout: 0.3, widths: [3, 4], warmup: 2 },
    ...{ styleLayers: layers, contentLayers: layers, logEvery: 1, evaluateEvery: 2, sheetEvery: 2 },
    ...{ saveEvery: 9, evaluatePairs: 2, sheetSide: 2, cacheMb: 8 },
  });
  await alike(async (out) => {
    await distill({ ...files, out }, options, { show: 'none' });
    expect(await readdir(join(out, 'sheets'))).not.toEqual([]);
  });
});

it.skipIf(skip)('training stops where the graphics processor refuses to compute', async () => {
  await useBackend('webgpu');
  const losses = () => ({ total: tf.addN(Array.from({ length: 30 }, (_, i) => tf.scalar(i))) as tf.Scalar });
  await expect(numbersOf(losses())).rejects.toThrow(/graphics processor refused to compute: .*buffers/);
  expect(await numbersOf({ total: sumOf(Array.from({ length: 30 }, (_, i) => tf.scalar(i))) })).toEqual({
    total: 435,
  });
});
