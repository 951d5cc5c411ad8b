import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BadInput, Interrupted, NotFound, Usage } from '../../../src/errors.js';
import { openEngine } from '../../../src/models/engines/index.js';
import { allToDevice, forward } from '../../../src/models/engines/tfjs-forward.js';
import { asMeta, type MetaModel, readModel } from '../../../src/models/model.js';
import { netParams, sizeOf } from '../../../src/models/net.js';
import { isFrozen } from '../../../src/models/nets/encoders.js';
import { vggNet } from '../../../src/models/nets/vgg.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { encoderWeights } from '../../../src/models/train/encoder.js';
import { type LossNetwork, loadLossNetworks } from '../../../src/models/train/losses.js';
import { type TrainFiles, trainMeta } from '../../../src/models/train/meta.js';
import { buildNets } from '../../../src/models/train/nets.js';
import { chooseOptions } from '../../../src/models/train/options.js';
import { readWeights, type Weights } from '../../../src/models/weights.js';
import { seededPicture } from '../../suites/weights.js';
import { randomVgg16, tinyFiles } from './tiny.js';

const small = {
  ...{ base: 2, residuals: 1, size: 16, batch: 2, holdout: 0.3, styleEvery: 2, warmup: 2 },
  ...{ styleLayers: ['relu1_1', 'relu2_1'], contentLayers: ['relu2_1'] },
  ...{ logEvery: 1, evaluateEvery: 5, sheetEvery: 100, saveEvery: 100, evaluatePairs: 2, sheetSide: 1 },
  cacheMb: 8,
};
const tiny = {
  paper: { ...small, group: 4 },
  keras: { ...small, curriculum: 1, mixedStyles: [1, 2], joint: { shared: [8, 2, 8], each: [4, 4, 4] } },
};

let folder: string;
let vgg16: string;
let files: TrainFiles;
beforeAll(async () => {
  await useBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'presets-'));
  vgg16 = join(folder, 'vgg16.safetensors');
  files = { ...(await tinyFiles(folder, 9)), encoder: vgg16 };
  await writeFile(vgg16, randomVgg16());
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

/** A hash of all numbers: comparing fifteen million one by one takes a test longer than making them. */
function printOf(weights: Weights | undefined): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of weights ?? [])
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}

interface Line {
  readonly event: string;
  readonly total: number;
  readonly norm: number;
}
async function lines(out: string, wanted: string): Promise<Line[]> {
  const text = await readFile(join(out, 'log.jsonl'), 'utf8');
  const all: Line[] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return all.filter(({ event }) => event === wanted);
}
const trace = async (out: string) => (await lines(out, 'step')).map(({ total, norm }) => [total, norm]);
const modelOf = async (out: string): Promise<MetaModel> =>
  asMeta(readModel(await readFile(join(out, 'model.safetensors'))));

describe.each(['paper', 'keras'] as const)('the preset %s', { timeout: 120_000 }, (preset) => {
  const options = chooseOptions(preset, { ...tiny[preset], steps: 5 });
  const whole = () => join(folder, `${preset}-whole`);
  beforeAll(() => trainMeta({ ...files, out: whole() }, options, { show: 'none' }), 120_000);

  it('learns: the loss on what it never saw falls', async () => {
    const evaluations = await lines(whole(), 'evaluation');
    expect(evaluations.at(-1)!.total).toBeLessThan(0.9 * evaluations[0]!.total);
  });

  it('goes on after a stop as if it had not stopped, bit for bit', async () => {
    const out = join(folder, `${preset}-half`);
    const stop = new AbortController();
    const watch = setInterval(async () => {
      if ((await lines(out, 'step').catch(() => [])).length > 1) stop.abort();
    }, 1);
    const half = trainMeta({ ...files, out }, options, { show: 'none', signal: stop.signal });
    await expect(half).rejects.toThrow(Interrupted);
    clearInterval(watch);
    expect((await trace(out)).length).toBeLessThan(5);
    await trainMeta({ ...files, out }, options, { show: 'none', resume: true });
    expect(await trace(out)).toEqual(await trace(whole()));
    const [a, b] = [await modelOf(out), await modelOf(whole())];
    expect(a.id).toBe(b.id);
  });

  it('keeps VGG as it was: in the model file, and neither trained nor in checkpoints', async () => {
    const { meta, metaWeights } = await modelOf(whole());
    const { weights } = readWeights(await readFile(vgg16));
    const frozen = netParams(meta).filter(isFrozen);
    expect(frozen).toHaveLength(22);
    const filter = metaWeights.get('vgg.conv4_3.weight')!.data;
    for (const [i, value] of weights.get('conv4_3.weight')!.data.slice(0, 100).entries())
      expect(Math.abs(filter[i]! - value)).toBeLessThan(1e-3);
    const [newest] = (await readdir(join(whole(), 'checkpoints'))).sort().reverse();
    const checkpoint = readWeights(
      await readFile(join(whole(), 'checkpoints', newest!, 'weights.safetensors')),
    );
    expect([...checkpoint.weights.keys()].filter((name) => name.includes('vgg.conv'))).toEqual([]);
  });

  it('makes a model that paints in both engines alike, unlike for unlike styles', async () => {
    const model = await modelOf(whole());
    const pixels = seededPicture({ width: 32, height: 24 }, 1);
    const paint = async (name: string, style: number): Promise<Uint8Array> => {
      await using engine = await openEngine(name);
      await using styler = await engine.styler(model.meta, model.metaWeights);
      await using painter = await engine.painter(model.transform, model.base, pixels);
      const weights = await styler.weights(seededPicture({ width: 40, height: 30 }, style));
      using bound = await painter.bind(weights);
      const [painted] = await painter.paint([{ pixels, style: bound }]);
      return painted!.data;
    };
    const onnx = await paint('onnx/cpu', 2);
    const tfjs = await paint('tfjs/wasm', 2);
    const gaps = onnx.map((value, i) => Math.abs(value - tfjs[i]!));
    expect(new Set(onnx).size).toBeGreaterThan(20);
    expect(gaps.reduce((most, gap) => Math.max(most, gap), 0)).toBeLessThan(3);
    expect(await paint('onnx/cpu', 3)).not.toEqual(onnx);
  });
});

