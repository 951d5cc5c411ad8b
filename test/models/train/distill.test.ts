import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Interrupted, Usage } from '../../../src/errors.js';
import { readLossWeights } from '../../../src/models/import/index.js';
import { vggNet } from '../../../src/models/nets/vgg.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { compareLossNetworks, type DistillFiles, distill } from '../../../src/models/train/distill.js';
import {
  chooseDistillOptions,
  type DistillOptions,
  distillOptions,
} from '../../../src/models/train/distill-options.js';
import { features, loadLossNetworks } from '../../../src/models/train/losses.js';
import { studentWeights } from '../../../src/models/train/student.js';
import { readMetadata, readWeights } from '../../../src/models/weights.js';
import { tinyFiles } from './tiny.js';

const layers = ['relu1_1', 'relu2_1'];
const tiny = (given: Partial<DistillOptions> = {}): DistillOptions =>
  distillOptions.parse({
    ...{ steps: 6, size: 16, zoom: 1, batch: 2, holdout: 0.3, widths: [3, 4], warmup: 2 },
    ...{ styleLayers: layers, contentLayers: layers, logEvery: 1, evaluateEvery: 3, sheetEvery: 6 },
    ...{ saveEvery: 3, evaluatePairs: 2, sheetSide: 2, cacheMb: 8 },
    ...given,
  });

let folder: string;
let files: DistillFiles;
beforeAll(async () => {
  await useBackend('wasm');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'distill-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  files = await tinyFiles(folder);
});

const trace = async (out: string) =>
  (await readFile(join(out, 'log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; total: number; norm: number })
    .filter(({ event }) => event === 'step')
    .map(({ total, norm }) => [total, norm]);

describe('the training of a loss network', () => {
  it('leaves a network that serves the layers it learnt, and no tensor', async () => {
    const before = tf.memory().numTensors;
    const result = await distill({ ...files, licence: 'CC0' }, tiny({ zoom: 2 }), { show: 'none' });
    expect(tf.memory().numTensors).toBe(before);
    expect(result).toMatchObject({ step: 6, skips: 0 });
    expect(Object.keys(result.agreement)).toEqual(layers);

    const bytes = await readFile(result.model);
    const card = JSON.parse(readMetadata(bytes).livebrush!);
    expect(card).toMatchObject({ format: 1, kind: 'loss', name: 'tiny', layers, licence: 'CC0' });
    expect(card.agreement).toEqual(result.agreement);
    expect(card.teachers).toEqual(['loss.safetensors: relu1_1, relu2_1']);
    const [network] = await loadLossNetworks([result.model], layers);
    const seen = features([network!], tf.ones([1, 20, 16, 3]));
    // As wide as the teacher's, so that one can stand in for the other.
    expect(layers.map((layer) => seen[layer]!.shape)).toEqual([
      [1, 20, 16, 4],
      [1, 10, 8, 5],
    ]);
    tf.dispose(seen);
    network![Symbol.dispose]();
    expect(await readdir(join(files.out, 'sheets'))).toEqual(['step-6.png']);
  });

  it('brings the student nearer to its teacher, on pictures that it did not see', async () => {
    const options = tiny({ steps: 60, rate: 0.02, evaluateEvery: 60, saveEvery: 60, sheetEvery: 60 });
    const untrained = join(folder, 'untrained.safetensors');
    const first = await distill({ ...files, out: join(folder, 'first') }, tiny({ steps: 1, rate: 1e-9 }), {
      show: 'none',
    });
    await writeFile(untrained, await readFile(first.model));
    const { agreement, model } = await distill(files, options, { show: 'none' });
    const before = await compareLossNetworks([untrained], files, options);
    for (const layer of layers) {
      expect(agreement[layer]!.features.r).toBeGreaterThan(before[layer]!.features.r + 0.1);
      expect(agreement[layer]!.features.error).toBeLessThan(0.7 * before[layer]!.features.error);
    }
    // The file's halves say what the training measured.
    const read = await compareLossNetworks([model], files, options);
    expect(read.relu2_1!.features.r).toBeCloseTo(agreement.relu2_1!.features.r, 2);
  });

  it('goes on after a stop as if nothing had happened', async () => {
    await distill({ ...files, out: join(folder, 'whole') }, tiny({ zoom: 2 }), { show: 'none' });
    const stop = new AbortController();
    const options = tiny({ zoom: 2 });
    stop.abort();
    await expect(distill(files, options, { show: 'none', signal: stop.signal })).rejects.toThrow(Interrupted);
    // Three steps of six: the learning rate has not begun to fall by then, so it is the same for both lengths.
    await distill(files, tiny({ zoom: 2, steps: 3 }), { show: 'none', resume: true });
    const result = await distill(files, options, { show: 'none', resume: true });
    expect(result.step).toBe(6);
    const [whole, parts] = [await trace(join(folder, 'whole')), await trace(files.out)];
    expect(parts).toEqual(whole);
  });

  it('takes as much of several teachers as is asked for', async () => {
    const other = join(folder, 'other.safetensors');
    await writeFile(other, await readFile(files.loss[0]!));
    const loss = [`${files.loss[0]}:relu1_1`, `${other}:relu2_1`];
    const { model } = await distill({ ...files, loss }, tiny({ steps: 1 }), { show: 'none' });
    const card = JSON.parse(readMetadata(await readFile(model)).livebrush!);
    expect(card.teachers).toEqual(['loss.safetensors: relu1_1', 'other.safetensors: relu2_1']);
  });
});

describe('a student', () => {
  it('has the shape of VGG-19 up to the deepest layer that it learns, in its own widths', async () => {
    const options = chooseDistillOptions({ widths: [2, 3, 4, 5] });
    const widths = { relu1_1: 64, relu2_1: 128, relu3_1: 256, relu4_1: 512 };
    const weights = studentWeights(options, widths);
    const net = vggNet(weights);
    expect(Object.keys(net.outputs)).toEqual([
      ...['relu1_1', 'relu1_2', 'relu2_1', 'relu2_2', 'relu3_1', 'relu3_2', 'relu3_3', 'relu3_4'],
      'relu4_1',
    ]);
    expect(weights.get('conv4_1.weight')!.shape).toEqual([5, 4, 3, 3]);
    expect(weights.get('conv4_1_aux.weight')!.shape).toEqual([512, 5, 1, 1]);
    expect(weights.has('conv1_2_aux.weight')).toBe(false);
  });

  it('needs a width for each block that it learns from, and paints nothing', () => {
    expect(() => chooseDistillOptions({ widths: [2, 3] })).toThrow(Usage);
    expect(() => chooseDistillOptions({ styleLayers: ['relu2_3'] })).toThrow(Usage);
    expect(() => chooseDistillOptions({ tvWeight: 1 })).toThrow(Usage);
    expect(() => chooseDistillOptions({ widths: [] })).toThrow(Usage);
  });

  it('is read back as it was written', async () => {
    const { model } = await distill(files, tiny({ steps: 1 }), { show: 'none' });
    const { pad, weights } = await readLossWeights(model);
    expect(pad).toBe('reflect');
    expect([...weights.keys()].sort()).toEqual([...readWeights(await readFile(model)).weights.keys()].sort());
  });
});
