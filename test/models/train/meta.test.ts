import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import sharp from 'sharp';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BadInput, CannotWrite, Interrupted } from '../../../src/errors.js';
import { readModel } from '../../../src/models/model.js';
import { Adam } from '../../../src/models/train/adam.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { takeStep } from '../../../src/models/train/course.js';
import { loadLossNetworks } from '../../../src/models/train/losses.js';
import { metaGradients, type TrainFiles, trainMeta } from '../../../src/models/train/meta.js';
import {
  buildNets,
  fromVariables,
  initialParams,
  toVariables,
  trainedParams,
} from '../../../src/models/train/nets.js';
import type { TrainOptions } from '../../../src/models/train/options.js';
import { Random } from '../../../src/models/train/random.js';
import { histogramsIn } from './events.js';
import { tinyFiles, tinyOptions } from './tiny.js';

let files: TrainFiles;
let folder: string;
beforeAll(async () => {
  await useBackend('wasm');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'train-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  files = await tinyFiles(folder);
});

interface Line {
  readonly event: string;
  readonly step: number;
  readonly total: number;
  readonly norm: number;
}
const lines = async (out: string): Promise<Line[]> =>
  (await readFile(join(out, 'log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const trace = async (out: string) =>
  (await lines(out)).filter(({ event }) => event === 'step').map(({ total, norm }) => [total, norm]);

describe('a training', () => {
  it('leaves a model, checkpoints, a log, events and a sheet behind, and no tensor', async () => {
    const before = tf.memory().numTensors;
    const result = await trainMeta(files, tinyOptions(), { show: 'none' });
    expect(tf.memory().numTensors).toBe(before);
    expect(result).toMatchObject({ step: 6, skips: 0 });
    const model = readModel(await readFile(result.model));
    expect(model.card).toMatchObject({ name: 'tiny', transform: { base: 2 }, training: { step: 6 } });
    expect((await readdir(join(files.out, 'checkpoints'))).sort()).toEqual([
      'step-00000003',
      'step-00000006',
    ]);
    const { width, height } = await sharp(join(files.out, 'sheets', 'step-6.png')).metadata();
    expect([width, height]).toEqual([4 + 3 * 20, 4 + 3 * 20]);
    expect(await readdir(join(files.out, 'events'))).toHaveLength(1);
    const events = (await lines(files.out)).map(({ event, step }) => `${event} ${step}`);
    expect(events).toContain('evaluation 0');
    expect(events).toContain('evaluation 6');
    expect(events.filter((event) => event.startsWith('step'))).toHaveLength(6);
  });

  it('writes down how trained and generated weights are distributed, and where it began and ended', async () => {
    const options = tinyOptions({ steps: 4, histogramEvery: 2 });
    await trainMeta(files, options, { show: 'none' });
    const found = await histogramsIn(join(files.out, 'events'));
    const { transform, meta } = buildNets(options);
    const trained = Object.keys(trainedParams({ transform, meta })).map((name) => `trained/${name}`);
    const generated = Object.keys(meta.outputs).map((name) => `generated/${name}`);
    for (const step of [2, 4]) {
      const tags = found.filter((one) => one.step === step).map(({ tag }) => tag);
      expect(tags.sort()).toEqual([...trained, ...generated].sort());
    }
    for (const { tag, histo } of found.filter(({ step }) => step === 4)) {
      const net = tag.startsWith('trained/transform/') ? transform : meta;
      const name = tag.replace(/^trained\/(transform|meta)\//, '');
      const made = tag.startsWith('generated/') && transform.params[tag.slice('generated/'.length)]!.shape;
      const shape = made ? [options.sheetSide, ...made] : net.params[name]!.shape;
      expect(histo.num).toBe(shape.reduce((product, side) => product * side, 1));
    }
    const all = await lines(files.out);
    expect(all[0]).toMatchObject({ event: 'begin', step: 0, steps: 4, options: { base: 2 } });
    expect(all.at(-1)).toMatchObject({ event: 'end', step: 4, reason: 'done' });
  });

  it('learns: the loss on what it trains on falls', async () => {
    await trainMeta(
      files,
      tinyOptions({ steps: 30, rate: 0.02, saveEvery: 30, evaluateEvery: 30, sheetEvery: 30 }),
      {
        show: 'none',
      },
    );
    const [first, last] = (await lines(files.out)).filter(({ event }) => event === 'evaluation');
    expect(last!.total).toBeLessThan(0.8 * first!.total);
  });

  it('goes on as if it had not stopped', async () => {
    await trainMeta({ ...files, out: join(folder, 'whole') }, tinyOptions(), { show: 'none' });
    // The learning rate depends on the number of steps, so the first half is cut off, not planned shorter.
    const stop = new AbortController();
    const options = tinyOptions({ sheetEvery: 3 });
    const half = join(folder, 'half');
    const watch = setInterval(async () => {
      if ((await readdir(join(half, 'sheets')).catch(() => [])).length > 0) stop.abort();
    }, 1);
    await trainMeta({ ...files, out: half }, options, { show: 'none', signal: stop.signal }).catch(
      (error) => {
        if (!(error instanceof Interrupted)) throw error;
      },
    );
    clearInterval(watch);
    const stopped = (await trace(half)).length;
    expect(stopped).toBeLessThan(6);
    await trainMeta({ ...files, out: half }, options, { show: 'none', resume: true });
    const [whole, resumed] = [await trace(join(folder, 'whole')), await trace(half)];
    expect(resumed).toHaveLength(6);
    for (const [i, numbers] of whole.entries())
      for (const [j, number] of numbers.entries())
        expect(Math.abs(resumed[i]![j]! - number) / number).toBeLessThan(1e-6);
  });

  it('saves and stops when it is told to', async () => {
    const result = trainMeta(files, tinyOptions(), { show: 'none', signal: AbortSignal.abort() });
    await expect(result).rejects.toThrow(Interrupted);
    expect(await readdir(join(files.out, 'checkpoints'))).toEqual(['step-00000000']);
    expect((await lines(files.out)).at(-1)).toMatchObject({ event: 'end', reason: 'stopped' });
  });

  it('does not run over an earlier one, nor go on with other nets', async () => {
    await trainMeta(files, tinyOptions({ steps: 1 }), { show: 'none' });
    await expect(trainMeta(files, tinyOptions(), { show: 'none' })).rejects.toThrow(CannotWrite);
    const other = trainMeta(files, tinyOptions({ base: 3 }), { show: 'none', resume: true });
    await expect(other).rejects.toThrow(BadInput);
  });
});

describe('a step', () => {
  const options = tinyOptions();
  const open = async (given: Partial<TrainOptions> = {}) => {
    const nets = buildNets(options);
    const networks = await loadLossNetworks(files.loss, options.styleLayers);
    const adam = new Adam(toVariables(initialParams(nets, 1)), options);
    const all = { ...options, ...given };
    const random = Random.from(1);
    const step = (content: tf.Tensor4D, style: tf.Tensor4D, rate: number) =>
      takeStep(
        { gradients: () => metaGradients(nets, networks, adam.params, { content, style }, all, random) },
        { optimiser: adam, options: all },
        { next: { content: 0, style: 0 } },
        rate,
      );
    return { nets, adam, step };
  };
  const pictures = (seed: number) => tf.randomUniform([2, 16, 16, 3], 0, 255, 'float32', seed) as tf.Tensor4D;

  it('keeps the number of tensors', async () => {
    const { step } = await open({ consistencyWeight: 10 });
    const [content, style] = [pictures(1), pictures(2)];
    await step(content, style, 1e-3);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) await step(content, style, 1e-3);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves everything as it was when a number is none', async () => {
    const { adam, step } = await open();
    const before = await fromVariables(adam.params);
    const content = tf.mul(pictures(1), Number.NaN) as tf.Tensor4D;
    expect(await step(content, pictures(2), 1e-3)).toMatchObject({ skipped: true });
    expect(await fromVariables(adam.params)).toEqual(before);
    expect(adam.updates).toBe(0);
  });

  it('gives every sample its own style: changing one style moves no other picture', async () => {
    const { generate, paintEach } = await import('../../../src/models/train/nets.js');
    const { nets, adam } = await open();
    const content = pictures(1);
    const [a, b] = [pictures(2), pictures(3)];
    const mixed = tf.concat([
      tf.slice(a, [0, 0, 0, 0], [1, -1, -1, -1]),
      tf.slice(b, [1, 0, 0, 0], [1, -1, -1, -1]),
    ]);
    const paint = (style: tf.Tensor) =>
      tf.unstack(paintEach(nets, adam.params, generate(nets, adam.params, style as tf.Tensor4D), content));
    const [before, after] = [paint(a), paint(mixed)];
    const moved = (i: number) => tf.max(tf.abs(tf.sub(before[i]!, after[i]!))).dataSync()[0]!;
    expect(moved(0)).toBeLessThan(1e-6);
    expect(moved(1)).toBeGreaterThan(1e-6);
  });

  it('holds large generated weights back when a limit is set', async () => {
    const [content, style] = [pictures(1), pictures(2)];
    const free = await (await open({ weightLimit: 0 })).step(content, style, 0);
    const held = await (await open({ weightLimit: 0.01, weightPenalty: 100 })).step(content, style, 0);
    expect(held.watched.largest).toBeCloseTo(free.watched.largest!, 4);
    expect(held.norm).toBeGreaterThan(2 * free.norm);
  });
});

it('ends when step after step gives no number', async () => {
  const options = tinyOptions({ steps: 50, styleWeight: 1e38, patience: 3 });
  await expect(trainMeta(files, options, { show: 'none' })).rejects.toThrow('gone wrong');
  expect((await lines(files.out)).filter(({ event }) => event === 'skipped')).toHaveLength(3);
});
