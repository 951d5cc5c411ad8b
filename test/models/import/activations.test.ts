import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { features, loadLossNetworks } from '../../../src/models/train/losses.js';
import { writeWeights } from '../../../src/models/weights.js';
import {
  type Convolution,
  convolutions,
  inTorchOrder,
  kerasDatasets,
  kerasPaths,
  torchLegacy,
  torchTensors,
  torchZip,
  writeH5,
} from './published-files.js';

/** One channel of a picture, by row and column. */
type Plane = number[][];

const SIDE = 6;
/** Red, green and blue in [0, 1], each of a kind of its own, so that no two can be taken for one another. */
const picture: Plane[] = [0.9, 0.5, 0.1].map((level, c) =>
  Array.from({ length: SIDE }, (_, y) =>
    Array.from({ length: SIDE }, (_, x) => level + (((3 * c + 5 * y + 7 * x) % 11) - 5) / 60),
  ),
);
const mapped = (planes: Plane[], f: (value: number, c: number) => number) =>
  planes.map((plane, c) => plane.map((row) => row.map((value) => f(value, c))));

/** What the authors of each net say that it takes, written down once more. */
const intoCaffe = ([red, green, blue]: Plane[]) =>
  mapped([blue!, green!, red!], (value, c) => 255 * value - [103.939, 116.779, 123.68][c]!);
const intoTorchvision = (planes: Plane[]) =>
  mapped(planes, (value, c) => (value - [0.485, 0.456, 0.406][c]!) / [0.229, 0.224, 0.225][c]!);

/** Convolution with zeros beyond the border, then ReLU. */
const convolved = (planes: Plane[], { filters, channels, at, bias }: Convolution): Plane[] =>
  Array.from({ length: filters }, (_, o) =>
    planes[0]!.map((row, y) =>
      row.map((_, x) => {
        let sum = bias[o]!;
        for (let i = 0; i < channels; i++)
          for (let dy = 0; dy < 3; dy++)
            for (let dx = 0; dx < 3; dx++)
              sum += at(o, i, dy, dx) * (planes[i]![y + dy - 1]?.[x + dx - 1] ?? 0);
        return Math.max(0, sum);
      }),
    ),
  );

const pooled = (planes: Plane[], join: (four: number[]) => number): Plane[] =>
  planes.map((plane) =>
    Array.from({ length: plane.length / 2 }, (_, y) =>
      Array.from({ length: plane.length / 2 }, (_, x) =>
        join([0, 1].flatMap((dy) => [0, 1].map((dx) => plane[2 * y + dy]![2 * x + dx]!))),
      ),
    ),
  );
const largest = (four: number[]) => Math.max(...four);
const mean = (four: number[]) => four.reduce((a, b) => a + b) / 4;

const layers = convolutions([
  ['conv1_1', 4],
  ['conv1_2', 3],
  ['conv2_1', 5],
]);

/** Features by name as they must be. */
function expected(input: Plane[], join = largest): Record<string, Plane[]> {
  const relu1_1 = convolved(input, layers[0]!);
  const relu1_2 = convolved(relu1_1, layers[1]!);
  return { relu1_1, relu1_2, relu2_1: convolved(pooled(relu1_2, join), layers[2]!) };
}

async function activations(file: string, options: { pool?: 'max' | 'average' } = {}) {
  const names = ['relu1_1', 'relu1_2', 'relu2_1'];
  using network = (await loadLossNetworks([file], names, options))[0]!;
  const flat = Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    const place = Math.floor(i / 3);
    return picture[i % 3]![Math.floor(place / SIDE)]![place % SIDE]!;
  });
  const tensors = features([network], tf.tensor4d(flat, [1, SIDE, SIDE, 3]));
  return Object.fromEntries(
    names.map((name) => [name, tf.transpose(tensors[name]!, [0, 3, 1, 2]).arraySync() as Plane[][]]),
  );
}

