import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput, NotFound } from '../../../src/errors.js';
import { floatToHalf } from '../../../src/models/half.js';
import { readLossWeights } from '../../../src/models/import/index.js';
import { writeWeights } from '../../../src/models/weights.js';
import {
  convolutions,
  inKerasOrder,
  inTorchOrder,
  kerasDatasets,
  kerasPaths,
  pickle,
  torchLegacy,
  torchTensor,
  torchTensors,
  torchZip,
  writeH5,
} from './published-files.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'naming-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(bytes: Uint8Array, name = 'net.pth') {
  const file = join(folder, name);
  await writeFile(file, bytes);
  return readLossWeights(file);
}

/** All convolutions of a family, two channels wide. */
const whole = (blocks: readonly number[]) =>
  convolutions(
    blocks.flatMap((convs, i) =>
      Array.from({ length: convs }, (_, j) => [`conv${i + 1}_${j + 1}`, 2] as const),
    ),
  );
const vgg16 = whole([2, 2, 3, 3, 3]);
const vgg19 = whole([2, 2, 4, 4, 4]);
const at16 = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
const at19 = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34];
const two = convolutions([
  ['conv1_1', 4],
  ['conv1_2', 3],
]);

describe('names of torchvision', () => {
  it.each([
    ['VGG-16', vgg16, at16],
    ['VGG-19', vgg19, at19],
  ] as const)('are known for %s, layer by layer', async (_, layers, indices) => {
    const { weights, pad } = await read(torchZip(torchTensors(layers, indices)));
    expect(pad).toBe('zero');
    for (const layer of layers) {
      expect(weights.get(`${layer.name}.weight`)!.data).toEqual(inTorchOrder(layer));
      expect(weights.get(`${layer.name}.bias`)!.data).toEqual(Float32Array.from(layer.bias));
    }
    expect(weights.size).toBe(2 * layers.length + 2);
  });

  it.each(['', 'features.', 'module.features.', 'features.module.', 'net.features.'])(
    'may stand behind "%s"',
    async (prefix) => {
      const { weights } = await read(torchLegacy(torchTensors(two, [0, 2], prefix)));
      expect(weights.get('conv1_2.weight')!.data).toEqual(inTorchOrder(two[1]!));
    },
  );

  it('are found in a checkpoint of a training, and the classifier is left aside', async () => {
    const tensors = [
      ...torchTensors(two, [0, 2]),
      torchTensor('classifier.0.weight', [2, 2], Float32Array.of(1, 2, 3, 4)),
      { ...torchTensor('steps', [], Float32Array.of(0, 0)), count: 1, type: 'LongStorage' },
    ];
    const wrap = (dict: number[]) =>
      pickle.dict([
        [...pickle.text('epoch'), ...pickle.int(3)],
        [...pickle.text('state_dict'), ...dict],
      ]);
    expect((await read(torchZip(tensors, wrap))).weights.size).toBe(6);
    expect((await read(torchLegacy(tensors))).weights.size).toBe(6);
  });

  it('of a VGG-13, of one with batch normalisation, of an incomplete one are refused', async () => {
    const at13 = [0, 2, 5, 7, 10, 12, 15, 17, 20, 22];
    await expect(read(torchZip(torchTensors(whole([2, 2, 2, 2, 2]), at13)))).rejects.toThrow(
      /0, 2, 5, 7, 10, 12, 15, 17, 20, 22: neither VGG-16 nor VGG-19/,
    );
    const normalised = [
      ...torchTensors(two, [0, 3]),
      torchTensor('features.1.running_mean', [4], new Float32Array(4)),
    ];
    await expect(read(torchZip(normalised))).rejects.toThrow(/batch normalisation/);
    await expect(read(torchZip(torchTensors(two, [0, 2]).slice(0, 3)))).rejects.toThrow(
      /lacks the bias of conv1_2/,
    );
  });
});

describe('numbers of PyTorch', () => {
  const [layer] = two;
  const data = inTorchOrder(layer!);
  const bias = torchTensor('features.0.bias', [4], Float32Array.from(layer!.bias));
  const kept = async (weight: object) => {
    const tensor = { ...torchTensor('features.0.weight', [4, 3, 3, 3], data), ...weight };
    return (await read(torchZip([tensor, bias]))).weights.get('conv1_1.weight')!.data;
  };
  const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer as ArrayBuffer);

  it('may be of 64 bits, or of 16 of either kind', async () => {
    expect(await kept({ type: 'DoubleStorage', bytes: bytes(Float64Array.from(data)) })).toEqual(data);
    const halves = await kept({ type: 'HalfStorage', bytes: bytes(Uint16Array.from(data, floatToHalf)) });
    const short = new Uint32Array(data.buffer.slice(0));
    const brief = await kept({
      type: 'BFloat16Storage',
      bytes: bytes(Uint16Array.from(short, (b) => b >>> 16)),
    });
    for (const [i, value] of data.entries()) {
      expect(halves[i]).toBeCloseTo(value, 2);
      expect(Math.abs(brief[i]! - value)).toBeLessThanOrEqual(Math.abs(value) / 128);
    }
  });

  it('may lie in another order, as strides say', async () => {
    const last: number[] = [];
    for (let o = 0; o < 4; o++)
      for (let y = 0; y < 3; y++)
        for (let x = 0; x < 3; x++) for (let i = 0; i < 3; i++) last.push(layer!.at(o, i, y, x));
    expect(await kept({ bytes: bytes(Float32Array.from(last)), strides: [27, 1, 9, 3] })).toEqual(data);
  });

  it('must be there: strides and shapes that reach beyond them are refused', async () => {
    await expect(kept({ strides: [28, 9, 3, 1] })).rejects.toThrow(/does not fit its numbers/);
    await expect(kept({ shape: [400, 3, 3, 3], strides: [0, 9, 3, 1] })).rejects.toThrow(
      /does not fit its numbers/,
    );
    await expect(kept({ bytes: bytes(new Float32Array(107)) })).rejects.toThrow(/lacks numbers/);
  });
});

