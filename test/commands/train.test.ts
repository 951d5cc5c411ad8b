import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodePicture } from '../../src/models/picture.js';
import { writeWeights } from '../../src/models/weights.js';
import { livebrush, workshop } from './cli.js';

/** A picture with something in it, another for every seed. */
const noisy = (seed: number) => ({
  data: Uint8Array.from({ length: 3 * 48 * 40 }, (_, i) => ((i * (13 + seed)) ^ (i >> 3)) % 251),
  width: 48,
  height: 40,
});

/** A loss network of one layer. */
const lossNetwork = () =>
  writeWeights(
    new Map([
      [
        'conv1_1.weight',
        { shape: [4, 3, 3, 3], data: Float32Array.from({ length: 108 }, (_, i) => Math.sin(i)) },
      ],
      ['conv1_1.bias', { shape: [4], data: new Float32Array(4) }],
    ]),
  );

describe('livebrush train meta and score', () => {
  let folder = '';
  let common: string[] = [];
  beforeAll(async () => {
    ({ folder } = await workshop());
    for (const [i, kind] of ['content', 'style'].entries()) {
      await mkdir(join(folder, kind));
      for (let k = 0; k < 12; k++)
        await writeFile(join(folder, kind, `${k}.png`), await encodePicture(noisy(12 * i + k), 'png'));
    }
    await writeFile(join(folder, 'loss.safetensors'), lossNetwork());
    common = ['--content', join(folder, 'content'), '--style', join(folder, 'style')];
    common.push('--loss', join(folder, 'loss.safetensors'), '--backend', 'wasm', '--json');
  });
  const layers = ['styleLayers', 'contentLayers'].flatMap((name) => ['--set', `${name}=["relu1_1"]`]);
  const small = ['--size', '32', '--batch', '2', '--base', '2', '--residuals', '0', '--set', 'sheetSide=1'];
  const out = () => join(folder, 'run');

  it('does not finish what was not begun', async () => {
    const { code, stderr } = await livebrush(
      'train',
      'meta',
      ...common,
      '--preset',
      'finish',
      '--out',
      out(),
    );
    expect(code).toBe(2);
    expect(stderr).toContain('--from');
    expect(await readdir(folder)).not.toContain('run');
  });

  it('trains, goes on where it stopped, and scores what it made', async () => {
    const begin = ['train', 'meta', ...common, ...layers, ...small, '--out', out(), '--set', 'holdout=0.3'];
    const first = await livebrush(...begin, '--steps', '2', '--data', 'noise', '--licence', 'CC0');
    expect(first.stderr).not.toContain('    at ');
    expect(first.code).toBe(0);
    expect(first.json()).toMatchObject({ step: 2, skips: 0, backend: 'wasm' });

    const again = await livebrush(...begin, '--steps', '3');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('--resume');
    const more = await livebrush(...begin, '--steps', '3', '--resume');
    expect(more.json()).toMatchObject({ step: 3 });
    expect(await readdir(out())).toEqual(
      expect.arrayContaining(['checkpoints', 'events', 'log.jsonl', 'model.safetensors', 'sheets']),
    );

    const options = ['--style-layers', 'relu1_1', '--content-layers', 'relu1_1', '--reference-steps', '3'];
    const model = join(out(), 'model.safetensors');
    const score = await livebrush(
      'score',
      ...common,
      ...options,
      '--model',
      model,
      '--pairs',
      '1',
      '--split',
      'all',
      '--size',
      '32',
    );
    expect(score.code).toBe(0);
    const { unchanged, optimised, score: s } = score.json() as Record<string, number>;
    expect(optimised).toBeLessThan(unchanged!);
    expect(Number.isFinite(s)).toBe(true);
  });

  it.each([
    [['--loss', 'nowhere.safetensors'], 1, 'nowhere.safetensors'],
    [['--content', 'nowhere'], 1, 'nowhere'],
    [['--set', 'colour=red'], 2, 'colour'],
    [['--steps', 'many'], 2, 'many'],
    [['--preset', 'mansion'], 2, 'mansion'],
  ])('refuses %j in one sentence', async (wrong, code, named) => {
    const ended = await livebrush(
      'train',
      'meta',
      ...common,
      ...layers,
      ...small,
      '--out',
      join(folder, 'no'),
      ...wrong,
    );
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(named);
    expect(ended.stderr).not.toContain('    at ');
  });
});
