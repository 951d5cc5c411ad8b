import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BadInput, Interrupted, NotFound, Usage } from '../../../src/errors.js';
import { openEngine } from '../../../src/models/engines/index.js';
import type { Model } from '../../../src/models/model.js';
import { readStyle } from '../../../src/models/style.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { made } from '../../../src/models/train/bake.js';
import { readPainting } from '../../../src/models/train/painting.js';
import { scoreDefaults, scoreModel, withStyle } from '../../../src/models/train/score.js';
import { type TuneFiles, tuneStyle } from '../../../src/models/train/tune.js';
import { chooseTune, type TuneOptions } from '../../../src/models/train/tune-options.js';
import { seededPicture } from '../../suites/weights.js';
import { tinyModel } from '../tiny-model.js';
import { tinyFiles } from './tiny.js';
import { furthest, paintedBy } from './tiny-style.js';

const tiny = (given: Partial<TuneOptions> = {}): TuneOptions =>
  chooseTune('house', {
    ...{ steps: 6, size: 16, batch: 2, holdout: 0.3, styleSize: 16, warmup: 2, consistencyWeight: 1 },
    ...{ styleLayers: ['relu1_1', 'relu2_1'], contentLayers: ['relu2_1'] },
    ...{ logEvery: 1, evaluateEvery: 3, sheetEvery: 6, saveEvery: 3, weaveWeight: 1 },
    ...{ evaluatePairs: 2, sheetSide: 2, cacheMb: 8, ...given },
  });

const model = tinyModel();
let files: TuneFiles;
let folder: string;
beforeAll(async () => {
  await useBackend('wasm');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tune-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { content, style, loss, out } = await tinyFiles(folder);
  files = { content, style: join(style[0]!, 'style-3.png'), loss, out, model };
});

const show = 'none';
const lines = async (out: string): Promise<{ event: string; step: number; total: number }[]> =>
  (await readFile(join(out, 'log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const tuned = async (given: Partial<TuneOptions> = {}, more: Partial<TuneFiles> = {}) => {
  const result = await tuneStyle({ ...files, ...more }, tiny(given), { show });
  return readStyle(await readFile(result.model), model);
};

describe('the tuning of a style', () => {
  it('leaves a style of the model behind, and no tensor', async () => {
    const before = tf.memory().numTensors;
    const card = { title: 'The third', licence: 'CC0' };
    const style = await tuned({}, { card });
    expect(tf.memory().numTensors).toBe(before);
    expect(style.card).toMatchObject({ name: 'style-3', ...card, model: 'tiny', modelId: model.id });
    expect(style.card.provenance).toBe(
      'What the MetaNet of the model tiny makes of style-3.png, tuned by 6 steps of training.',
    );
    expect(await readdir(files.out)).toEqual(expect.arrayContaining(['checkpoints', 'style.safetensors']));
  });

  it('begins with what the MetaNet makes of the painting', async () => {
    const { weights } = await tuned({ steps: 1, rate: 1e-9 });
    for (const [name, { data }] of await made(model, await readPainting(files.style)))
      for (const [i, value] of data.entries()) expect(weights.get(name)!.data[i]).toBeCloseTo(value, 3);
  });

  it('paints nearer to the painting: the loss on photos that it does not see falls', async () => {
    await tuned({ steps: 25, rate: 0.02, evaluateEvery: 25 });
    const evaluations = (await lines(files.out)).filter(({ event }) => event === 'evaluation');
    expect(evaluations.at(-1)!.total).toBeLessThan(0.9 * evaluations[0]!.total);
  });

  it('goes on after a stop to the same bytes', async () => {
    const whole = await tuneStyle({ ...files, out: join(folder, 'whole') }, tiny(), { show });
    const stop = new AbortController();
    const watch = setInterval(async () => {
      const saved = await readdir(join(files.out, 'checkpoints')).catch((): string[] => []);
      if (saved.includes('step-00000003')) stop.abort();
    }, 1);
    await tuneStyle(files, tiny(), { show, signal: stop.signal }).catch((error) => {
      if (!(error instanceof Interrupted)) throw error;
    });
    clearInterval(watch);
    const half = await tuneStyle(files, tiny(), { show, resume: true });
    expect((await readFile(half.model)).equals(await readFile(whole.model))).toBe(true);
  });

  it('paints alike through both engines', async () => {
    const { weights } = await tuned();
    const held = { ...model, styles: new Map([['mine', weights]]) };
    const photo = seededPicture({ width: 24, height: 20 }, 3);
    await using onnx = await openEngine('onnx/cpu');
    await using tfjs = await openEngine('tfjs/wasm');
    const [a, b] = [await paintedBy(onnx, held, 'mine', photo), await paintedBy(tfjs, held, 'mine', photo)];
    expect(new Set(a).size).toBeGreaterThan(20);
    expect(furthest(a, b)).toBeLessThanOrEqual(2);
  });

  it('is scored as the style that it is', async () => {
    const style = await tuned({ steps: 25, rate: 0.02 });
    const options = {
      ...{ pairs: 2, size: 16, holdout: 0.3, referenceSteps: 3 },
      ...{ styleLayers: ['relu1_1', 'relu2_1'], contentLayers: ['relu2_1'] },
    };
    const pictures = { content: files.content, style: [files.style], loss: files.loss };
    const of = (what: Model) => scoreModel(what, pictures, { ...scoreDefaults, ...options });
    const [before, after] = [await of(model), await of(withStyle(model, style))];
    expect(after.unchanged).toBe(before.unchanged);
    expect(after.model).toBeLessThan(before.model);
  });

  it('refuses what is no painting, and options that would change the net', async () => {
    await expect(tuned({}, { style: files.loss[0]! })).rejects.toThrow(BadInput);
    await expect(tuned({}, { style: join(folder, 'no.png') })).rejects.toThrow(NotFound);
    expect(() => chooseTune('house', { base: 4 })).toThrow(Usage);
    expect(() => chooseTune('mansion', {})).toThrow(Usage);
  });
});