describe('what is in a pickle beside weights', () => {
  it('is never run, and an object in place of weights is refused by name', async () => {
    const call = pickle.call(pickle.named('os', 'system'), pickle.tuple([pickle.text('touch pickled')]));
    await expect(read(torchZip([], () => call))).rejects.toThrow(/holds a Python object \(os\.system\)/);
    const beside = (dict: number[]) =>
      pickle.dict([
        [...pickle.text('other'), ...call],
        [...pickle.text('model'), ...dict],
      ]);
    expect((await read(torchZip(torchTensors(two, [0, 2]), beside))).weights.has('conv1_2.bias')).toBe(true);
    await expect(read(torchZip([], () => pickle.int(5)))).rejects.toThrow(/holds no weights/);
  });
});

describe('names of Keras', () => {
  const file = () => join(folder, 'net.h5');

  it('are known for VGG-19, layer by layer, and layers of other kinds are left aside', async () => {
    const top = { path: 'predictions/predictions_W_1:0', shape: [2, 3], data: new Float32Array(6) };
    await writeH5(file(), [...kerasDatasets(vgg19, kerasPaths['Keras 1']!), top]);
    const { weights, pad } = await readLossWeights(file());
    expect(pad).toBe('zero');
    for (const layer of vgg19) expect(weights.get(`${layer.name}.weight`)!.data).toEqual(inTorchOrder(layer));
    expect(weights.size).toBe(2 * vgg19.length + 2);
  });

  it.each([
    ['VGG-16', vgg16],
    ['VGG-19', vgg19],
  ] as const)('may be counts of layers, as Keras 3 saves weights: %s', async (_, layers) => {
    const counted = (__: string, i: number) =>
      [0, 1].map((k) => `layers/conv2d${i ? `_${i}` : ''}/vars/${k}`) as [string, string];
    await writeH5(file(), kerasDatasets(layers, counted));
    const { weights } = await readLossWeights(file());
    for (const layer of layers)
      expect(weights.get(`${layer.name}.weight`)!.data).toEqual(inTorchOrder(layer));
  });

  it('of what an optimiser keeps are passed over', async () => {
    const moments = {
      path: 'optimizer_weights/Adam/block1_conv1/kernel/m:0',
      ...{ shape: [3, 3, 3, 4], data: new Float32Array(108) },
    };
    await writeH5(file(), [...kerasDatasets(two, kerasPaths['a whole model of Keras 2']!), moments]);
    expect((await readLossWeights(file())).weights.get('conv1_1.weight')!.data).toEqual(
      inTorchOrder(two[0]!),
    );
  });

  it('with filters in the order of Theano are refused, with the file to take', async () => {
    const [kernel, bias] = kerasDatasets(two.slice(0, 1), kerasPaths['Keras 1']!);
    await writeH5(file(), [{ ...kernel!, shape: [4, 3, 3, 3] }, bias!]);
    const error = await readLossWeights(file()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadInput);
    expect((error as BadInput).message).toContain('Theano');
    expect((error as BadInput).hint).toContain('tf_dim_ordering');
  });

  it('may come with numbers of 64 bits', async () => {
    const [kernel, bias] = kerasDatasets(two.slice(0, 1), kerasPaths['Keras 2']!);
    await writeH5(file(), [{ ...kernel!, data: Float64Array.from(inKerasOrder(two[0]!)) }, bias!]);
    expect((await readLossWeights(file())).weights.get('conv1_1.weight')!.data).toEqual(
      inTorchOrder(two[0]!),
    );
  });
});

describe('a file that is no loss network', () => {
  it('is refused for what it is', async () => {
    await expect(readLossWeights(join(folder, 'none.h5'))).rejects.toThrow(NotFound);
    await expect(readLossWeights(folder)).rejects.toThrow(/is a folder/);
    await expect(read(new TextEncoder().encode('<html>'), 'net.h5')).rejects.toThrow(
      /no weights file of Keras/,
    );
    await expect(read(new Uint8Array(0))).rejects.toThrow(/no weights file of Keras/);
    const other = writeWeights(new Map([['dense.weight', { shape: [1], data: Float32Array.of(1) }]]));
    await expect(read(other, 'net.safetensors')).rejects.toThrow(/it is no VGG/);
  });

  it('is refused when its convolutions do not follow one another', async () => {
    const gap = [two[0]!, { ...two[1]!, channels: 5 }];
    await expect(read(torchZip(torchTensors(gap, [0, 2])))).rejects.toThrow(
      /conv1_2 of \[3, 5, 3, 3\], where \[any, 4, 3, 3\] can follow/,
    );
  });
});
