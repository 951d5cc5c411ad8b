import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NotFound } from '../../../src/errors.js';
import { findLossFile, lossFolder, published } from '../../../src/models/import/published.js';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'published-'));
});
afterAll(() => rm(home, { recursive: true }));

describe('names of loss networks', () => {
  it('mean the fetched file, once it is there', async () => {
    for (const { name, file } of published) {
      const missing = (() => {
        try {
          return findLossFile(name, home);
        } catch (error) {
          return error;
        }
      })();
      expect(missing).toBeInstanceOf(NotFound);
      expect((missing as NotFound).hint).toContain(`livebrush fetch ${name}`);
      await mkdir(lossFolder(home), { recursive: true });
      await writeFile(join(lossFolder(home), file), 'weights');
      expect(findLossFile(name, home)).toBe(join(lossFolder(home), file));
    }
  });

  it('that nobody publishes are paths', () => {
    expect(findLossFile('./vgg16', home)).toBe('./vgg16');
    expect(findLossFile('vgg.safetensors', home)).toBe('vgg.safetensors');
  });
});
