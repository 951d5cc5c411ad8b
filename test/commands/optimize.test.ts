import { existsSync } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { stepPath } from '../../src/commands/optimize-one.js';
import { encodePicture, readPicture } from '../../src/models/picture.js';
import { tinyVgg16 } from '../models/train/tiny-vgg16.js';
import { livebrush, start, workshop } from './cli.js';

/** A picture with something in it, another for every seed. */
const scene = (width: number, height: number, seed: number) => ({
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => ((i * (13 + seed)) ^ (i >> 3)) % 251),
  width,
  height,
});

describe('livebrush optimize', () => {
  let folder = '';
  let common: string[] = [];
  const at = (name: string) => join(folder, name);
  beforeAll(async () => {
    ({ folder } = await workshop());
    // Lies on its side: upright it is 40 wide and 56 high.
    const turned = await sharp(await encodePicture(scene(56, 40, 1), 'png'))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    await writeFile(at('photo.jpg'), turned);
    await writeFile(at('painting.png'), await encodePicture(scene(48, 48, 2), 'png'));
    await writeFile(at('vgg.safetensors'), tinyVgg16());
    common = ['--style', at('painting.png'), '--loss', at('vgg.safetensors'), '--backend', 'wasm', '--json'];
  });

  it('paints a picture upright, with those on the way, and tells the losses', async () => {
    const told = await livebrush(
      'optimize',
      at('photo.jpg'),
      ...common,
      '-o',
      at('a.png'),
      '--steps',
      '4',
      '--every',
      '2',
    );
    expect(told.stderr).not.toContain('    at ');
    expect(told.code).toBe(0);
    const result = told.json() as { before: { total: number }; after: { total: number } };
    expect(result).toMatchObject({ steps: 4, end: 'steps', width: 40, height: 56, backend: 'wasm' });
    expect(result.after.total).toBeLessThan(result.before.total);
    expect((await readPicture(at('a.png'))).pixels).toMatchObject({ width: 40, height: 56 });
    expect((await readdir(folder)).filter((name) => name.startsWith('a'))).toEqual(['a-0002.png', 'a.png']);
    const small = await livebrush(
      ...['optimize', at('photo.jpg'), ...common, '-o', at('small.webp')],
      ...['--preset', 'adam-vgg16', '--steps', '1', '--size', '33'],
    );
    expect(small.json()).toMatchObject({ optimiser: 'adam', width: 24, height: 33 });
  });

  it('writes the picture so far when it is interrupted, and says so', async () => {
    const run = start([
      'optimize',
      at('photo.jpg'),
      ...common,
      '-o',
      at('cut.png'),
      '--steps',
      '100000',
      '--every',
      '1',
    ]);
    while (!existsSync(at('cut-0002.png')) && run.process.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    run.process.kill('SIGINT');
    const ended = await run.ended;
    expect(ended.code).toBe(130);
    expect(ended.stderr).toMatch(/Interrupted after \d+ of 100000 steps; the picture so far is .*cut\.png\./);
    expect((await readPicture(at('cut.png'))).pixels).toMatchObject({ width: 40, height: 56 });
    expect(ended.stdout).toContain('"end":"stopped"');
  });

  it.each([
    [['-o', 'there.png'], 1, ['exists already', '--overwrite']],
    [['-o', 'photo.jpg', '--overwrite'], 2, ['the input itself']],
    [['-o', 'never.txt'], 2, ['does not name a picture format']],
    [['-o', 'never.png', '--preset', 'mansion'], 2, ['mansion', 'lbfgs-vgg16']],
    [['-o', 'never.png', '--steps', '0'], 2, ['whole number']],
    [['-o', 'never.png', '--style-layers', 'relu5_4'], 2, ['relu5_4', '--style-layers']],
    [['-o', 'never.png', '--style', 'vgg.safetensors'], 1, ['is not a picture']],
    [['-o', 'never.png', '--loss', 'vgg16', '--preset', 'adam-vgg16'], 1, ['livebrush fetch vgg16']],
  ])('refuses %j in one sentence, before any work', async (wrong, code, named) => {
    await writeFile(at('there.png'), 'precious');
    const args = wrong.map((word) => (/\.(png|jpg|txt|safetensors)$/.test(word) ? at(word) : word));
    // Options given again come in place of the first ones, but for --loss.
    const given = wrong.includes('--loss') ? common.filter((_, i) => i !== 2 && i !== 3) : common;
    const ended = await livebrush('optimize', at('photo.jpg'), ...given, ...args);
    expect(ended.code).toBe(code);
    for (const text of named) expect(ended.stderr).toContain(text);
    expect(ended.stderr).not.toContain('    at ');
    expect(existsSync(at('never.png'))).toBe(false);
    expect((await stat(at('there.png'))).size).toBe(8);
  });

  it('refuses a size that does not fit into memory, and says which one does', async () => {
    const create = { width: 4000, height: 4000, channels: 3, background: '#345' } as const;
    await sharp({ create }).png().toFile(at('large.png'));
    const ended = await livebrush(
      ...['optimize', at('large.png'), ...common, '-o', at('never.png'), '--size', '4000'],
    );
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/4000x4000 pixels takes about .* GB of memory/);
    expect(ended.stderr).toMatch(/--size \d{3,4}/);
  });

  it('refuses pictures on the way that exist already', async () => {
    await writeFile(at('way-0002.png'), 'precious');
    const run = ['optimize', at('photo.jpg'), ...common, '-o', at('way.png'), '--steps', '3', '--every', '1'];
    const ended = await livebrush(...run);
    expect([ended.code, existsSync(at('way.png')), existsSync(at('way-0001.png'))]).toEqual([
      1,
      false,
      false,
    ]);
    expect(ended.stderr).toContain('way-0002.png exists already');
  });
});

it('names the pictures on the way after the painting', () => {
  expect(stepPath('out/a.b.png', 20)).toBe('out/a.b-0020.png');
  expect(stepPath('a.jpeg', 12345)).toBe('a-12345.jpeg');
});