describe('the nets of the presets', () => {
  const numbers = (preset: string, given = {}) => {
    const { transform, meta } = buildNets(chooseOptions(preset, given));
    const count = [transform, meta].flatMap((net) =>
      netParams(net).map((name) => sizeOf(net.params[name]!.shape)),
    );
    return { transform, meta, megabytes: (2 * count.reduce((sum, one) => sum + one, 0)) / 1e6 };
  };

  it('paper has 1920 features, 14 groups of 128 and two outer layers of its own', () => {
    const { transform, meta, megabytes } = numbers('paper');
    expect(meta.params['groups.weight']!.shape).toEqual([14 * 128, 1920]);
    expect(meta.params['make.down1.weight.weight']!.shape).toEqual([18_432, 128]);
    expect(netParams(transform).sort()).toEqual(
      ['first.scale', 'first.shift', 'first.weight', 'last.bias', 'last.weight'].sort(),
    );
    expect(Math.round(megabytes)).toBe(451);
    expect(Math.round(numbers('paper', { base: 8 }).megabytes)).toBe(49);
  });

  it('keras makes only the residual part of 384 hidden numbers for each layer', () => {
    const { meta, megabytes } = numbers('keras');
    expect(Object.keys(meta.outputs).every((name) => name.startsWith('res'))).toBe(true);
    expect(meta.params['make.res0a.weight.weight']!.shape).toEqual([9216, 384]);
    expect(Math.round(megabytes)).toBe(91);
  });
});

describe('the encoder', () => {
  const options = { encoder: 'vgg16' as const };
  const fresh = { resume: false };
  const open = (given: Partial<TrainFiles>, networks: readonly LossNetwork[] = []) =>
    encoderWeights({ out: join(folder, 'none'), ...given }, options, networks, fresh);

  it('is the loss network where that is a VGG-16', async () => {
    const networks = await loadLossNetworks([vgg16], ['relu3_3']);
    onTestFinished(() => networks.forEach((network) => void network[Symbol.dispose]()));
    expect(printOf(await open({}, networks))).toBe(printOf(await open({ encoder: vgg16 })));
  });

  it('must be there, and be a VGG-16', async () => {
    const [loss] = files.loss as [string];
    await expect(open({}, await loadLossNetworks([loss], ['relu1_1']))).rejects.toThrow(Usage);
    await expect(open({ encoder: loss })).rejects.toThrow(BadInput);
    await expect(open({ encoder: join(folder, 'nothing.safetensors') })).rejects.toThrow(NotFound);
  });

  it('is refused by a recipe that has no use for it', async () => {
    const own = { encoder: 'own' as const };
    await expect(encoderWeights({ encoder: vgg16, out: folder }, own, [], fresh)).rejects.toThrow(Usage);
    expect(await encoderWeights({ out: folder }, own, [], fresh)).toBeUndefined();
  });

  it('of a model that is gone on from stays what it was', async () => {
    const from = join(folder, 'paper-whole', 'model.safetensors');
    const second = join(folder, 'second.safetensors');
    await writeFile(second, randomVgg16(2));
    await expect(open({ from, encoder: second })).rejects.toThrow('not the encoder');
    expect(printOf(await open({ from }))).toBe(printOf(await open({ encoder: vgg16 })));
  });

  it('has features of one size, whoever published it', async () => {
    const largest = async (encoder: 'vgg16' | 'both') => {
      const weights = await encoderWeights({ encoder: vgg16, out: folder }, { encoder }, [], fresh);
      return Math.max(...weights!.get('vgg.conv0.weight')!.data.map(Math.abs));
    };
    expect(await largest('vgg16')).toBeCloseTo(4.44, 1);
    expect(await largest('both')).toBeCloseTo(255, 0);
    const weights = (await encoderWeights({ encoder: vgg16, out: folder }, { encoder: 'both' }, [], fresh))!;
    const { weights: given } = readWeights(await readFile(vgg16));
    const see = (params: Weights, prefix: string) => {
      const net = vggNet(new Map([...given].filter(([name]) => /^conv[012]/.test(name))));
      const named = new Map(Object.keys(net.params).map((name) => [name, params.get(prefix + name)!]));
      return tf.tidy(() => {
        const picture = tf.randomUniform([1, 12, 12, 3], 0, 1, 'float32', 1);
        return forward(net, { picture }, allToDevice(named), ['relu2_2']).relu2_2.dataSync();
      });
    };
    const [before, after] = [see(given, ''), see(weights, 'vgg.')];
    const ratio = after.map((value, i) => value / before[i]!).filter((_, i) => before[i]! > 0.1);
    const [least, most] = [Math.min(...ratio), Math.max(...ratio)];
    expect(ratio.length).toBeGreaterThan(100);
    expect(least).toBeGreaterThan(50);
    expect((most - least) / least).toBeLessThan(0.05);
  });
});

it('refuses before it begins what would be too large to be read back', async () => {
  const large = chooseOptions('keras', { base: 32 });
  await expect(trainMeta(files, large, { show: 'none' })).rejects.toThrow('1.2 GB');
});
