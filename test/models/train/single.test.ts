import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import sharp from 'sharp';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BadInput, Interrupted, NotFound, Usage } from '../../../src/errors.js';
import { openEngine } from '../../../src/models/engines/index.js';
import { styleInput } from '../../../src/models/gallery.js';
import { isStyled, readModel, type StyledModel } from '../../../src/models/model.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { readPicture } from '../../../src/models/picture.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { baked } from '../../../src/models/train/bake.js';
import { readPainting } from '../../../src/models/train/painting.js';
import { type SingleFiles, trainSingle } from '../../../src/models/train/single.js';
import { chooseSingle, type SingleOptions } from '../../../src/models/train/single-options.js';
import { cardNet } from '../../../src/models/train/style-net.js';
import { readWeights } from '../../../src/models/weights.js';
import { seededPicture } from '../../suites/weights.js';
import { tinyModel } from '../tiny-model.js';
import { tinyFiles } from './tiny.js';
import { furthest, paintedBy, tinySingle } from './tiny-style.js';

let files: SingleFiles;
let folder: string;
beforeAll(async () => {
  await useBackend('wasm');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'single-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { content, style, loss, out } = await tinyFiles(folder);
  files = { content, style: join(style[0]!, 'style-3.png'), loss, out, name: 'mine' };
});

