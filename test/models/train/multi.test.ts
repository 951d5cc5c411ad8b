import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { CannotWrite, Interrupted, Usage } from '../../../src/errors.js';
import { openEngine } from '../../../src/models/engines/index.js';
import { allToDevice, forward } from '../../../src/models/engines/tfjs-forward.js';
import { openGallery } from '../../../src/models/gallery.js';
import { isStyled, readModel, type StyledModel } from '../../../src/models/model.js';
import type { Pixels } from '../../../src/models/pixels.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { type MultiFiles, trainMulti } from '../../../src/models/train/multi.js';
import { chooseMulti } from '../../../src/models/train/multi-options.js';
import { readWeights } from '../../../src/models/weights.js';
import { seededPicture } from '../../suites/weights.js';
import { tinyFiles } from './tiny.js';
import { furthest, paintedBy, tinyMulti } from './tiny-style.js';

let files: MultiFiles;
let folder: string;
let paintings: string;
beforeAll(async () => {
  await useBackend('wasm');
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'multi-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { content, style, loss, out } = await tinyFiles(folder);
  paintings = style[0]!;
  files = { content, style: [painting(1), painting(2)], loss, out, name: 'many' };
});

const show = 'none';
const painting = (i: number) => join(paintings, `style-${i}.png`);
const bytesIn = (out: string) => readFile(join(out, 'model.safetensors'));
const modelIn = async (out: string): Promise<StyledModel> => {
  const model = readModel(await bytesIn(out));
  if (!isStyled(model)) throw new Error('it has a MetaNet');
  return model;
};
const evaluations = async (out: string, style: string) =>
  (await readFile(join(out, 'styles', style, 'log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; total: number })
    .filter(({ event }) => event === 'evaluation')
    .map(({ total }) => total);

/** The numbers of a model's file as they lie there, by tensor. */
async function bytesOf(out: string): Promise<Map<string, string>> {
  const file = await bytesIn(out);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  return new Map(
    Object.entries(header)
      .filter(([name]) => name !== '__metadata__')
      .map(
        ([
          name,
          {
            data_offsets: [from, to],
          },
        ]) => [name, file.subarray(8 + length + from, 8 + length + to).toString('hex')],
      ),
  );
}

/** What seed 002 computes in a norm: scale and shift by the control vector, divided by its sum. */
async function paintedByControl(
  model: StyledModel,
  control: readonly number[],
  { data, width, height }: Pixels,
) {
  const styles = [...model.styles.values()].map((weights) => allToDevice(weights));
  const total = control.reduce((sum, value) => sum + value, 0);
  const names = Object.keys(styles[0]!);
  const mixed = Object.fromEntries(
    names.map((name) => [
      name,
      tf.div(tf.addN(styles.map((style, i) => tf.mul(style[name]!, control[i]!))), total),
    ]),
  );
  const content = tf.transpose(tf.tensor(Float32Array.from(data), [1, 3, height, width]), [0, 2, 3, 1]);
  const { picture } = forward(model.transform, { content }, { ...allToDevice(model.base), ...mixed }, [
    'picture',
  ]);
  return Uint8Array.from(await tf.transpose(tf.cast(picture, 'float32'), [0, 3, 1, 2]).data());
}

describe('a training of several styles', () => {
  it('makes one file of a net and its styles, each with a training of its own', async () => {
    const begun: string[] = [];
    const onStyle = async ({ name }: { name: string }) => {
      begun.push(name);
      return { [Symbol.asyncDispose]: async () => void begun.push(`${name} ended`) };
    };
    const before = tf.memory().numTensors;
    const result = await trainMulti(files, tinyMulti(), { show, onStyle });
    expect(tf.memory().numTensors).toBe(before);
    expect(begun).toEqual(['style-1', 'style-1 ended', 'style-2', 'style-2 ended']);
    expect(result.styles).toMatchObject([
      { style: 'style-1', step: 6 },
      { style: 'style-2', step: 4 },
    ]);
    const { card } = await modelIn(files.out);
    expect(card).toMatchObject({
      ...{ name: 'many', transform: { generated: 'none', affine: 'style' } },
      ...{
        styles: [{ name: 'style-1' }, { name: 'style-2' }],
        training: { 'style-1': { step: 6 }, 'style-2': { step: 4 } },
      },
      data: ['content', 'style-1.png', 'style-2.png'],
    });
    expect(await readdir(join(files.out, 'styles'))).toEqual(['style-1', 'style-2']);
  });

  it('learns the first style with all of the net, the next with its scale and shift alone: nothing else moves by a bit', async () => {
    const options = tinyMulti({
      steps: 20,
      laterSteps: 20,
      rate: 0.02,
      laterRate: 0.05,
      evaluateEvery: 20,
      saveEvery: 20,
    });
    await trainMulti({ ...files, style: [painting(1)] }, options, { show });
    const before = await bytesOf(files.out);
    await trainMulti(files, options, { show, add: true, resume: true });
    const after = await bytesOf(files.out);
    expect([...before.keys()].filter((name) => name.endsWith('.weight'))).not.toHaveLength(0);
    for (const [name, numbers] of before) expect(after.get(name)).toBe(numbers);
    const added = [...after.keys()].filter((name) => !before.has(name));
    expect(added.every((name) => /^style\/style-2\/.+\.(scale|shift)$/.test(name))).toBe(true);
    expect(added).toHaveLength([...before.keys()].filter((name) => name.startsWith('style/style-1/')).length);
    for (const style of ['style-1', 'style-2']) {
      const [first, last] = await evaluations(files.out, style);
      expect(last!).toBeLessThan(0.95 * first!);
    }
    const { weights } = readWeights(
      await readFile(join(files.out, 'styles/style-2/checkpoints/step-00000020/weights.safetensors')),
    );
    expect([...weights.keys()].some((name) => name.endsWith('.weight'))).toBe(false);
  });

  it('adds styles to a model later, and none that it has', async () => {
    await trainMulti(files, tinyMulti(), { show });
    const before = await bytesOf(files.out);
    const third = { ...files, style: [painting(3)], name: 'ignored' };
    await trainMulti(third, tinyMulti(), { show, add: true });
    const { card } = await modelIn(files.out);
    expect(card.styles.map(({ name }) => name)).toEqual(['style-1', 'style-2', 'style-3']);
    expect(card.name).toBe('many');
    const after = await bytesOf(files.out);
    for (const [name, numbers] of before) expect(after.get(name)).toBe(numbers);
    await expect(trainMulti(third, tinyMulti(), { show, add: true })).rejects.toThrow(Usage);
    await expect(trainMulti(third, tinyMulti(), { show })).rejects.toThrow(CannotWrite);
    await expect(
      trainMulti({ ...third, out: join(folder, 'none') }, tinyMulti(), { show, add: true }),
    ).rejects.toThrow(Usage);
  });

  it('goes on after a stop in a later style as if there had been none, to the bit', async () => {
    const options = tinyMulti({ laterSteps: 6 });
    const whole = { ...files, out: join(folder, 'whole') };
    await trainMulti(whole, options, { show });
    const half = { ...files, out: join(folder, 'half') };
    const stop = new AbortController();
    const watch = setInterval(async () => {
      const found = await readdir(join(half.out, 'styles/style-2/checkpoints')).catch(() => [] as string[]);
      if (found.includes('step-00000003')) stop.abort();
    }, 1);
    await trainMulti(half, options, { show, signal: stop.signal }).catch((error) => {
      if (!(error instanceof Interrupted)) throw error;
    });
    clearInterval(watch);
    await trainMulti(half, options, { show, resume: true });
    expect(await bytesOf(half.out)).toEqual(await bytesOf(whole.out));
  });

  it('mixes styles as a control vector does', async () => {
    await trainMulti(files, tinyMulti({ rate: 0.02, laterRate: 0.1 }), { show });
    const model = await modelIn(files.out);
    const photo = seededPicture({ width: 20, height: 16 }, 3);
    await using engine = await openEngine('tfjs/wasm');
    await using gallery = openGallery({ model, engine });
    await using painter = await engine.painter(model.transform, model.base, photo);
    for (const control of [
      [1, 0],
      [0, 1],
      [3, 0.5],
    ]) {
      const shares = control.map((weight, i) => ({ name: `style-${i + 1}`, weight }));
      using bound = await painter.bind(await gallery.mix(shares));
      const [painted] = await painter.paint([{ pixels: photo, style: bound }]);
      expect(furthest(painted!.data, await paintedByControl(model, control, photo))).toBeLessThanOrEqual(1);
    }
    const [one, two] = await Promise.all([
      paintedByControl(model, [1, 0], photo),
      paintedByControl(model, [0, 1], photo),
    ]);
    expect(furthest(one, two)).toBeGreaterThan(2);
  });

  it('paints each style alike through both engines', async () => {
    await trainMulti(files, tinyMulti(), { show });
    const model = await modelIn(files.out);
    const photo = seededPicture({ width: 24, height: 20 }, 3);
    await using onnx = await openEngine('onnx/cpu');
    await using tfjs = await openEngine('tfjs/wasm');
    for (const style of model.styles.keys()) {
      const [a, b] = [await paintedBy(onnx, model, style, photo), await paintedBy(tfjs, model, style, photo)];
      expect(furthest(a, b)).toBeLessThanOrEqual(2);
    }
  });

  it('refuses two paintings of one name', async () => {
    await expect(
      trainMulti({ ...files, style: [painting(1), painting(1)] }, tinyMulti(), { show }),
    ).rejects.toThrow(Usage);
  });
});

it('has the recipe of seed 002', () => {
  expect(chooseMulti('seed', {})).toMatchObject({
    contentWeight: 1.5,
    contentLayers: ['relu4_2'],
    pool: 'average',
  });
  expect(() => chooseMulti('sed', {})).toThrow(Usage);
});
