import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { comparedSize } from '../../src/commands/export-pictures.js';
import { encodePicture } from '../../src/models/picture.js';
import { seededPicture } from '../suites/weights.js';
import { livebrush, workshop } from './cli.js';

let folder = '';
let style = '';
let other = '';
let model: string[] = [];
beforeAll(async () => {
  const made = await workshop();
  ({ folder, style, other } = made);
  model = ['--model', made.model];
  await mkdir(join(folder, 'photos'));
  for (let i = 0; i < 5; i++)
    await writeFile(
      join(folder, 'photos', `${i}.png`),
      await encodePicture(seededPicture({ width: 60, height: 50 }, i), 'png'),
    );
  await writeFile(join(folder, 'photos', 'notes.txt'), 'no picture');
  await mkdir(join(folder, 'empty'));
});

describe('livebrush export', () => {
  it('writes a picture’s style, says how large it is and how near, and replaces it only when told to', async () => {
    const out = join(folder, 'style.onnx');
    const ended = await livebrush('export', '--style', style, ...model, '-o', out, '--json');
    expect(ended.stderr).not.toContain('    at ');
    expect(ended.code).toBe(0);
    expect(ended.json()).toMatchObject({
      out,
      format: 'onnx',
      model: 'tiny',
      style: 'style',
      difference: { pictures: 4 },
    });
    const { bytes, difference } = ended.json() as { bytes: number; difference: { max: number } };
    expect((await stat(out)).size).toBe(bytes);
    expect(difference.max).toBeLessThanOrEqual(2);

    const before = await readFile(out);
    const again = await livebrush('export', '--style', other, ...model, '-o', out);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('exists already');
    expect(await readFile(out)).toEqual(before);
    const replaced = await livebrush(
      'export',
      '--style',
      `${style}:1`,
      '--style',
      `${other}:3`,
      ...model,
      '-o',
      out,
      '--overwrite',
    );
    expect(replaced.code).toBe(0);
    expect(replaced.stderr).toMatch(/kB, ONNX.*\n.*Differs from livebrush by 0\.\d\d of 255/);
    expect(await readFile(out)).not.toEqual(before);
  });

  it('calibrates 8 bits on the pictures of a folder and compares on others', async () => {
    const out = join(folder, 'bytes.onnx');
    const photos = ['--calibrate', join(folder, 'photos')];
    const ended = await livebrush(
      'export',
      '--style',
      style,
      ...model,
      '--format',
      'onnx-int8',
      ...photos,
      '-o',
      out,
      '--json',
    );
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('Calibrating with 4 pictures of');
    expect(ended.json()).toMatchObject({ format: 'onnx-int8', difference: { pictures: 1 } });
  });

  it('compares large sizes at a smaller one', async () => {
    expect(comparedSize({ width: 1280, height: 720 }, 4)).toEqual({ width: 1280, height: 720 });
    const { width, height } = comparedSize({ width: 16_000, height: 8000 }, 4);
    expect([width % 4, height % 4]).toEqual([0, 0]);
    expect(width / height).toBeCloseTo(2, 1);
    expect(width * height).toBeLessThanOrEqual(1e6);
    const out = join(folder, 'large.onnx');
    const ended = await livebrush(
      'export',
      '--style',
      style,
      ...model,
      '--size',
      '4096x2048',
      '-o',
      out,
      '--json',
    );
    expect(ended.code).toBe(0);
    expect(ended.json()).toMatchObject({ difference: { pictures: 4 } });
    const session = await InferenceSession.create(out);
    expect(session.inputMetadata[0]).toMatchObject({ name: 'content', shape: [1, 3, 2048, 4096] });
    await session.release();
  });

  it('writes a GraphModel as a folder', async () => {
    const out = join(folder, 'web', 'graph');
    const wanted = ['export', '--style', style, ...model, '--format', 'tfjs', '-o', out];
    expect((await livebrush(...wanted)).code).toBe(0);
    expect((await readdir(out)).sort()).toEqual(['group1-shard1of1.bin', 'model.json']);
    expect(JSON.parse(await readFile(join(out, 'model.json'), 'utf8'))).toMatchObject({
      format: 'graph-model',
      userDefinedMetadata: { style: 'style', model: 'tiny', licence: 'MIT' },
    });
    expect((await livebrush(...wanted)).stderr).toContain('exists already');
  });

  it.each([
    [[], 2, 'nothing to export'],
    [['--style', 'STYLE', '--metanet'], 2, 'do not go together'],
    [['--style', 'STYLE', '--size', '640'], 2, 'width and height'],
    [['--style', 'STYLE', '--size', '30x30'], 1, 'multiples of 4'],
    [['--style', 'STYLE', '--size', '16384x16384'], 1, 'cannot be painted'],
    [['--style', 'STYLE', '--fast'], 2, '--fast'],
    [['--style', 'STYLE', '--format', 'onnx-int4'], 2, 'onnx-int4'],
    [['--style', 'STYLE', '--io', 'int32'], 2, 'int32'],
    [['--style', 'nowhere.png'], 1, 'nowhere.png'],
    [['--style', 'STYLE', '--format', 'onnx-int8', '--calibrate', 'EMPTY'], 1, 'no pictures'],
    [['--style', 'STYLE', '--format', 'onnx-int8', '--calibrate', 'nowhere'], 1, 'nowhere'],
    [['--style', 'STYLE', '--format', 'onnx-int8', '--calibrate', 'STYLE'], 1, 'is no folder'],
    [['--metanet', '--format', 'tfjs'], 2, '--metanet'],
    [['--metanet', '--io', 'float'], 2, '--metanet'],
  ])('refuses %j in one sentence and writes nothing', async (args, code, named) => {
    const out = join(folder, 'never.onnx');
    const given = args.map((arg) => arg.replace('STYLE', style).replace('EMPTY', join(folder, 'empty')));
    const ended = await livebrush('export', ...given, ...model, '-o', out);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(named);
    expect(ended.stderr).not.toContain('    at ');
    expect(await stat(out).catch(() => undefined)).toBeUndefined();
  });
});
