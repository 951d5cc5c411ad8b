import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodePicture } from '../../src/models/picture.js';
import { tinyLossNetwork } from '../models/train/tiny.js';
import { livebrush, workshop } from './cli.js';

const noisy = (seed: number) => ({
  data: Uint8Array.from({ length: 3 * 48 * 40 }, (_, i) => ((i * (13 + seed)) ^ (i >> 3)) % 251),
  width: 48,
  height: 40,
});

describe('livebrush train loss', () => {
  let folder = '';
  let pictures: string[] = [];
  let teacher = '';
  beforeAll(async () => {
    ({ folder } = await workshop());
    for (const [i, kind] of ['content', 'style'].entries()) {
      await mkdir(join(folder, kind));
      for (let k = 0; k < 12; k++)
        await writeFile(join(folder, kind, `${k}.png`), await encodePicture(noisy(12 * i + k), 'png'));
    }
    teacher = join(folder, 'teacher.safetensors');
    await writeFile(teacher, tinyLossNetwork());
    pictures = ['--content', join(folder, 'content'), '--style', join(folder, 'style')];
    pictures.push('--backend', 'wasm');
  });
  const small = ['--layers', 'relu1_1,relu2_1', '--widths', '3,4', '--size', '16', '--batch', '2'];
  const few = ['--set', 'holdout=0.3', '--set', 'evaluatePairs=2', '--set', 'sheetSide=1'];
  const out = () => join(folder, 'run');
  const begin = () => ['train', 'loss', ...pictures, '--loss', teacher, ...small, ...few];

  it('trains a network, tells how near it is, and goes on where it stopped', async () => {
    const first = await livebrush(...begin(), '--out', out(), '--steps', '2');
    expect(first.stderr).not.toContain('    at ');
    expect(first.code).toBe(0);
    expect(first.stdout).toContain('Trained 2 steps');
    expect(first.stdout).toMatch(/^relu2_1 +-?\d\.\d{3}/m);
    expect(await readdir(out())).toContain('model.safetensors');

    const again = await livebrush(...begin(), '--out', out(), '--steps', '3');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('--resume');
    const more = await livebrush(...begin(), '--out', out(), '--steps', '3', '--resume', '--json');
    expect(more.json()).toMatchObject({ step: 3, backend: 'wasm' });
  });

  it('compares finished networks without training', async () => {
    const same = await livebrush(...begin(), '--measure', teacher, '--json');
    expect(same.code).toBe(0);
    const { agreement } = same.json() as { agreement: Record<string, { features: { r: number } }> };
    expect(agreement.relu1_1!.features.r).toBeCloseTo(1, 4);
    expect(agreement.relu2_1!.features.r).toBeCloseTo(1, 4);
  });

  it('says what is missing or wrong in one sentence', async () => {
    const neither = await livebrush(...begin());
    expect(neither.code).toBe(2);
    expect(neither.stderr).toContain('--measure');
    const narrow = await livebrush(...begin(), '--widths', '3', '--out', join(folder, 'other'));
    expect(narrow.stderr).toContain('width');
    const untaught = await livebrush(...begin(), '--layers', 'relu1_2', '--out', join(folder, 'other'));
    expect(untaught.stderr).toContain('relu1_2');
    for (const { stderr } of [neither, narrow, untaught]) expect(stderr).not.toContain('    at ');
  });

  it('is not needed for a first training: one network ships', async () => {
    const trained = await livebrush(
      ...['train', 'meta', ...pictures, '--out', join(folder, 'meta'), '--json', '--steps', '1'],
      ...['--size', '32', '--batch', '1', '--base', '2', '--residuals', '0', '--set', 'hidden=4'],
      ...[...few, '--set', 'group=2'],
    );
    expect(trained.stderr).not.toContain('    at ');
    expect(trained.json()).toMatchObject({ step: 1, skips: 0 });
    const scored = await livebrush(
      ...['score', ...pictures, '--model', join(folder, 'meta', 'model.safetensors'), '--json'],
      ...['--pairs', '1', '--size', '32', '--reference-steps', '2', '--split', 'all'],
    );
    expect(scored.code).toBe(0);
    expect(scored.json()).toMatchObject({ pairs: [{ score: expect.any(Number) }] });
  });
});
