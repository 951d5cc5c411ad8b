import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { type TrainOptions, trainOptions } from '../../../src/models/train/options.js';
import { Random } from '../../../src/models/train/random.js';
import { type Tensor, writeWeights } from '../../../src/models/weights.js';

/** Nets and pictures as small as they get. */
export const tinyOptions = (given: Partial<TrainOptions> = {}): TrainOptions =>
  trainOptions.parse({
    ...{ steps: 6, size: 16, batch: 2, holdout: 0.3, base: 2, residuals: 1, hidden: 8, group: 4 },
    ...{ styleLayers: ['relu1_1', 'relu2_1'], contentLayers: ['relu2_1'], warmup: 2 },
    ...{
      logEvery: 1,
      evaluateEvery: 3,
      sheetEvery: 6,
      saveEvery: 3,
      evaluatePairs: 2,
      sheetSide: 2,
      cacheMb: 8,
    },
    ...given,
  });

/** A loss network of the VGG family with random weights: relu1_1 and relu2_1. */
export function tinyLossNetwork(seed = 1): Uint8Array {
  const random = Random.from(seed, 'loss');
  const weights = new Map<string, Tensor>();
  for (const [name, input, output] of [
    ['conv1_1', 3, 4],
    ['conv2_1', 4, 5],
  ] as const) {
    const data = Float32Array.from({ length: output * input * 9 }, () => random.normal() / 3);
    weights.set(`${name}.weight`, { shape: [output, input, 3, 3], data });
    weights.set(`${name}.bias`, { shape: [output], data: Float32Array.from({ length: output }, () => 0.1) });
  }
  return writeWeights(weights, {}, 'F32');
}

/** A net of the shape of VGG-16 up to relu4_3, its numbers random. */
export function randomVgg16(seed = 1): Uint8Array {
  const random = Random.from(seed, 'vgg16');
  const weights = new Map<string, Tensor>();
  const put = (name: string, shape: [number, number, number, number], gain: number) => {
    const data = Float32Array.from(
      { length: shape[0] * shape[1] * shape[2] ** 2 },
      () => random.next() - 0.5,
    );
    weights.set(`${name}.weight`, { shape, data: data.map((value) => gain * value) });
    weights.set(`${name}.bias`, { shape: [shape[0]], data: new Float32Array(shape[0]).fill(0.05) });
  };
  put('conv0', [3, 3, 1, 1], 6);
  let channels = 3;
  for (const [i, [width, convs]] of [
    [64, 2],
    [128, 2],
    [256, 3],
    [512, 3],
  ].entries() as unknown as Iterable<[number, [number, number]]>)
    for (let j = 1; j <= convs; j++) {
      put(`conv${i + 1}_${j}`, [width, channels, 3, 3], Math.sqrt(24 / (9 * channels)));
      channels = width;
    }
  return writeWeights(weights, {}, 'F32');
}

/** A picture of noise as a PNG. */
export async function noise(width: number, height: number, seed: number): Promise<Buffer> {
  const random = Random.from(seed, 'noise');
  const data = Uint8Array.from({ length: 3 * width * height }, () => random.below(256));
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Writes folders `content` and `style` of noise pictures and `loss.safetensors` into a folder. */
export async function tinyFiles(folder: string, count = 12) {
  for (const [i, name] of ['content', 'style'].entries()) {
    await mkdir(join(folder, name));
    for (let j = 0; j < count; j++)
      await writeFile(join(folder, name, `${name}-${j}.png`), await noise(24 + j, 20, 100 * i + j));
  }
  const loss = join(folder, 'loss.safetensors');
  await writeFile(loss, tinyLossNetwork());
  return {
    content: [join(folder, 'content')],
    style: [join(folder, 'style')],
    loss: [loss],
    out: join(folder, 'out'),
    name: 'tiny',
  };
}
