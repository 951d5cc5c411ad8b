import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput } from '../../../src/errors.js';
import { readH5 } from '../../../src/models/import/keras-h5.js';
import { convolutions, kerasDatasets, kerasPaths, writeH5 } from './published-files.js';

const program = new URL('../../../dist/models/import/h5-worker.js', import.meta.url);
let folder = '';
let whole = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'h5-'));
  whole = join(folder, 'whole.h5');
  await writeH5(whole, kerasDatasets(convolutions([['conv1_1', 4]]), kerasPaths['Keras 1']!));
});
afterAll(() => rm(folder, { recursive: true }));

/** A thread that does something else. */
const instead = async (name: string, code: string): Promise<URL> => {
  const path = join(folder, `${name}.mjs`);
  await writeFile(path, code);
  return pathToFileURL(path);
};

describe('an HDF5 file that a thread of its own reads', () => {
  it('gives what it gives in this thread', async () => {
    const aside = await readH5(whole, 'The file', { program });
    expect(aside.size).toBeGreaterThan(0);
    expect(aside).toEqual(await readH5(whole, 'The file'));
  });

  it('is refused when it is damaged, in the same words', async () => {
    const cut = join(folder, 'cut.h5');
    await writeFile(cut, (await readFile(whole)).subarray(0, 700));
    const refused = await readH5(cut, 'The file', { program }).catch((error) => error);
    expect(refused).toBeInstanceOf(BadInput);
    const here = await readH5(cut, 'The file').catch((error) => error);
    expect([refused.message, refused.hint]).toEqual([here.message, here.hint]);
  });

  it.each([
    ['throws', 'throw new WebAssembly.RuntimeError("unreachable")', 'is not a valid HDF5 file'],
    ['ends', 'process.exit(3)', 'is not a valid HDF5 file'],
    ['never comes back', 'for (;;);', 'cannot be read to its end'],
  ])('is refused when its reader %s, and the next one is read', async (name, code, message) => {
    const broken = { program: await instead(name.replaceAll(' ', '-'), code), patience: 500 };
    await expect(readH5(whole, 'The file', broken)).rejects.toThrow(message);
    expect((await readH5(whole, 'The file', { program })).size).toBeGreaterThan(0);
  });
});
