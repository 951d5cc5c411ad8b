import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { CannotWrite } from '../../../src/errors.js';
import { newestCheckpoint, saveCheckpoint, type TrainState } from '../../../src/models/train/checkpoint.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoints-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

const state = (step: number): TrainState => ({
  ...{ format: 1, step, updates: step, skipped: 0, seconds: 1.5, cursor: { content: 3, style: 4 } },
  ...{ random: [1, 2, 3, 4], data: { content: 'a', style: 'b' }, options: { steps: 9 } },
});
const weights = new Map([['transform/a', { shape: [2], data: Float32Array.of(0.1, -1e-7) }]]);
const save = (step: number) => saveCheckpoint(folder, { state: state(step), weights });

it('gives back what it was given, to the last bit', async () => {
  await save(5);
  expect(await newestCheckpoint(folder)).toEqual({ state: state(5), weights });
});

it('keeps the newest two and leaves nothing else behind', async () => {
  for (const step of [1, 2, 10]) await save(step);
  expect((await readdir(folder)).sort()).toEqual(['step-00000002', 'step-00000010']);
  expect((await newestCheckpoint(folder))?.state.step).toBe(10);
});

it('replaces a checkpoint of the same step', async () => {
  await save(3);
  await save(3);
  expect(await readdir(folder)).toEqual(['step-00000003']);
});

it('takes no notice of one without its marker', async () => {
  await save(1);
  await save(2);
  await rm(join(folder, 'step-00000002', 'complete'));
  expect((await newestCheckpoint(folder))?.state.step).toBe(1);
});

it('falls back to an older one where the newest is damaged', async () => {
  await save(1);
  await save(2);
  await writeFile(join(folder, 'step-00000002', 'weights.safetensors'), 'rubbish');
  expect((await newestCheckpoint(folder))?.state.step).toBe(1);
  await writeFile(join(folder, 'step-00000001', 'state.json'), '{}');
  expect(await newestCheckpoint(folder)).toBeUndefined();
});

it('finds nothing where there is nothing', async () => {
  expect(await newestCheckpoint(join(folder, 'none'))).toBeUndefined();
});

it('says so when it cannot write', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expect(saveCheckpoint(join(file, 'x'), { state: state(1), weights })).rejects.toThrow(CannotWrite);
  await mkdir(join(folder, 'fine'));
});