const show = 'none';
const modelOf = async (path: string): Promise<StyledModel> => {
  const model = readModel(await readFile(path));
  if (!isStyled(model)) throw new Error('it has a MetaNet');
  return model;
};
const lines = async (out: string): Promise<{ event: string; step: number; total: number; norm: number }[]> =>
  (await readFile(join(out, 'log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('a training of one style', () => {
  it('leaves a model of that style alone behind, with checkpoints, log and sheet, and no tensor', async () => {
    const before = tf.memory().numTensors;
    const result = await trainSingle(files, tinySingle(), { show });
    expect(tf.memory().numTensors).toBe(before);
    expect(result).toMatchObject({ step: 6, skips: 0 });
    const model = await modelOf(result.model);
    expect(model.card).toMatchObject({
      ...{ name: 'mine', kind: 'styled-model', styles: [{ name: 'style-3', title: 'style-3' }] },
      ...{ transform: { base: 2, generated: 'none', affine: 'net' }, training: { step: 6 } },
      data: ['content', 'style-3.png'],
    });
    expect(await readdir(join(files.out, 'checkpoints'))).toHaveLength(2);
    const { width, height } = await sharp(join(files.out, 'sheets', 'step-6.png')).metadata();
    expect([width, height]).toEqual([4 + 2 * 20, 4 + 3 * 20]);
  });

  const forms: [string, fall: number, Partial<SingleOptions>][] = [
    ['moments', 0.9, {}],
    ['Gram matrices, no scale and shift, tanh', 0.9, { styleLoss: 'gram', affine: 'none', output: 'tanh' }],
    [
      'Gram matrices of the papers, an open end',
      0.9,
      { gramScale: 'features', styleLoss: 'gram', output: 'linear', styleWeight: 600 },
    ],
    [
      'small filters, averages between blocks',
      0.9,
      { init: 'truncated', pool: 'average', normEpsilon: 1e-3 },
    ],
    // So small a net on noise of 16 pixels has little to gain.
    ['the small net, two views', 0.97, { even: true, base: 4, consistencyWeight: 1, rate: 0.05 }],
  ];
  it.each(forms)('learns with %s: the loss on photos that it does not see falls', async (_, fall, given) => {
    const often = { evaluateEvery: 25, sheetEvery: 25, saveEvery: 25 };
    const options = tinySingle({ steps: 25, rate: 0.02, ...often, ...given });
    const { model } = await trainSingle(files, options, { show });
    const evaluations = (await lines(files.out)).filter(({ event }) => event === 'evaluation');
    const [first, last] = [evaluations[0], evaluations.at(-1)];
    expect(last!.total).toBeLessThan(fall * first!.total);
    expect((await modelOf(model)).card.transform).toEqual(cardNet(options, options.affine));
  });

  it('goes on after a stop as if there had been none, to the bit', async () => {
    const options = tinySingle({ consistencyWeight: 1 });
    await trainSingle({ ...files, out: join(folder, 'whole') }, options, { show });
    const half = { ...files, out: join(folder, 'half') };
    const stop = new AbortController();
    const watch = setInterval(async () => {
      if (
        (await readdir(join(half.out, 'checkpoints')).catch(() => [] as string[])).includes('step-00000003')
      )
        stop.abort();
    }, 1);
    await trainSingle(half, options, { show, signal: stop.signal }).catch((error) => {
      if (!(error instanceof Interrupted)) throw error;
    });
    clearInterval(watch);
    await trainSingle(half, options, { show, resume: true });
    const numbers = async (out: string) =>
      (await lines(out))
        .filter(({ event }) => event === 'step')
        .map(({ step, total, norm }) => [step, total, norm]);
    expect(await numbers(half.out)).toEqual(await numbers(join(folder, 'whole')));
    const weights = async (out: string) =>
      readFile(join(out, 'checkpoints', 'step-00000006', 'weights.safetensors'));
    expect((await weights(half.out)).equals(await weights(join(folder, 'whole')))).toBe(true);
  });

  it('paints alike through both engines', async () => {
    const model = await modelOf((await trainSingle(files, tinySingle({ even: true }), { show })).model);
    const photo = seededPicture({ width: 24, height: 20 }, 3);
    await using onnx = await openEngine('onnx/cpu');
    await using tfjs = await openEngine('tfjs/wasm');
    const [a, b] = [
      await paintedBy(onnx, model, 'style-3', photo),
      await paintedBy(tfjs, model, 'style-3', photo),
    ];
    expect(new Set(a).size).toBeGreaterThan(20);
    expect(furthest(a, b)).toBeLessThanOrEqual(2);
  });

  it('begins with what a MetaNet makes of the painting', async () => {
    const from = tinyModel();
    const options = tinySingle({ output: 'sigmoid' });
    const painting = await readPainting(files.style);
    const params = await baked(from, painting, transformNet(cardNet(options, 'net')));
    await using engine = await openEngine('tfjs/wasm');
    await using styler = await engine.styler(from.meta, from.metaWeights);
    const made = await styler.weights(await styleInput((await readPicture(files.style)).pixels));
    for (const [name, { data }] of new Map([...from.base, ...made]))
      for (const [i, value] of data.entries()) expect(params.get(name)!.data[i]).toBeCloseTo(value, 4);
    await trainSingle({ ...files, from }, { ...options, steps: 1, rate: 1e-9, saveEvery: 1 }, { show });
    const path = join(files.out, 'checkpoints', 'step-00000001', 'weights.safetensors');
    const { weights } = readWeights(await readFile(path));
    expect(weights.get('res0a.weight')!.data[5]).toBeCloseTo(params.get('res0a.weight')!.data[5]!, 5);
  });

  it('begins with a model of one style too, and with none of another shape', async () => {
    const first = await modelOf((await trainSingle(files, tinySingle(), { show })).model);
    const second = { ...files, out: join(folder, 'second'), from: first };
    await trainSingle(second, tinySingle({ steps: 1, rate: 1e-9 }), { show });
    const again = await modelOf(join(second.out, 'model.safetensors'));
    for (const [name, { data }] of first.base)
      for (const [i, value] of data.entries()) expect(again.base.get(name)!.data[i]).toBeCloseTo(value, 3);
    const other = trainSingle({ ...second, out: join(folder, 'third') }, tinySingle({ base: 3 }), { show });
    await expect(other).rejects.toThrow(BadInput);
  });

  it('refuses what is no painting', async () => {
    await expect(trainSingle({ ...files, style: files.loss[0]! }, tinySingle(), { show })).rejects.toThrow(
      BadInput,
    );
    await expect(
      trainSingle({ ...files, style: join(folder, 'no.png') }, tinySingle(), { show }),
    ).rejects.toThrow(NotFound);
  });
});

describe('the options', () => {
  it('have presets of the seeds', () => {
    const johnson = chooseSingle('johnson', {});
    expect(johnson).toMatchObject({
      base: 32,
      residuals: 5,
      output: 'linear',
      affine: 'net',
      styleWeight: 1e5,
    });
    expect(cardNet(chooseSingle('resize', {}), 'none')).toMatchObject({ output: 'tanh', epsilon: 1e-9 });
    expect(chooseSingle('mobile', { even: true, base: 9, residuals: 3 })).toMatchObject({
      init: 'truncated',
    });
    expect(() => chooseSingle('jonson', {})).toThrow(Usage);
    expect(() => chooseSingle('house', { affine: 'style' })).toThrow(Usage);
  });

  it('take the shape of the model to begin with, unless told', () => {
    const from = tinyModel();
    expect(chooseSingle('johnson', { base: undefined }, from)).toMatchObject({ base: 2, output: 'sigmoid' });
    expect(chooseSingle('johnson', { base: 4 }, from)).toMatchObject({ base: 4, residuals: 1 });
  });
});
