import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { proveKernels } from '../../../src/models/engines/native-proof.js';
import { pixelLoops } from '../../../src/native.js';

const compiled = new URL('../../../dist/models/engines/native-proof.js', import.meta.url);
/** A module that says what the kernels are to have painted. */
const claim = (body: string) => new URL(`data:text/javascript,export const paintTwice = async () => ${body}`);

describe('kernels that nobody of us could run on a system', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'livebrush-proof-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const prove = (program: URL) => proveKernels({ believed: false, folder, program });

  it.skipIf(!pixelLoops())('paint in a process of their own what ONNX Runtime paints', async () => {
    await prove(compiled);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('do so once', async () => {
    await prove(claim('({ mean: 0.01, largest: 1 })'));
    await prove(claim('process.abort()'));
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it.each([
    ['crash', 'process.abort()', /its process died/],
    ['paint something else', '({ mean: 3, largest: 90 })', /paints other pictures/],
    ['paint nothing', '({ mean: NaN, largest: 0 })', /paints other pictures/],
  ])('are not loaded where they %s', async (_, body, sentence) => {
    await expect(prove(claim(body))).rejects.toThrow(sentence);
    expect(readdirSync(folder)).toEqual([]);
  });
});