/** Largest difference, relative to the largest value. */
function difference(got: Record<string, Plane[][]>, want: Record<string, Plane[]>): number {
  return Math.max(
    ...Object.entries(want).map(([name, planes]) => {
      const [a, b] = [got[name]!.flat(3), planes.flat(2)];
      expect(a).toHaveLength(b.length);
      expect(Math.max(...b)).toBeGreaterThan(0);
      return Math.max(...b.map((value, i) => Math.abs(value - a[i]!))) / Math.max(...b);
    }),
  );
}

const CLOSE = 1e-5;
/** What a mistake in the order of channels or in the border makes at least. */
const APART = 1e-2;

let folder = '';
beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'import-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a net of Keras', () => {
  it.each(Object.keys(kerasPaths))(
    'yields the activations of its weights, as %s saves them',
    async (version) => {
      const file = join(folder, 'keras.h5');
      await writeH5(file, kerasDatasets(layers, kerasPaths[version]!));
      const got = await activations(file);
      expect(difference(got, expected(intoCaffe(picture)))).toBeLessThan(CLOSE);
      const swapped = expected(intoCaffe([picture[2]!, picture[1]!, picture[0]!]));
      expect(difference(got, swapped)).toBeGreaterThan(APART);
      expect(difference(got, expected(intoTorchvision(picture)))).toBeGreaterThan(APART);
    },
  );

  it('averages between blocks when told to', async () => {
    const file = join(folder, 'average.h5');
    await writeH5(file, kerasDatasets(layers, kerasPaths['Keras 1']!));
    const got = await activations(file, { pool: 'average' });
    expect(difference(got, expected(intoCaffe(picture), mean))).toBeLessThan(CLOSE);
    expect(difference(got, expected(intoCaffe(picture)))).toBeGreaterThan(APART);
  });
});

describe('a net of torchvision', () => {
  const tensors = torchTensors(layers, [0, 2, 5]);
  const safetensors = () =>
    writeWeights(
      new Map(
        layers.flatMap((layer, i) => [
          [
            `features.${[0, 2, 5][i]}.weight`,
            { shape: [layer.filters, layer.channels, 3, 3], data: inTorchOrder(layer) },
          ],
          [`features.${[0, 2, 5][i]}.bias`, { shape: [layer.filters], data: Float32Array.from(layer.bias) }],
        ]),
      ),
      {},
      'F32',
    );
  it.each([
    ['a zip file of PyTorch', () => torchZip(tensors)],
    ['a file of PyTorch before 1.6', () => torchLegacy(tensors)],
    ['safetensors', safetensors],
  ])('yields the activations of its weights from %s, whatever its name', async (_, bytes) => {
    const file = join(folder, 'vgg.weights');
    await writeFile(file, bytes());
    const got = await activations(file);
    expect(difference(got, expected(intoTorchvision(picture)))).toBeLessThan(CLOSE);
    const swapped = expected(intoTorchvision([picture[2]!, picture[1]!, picture[0]!]));
    expect(difference(got, swapped)).toBeGreaterThan(APART);
    expect(difference(got, expected(intoCaffe(picture)))).toBeGreaterThan(APART);
  });
});

describe('a net under our own names', () => {
  it('reflects at the border and takes the picture as it is, unless it brings a conv0', async () => {
    const file = join(folder, 'own.safetensors');
    const weights = new Map(
      layers.flatMap((layer) => [
        [`${layer.name}.weight`, { shape: [layer.filters, layer.channels, 3, 3], data: inTorchOrder(layer) }],
        [`${layer.name}.bias`, { shape: [layer.filters], data: Float32Array.from(layer.bias) }],
      ]),
    );
    await writeFile(file, writeWeights(weights, {}, 'F32'));
    const [got, want] = [await activations(file), expected(picture)];
    // Away from the border padding changes nothing, at the border it does.
    const inner = (planes: Plane[]) =>
      planes.map((plane) => plane.slice(1, -1).map((row) => row.slice(1, -1)));
    const first = { relu1_1: inner(want.relu1_1!) };
    expect(difference({ relu1_1: [inner(got.relu1_1![0]!)] }, first)).toBeLessThan(CLOSE);
    expect(difference(got, { relu1_1: want.relu1_1! })).toBeGreaterThan(APART);
  });
});
