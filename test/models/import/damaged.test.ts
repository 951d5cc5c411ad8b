import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput } from '../../../src/errors.js';
import { readLossWeights } from '../../../src/models/import/index.js';
import { Random } from '../../../src/models/train/random.js';
import { writeWeights } from '../../../src/models/weights.js';
import {
  convolutions,
  inTorchOrder,
  kerasDatasets,
  kerasPaths,
  torchLegacy,
  torchTensors,
  torchZip,
  writeH5,
} from './published-files.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'damaged-'));
});
afterAll(() => rm(folder, { recursive: true }));

const layers = convolutions([
  ['conv1_1', 4],
  ['conv1_2', 3],
]);
const h5 = async () => {
  const file = join(folder, 'whole.h5');
  await writeH5(file, kerasDatasets(layers, kerasPaths['Keras 1']!));
  return new Uint8Array(await readFile(file));
};
const safetensors = () =>
  writeWeights(
    new Map(
      layers.map((layer) => [
        `${layer.name}.weight`,
        { shape: [layer.filters, layer.channels, 3, 3], data: inTorchOrder(layer) },
      ]),
    ),
  );
const kinds: [string, () => Uint8Array | Promise<Uint8Array>][] = [
  ['HDF5', h5],
  ['a zip file of PyTorch', () => torchZip(torchTensors(layers, [0, 2]))],
  ['an old file of PyTorch', () => torchLegacy(torchTensors(layers, [0, 2]))],
  ['safetensors', safetensors],
];

/** Reads bytes as a loss network. @returns whether they were one; fails when they are refused by anything but BadInput. */
async function survives(bytes: Uint8Array): Promise<boolean> {
  const file = join(folder, 'damaged.weights');
  await writeFile(file, bytes);
  try {
    await readLossWeights(file);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput);
    expect((error as BadInput).message).toMatch(/^The loss network damaged\.weights [^\n]{5,300}\.$/);
    return false;
  }
}

describe.each(kinds)('%s', (_, whole) => {
  it('is one clear refusal wherever it is cut off', async () => {
    const bytes = await whole();
    expect(await survives(bytes)).toBe(true);
    for (let i = 0; i < 25; i++)
      expect(await survives(bytes.subarray(0, Math.floor((i * (bytes.length - 1)) / 25)))).toBe(false);
  });

  it('is read or refused, whichever bytes are wrong', async () => {
    const bytes = await whole();
    const random = Random.from(5, 'damage');
    for (let i = 0; i < 80; i++) {
      const wrong = Uint8Array.from(bytes);
      // Most of a file are numbers, which may be any; what describes them is at the start or the end.
      const reach = random.below(2) ? Math.min(900, bytes.length) : bytes.length;
      for (let k = 0; k <= random.below(6); k++) {
        const at = random.below(reach);
        wrong[random.below(2) ? at : bytes.length - 1 - at] = random.below(256);
      }
      await survives(wrong);
    }
  });
});

/** The place of some bytes in others. */
const find = (bytes: Uint8Array, wanted: readonly number[]): number =>
  Buffer.from(bytes).indexOf(Buffer.from(wanted));

describe('a file that claims what it does not hold', () => {
  const u32 = (...values: number[]) => [...new Uint8Array(Uint32Array.from(values).buffer)];

  it('is refused before memory is taken for it: tensors of HDF5', async () => {
    const bytes = await h5();
    // The shape [3, 3, 4, 3] as four numbers of 64 bits.
    const at = find(bytes, u32(3, 0, 3, 0, 4, 0, 3, 0));
    expect(at).toBeGreaterThan(0);
    const before = process.memoryUsage().arrayBuffers;
    for (const filters of [2 ** 20, 2 ** 31, 2 ** 32 - 1]) {
      const wrong = Uint8Array.from(bytes);
      wrong.set(u32(3, 0, 3, 0, filters, 0, filters, 0), at);
      expect(await survives(wrong)).toBe(false);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100e6);
  });

  it('is refused before memory is taken for it: storages of PyTorch', async () => {
    const tensors = torchTensors(layers, [0, 2]).map((tensor) => ({ ...tensor, count: 2 ** 31 - 1 }));
    expect(await survives(torchZip(tensors))).toBe(false);
    expect(await survives(torchLegacy(tensors))).toBe(false);
  });

  it('is refused without counting to the end: files in a zip file', async () => {
    const bytes = torchZip(torchTensors(layers, [0, 2]));
    const end = bytes.length - 22;
    // The end of a zip file of 64 bits: its record, its locator, then the old end.
    const record = [...u32(0x06064b50, 44, 0), 45, 0, 45, 0, ...u32(0, 0, 2 ** 32 - 1, 0, 2 ** 32 - 1, 0)];
    // A directory behind the end of the file is all zeros, entry by entry.
    const start = 2 ** 31;
    const more = [...record, ...u32(0, 0, start, 0), ...u32(0x07064b50, 0, end, 0, 1)];
    const file = join(folder, 'many.pth');
    await writeFile(file, Uint8Array.from([...bytes.subarray(0, end), ...more, ...bytes.subarray(end)]));
    await expect(readLossWeights(file)).rejects.toThrow(/has too many files in it/);
  });

  it('is refused when it is compressed, as a bomb would be', async () => {
    const { zipSync } = await import('fflate');
    const bomb = zipSync({ 'archive/data.pkl': new Uint8Array(5e6) }, { level: 9 });
    expect(bomb.length).toBeLessThan(10e3);
    expect(await survives(bomb)).toBe(false);
  });
});
