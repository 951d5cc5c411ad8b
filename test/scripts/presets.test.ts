import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStyleCache } from '../../src/models/cache.js';
import { openEngine } from '../../src/models/engines/index.js';
import { openGallery } from '../../src/models/gallery.js';
import { encodePicture, readPicture } from '../../src/models/picture.js';
import { NAME, readStyle, writeStyle } from '../../src/models/style.js';
import { randomWeights, tinyModel, tinyModelFile } from '../models/tiny-model.js';

const script = (name: string) => fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-presets-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the list of presets', () => {
  it('names each painting once, all of them free of copyright', async () => {
    const presets = JSON.parse(await readFile(script('presets.json'), 'utf8')) as {
      name: string;
      file: string;
      title: string;
      artist: string;
      died: number;
      year: string;
    }[];
    expect(presets.length).toBeGreaterThanOrEqual(20);
    for (const key of ['name', 'file', 'title'] as const)
      expect(new Set(presets.map((preset) => preset[key])).size).toBe(presets.length);
    for (const { name, file, artist, died, year } of presets) {
      expect(name).toMatch(NAME);
      expect(file).toMatch(/^[a-z0-9-]+\.jpg$/);
      expect(artist).toBeTruthy();
      expect(died).toBeLessThan(1955);
      expect(typeof year).toBe('string');
    }
  });
});

describe('make-presets', () => {
  it('makes styles that the gallery resolves, thumbnails and a picture for the docs, the same each time', async () => {
    const places = { models: join(folder, 'models'), home: join(folder, 'home') };
    await mkdir(places.models);
    await writeFile(join(places.models, 'tiny.safetensors'), tinyModelFile());
    const names = ['red', 'blue'];
    for (const [i, name] of names.entries()) {
      const data = new Uint8Array(3 * 64 * 48).fill(230, i * 2 * 3072, (i * 2 + 1) * 3072);
      await writeFile(
        join(folder, `${name}.png`),
        await encodePicture({ data, width: 64, height: 48 }, 'png'),
      );
    }
    const list = names.map((name) => ({
      name,
      file: `${name}.png`,
      title: name,
      artist: 'A',
      died: 1900,
      year: '1890',
    }));
    await writeFile(join(folder, 'list.json'), JSON.stringify(list));
    const out = join(places.models, 'tiny');
    const run = (...more: string[]) =>
      promisify(execFile)(process.execPath, [
        script('make-presets.mjs'),
        ...['--model', join(places.models, 'tiny.safetensors'), '--paintings', folder, '--show', 'blue,red'],
        ...['--list', join(folder, 'list.json'), '--out', out, '--docs', join(folder, 'painted.webp')],
        ...['--samples', '1', ...more],
      ]);
    await run();
    expect((await readdir(out)).sort()).toEqual([
      'blue.safetensors',
      'blue.webp',
      'red.safetensors',
      'red.webp',
    ]);
    expect((await readPicture(join(out, 'red.webp'))).original).toEqual({ width: 256, height: 256 });
    const docs = (await readPicture(join(folder, 'painted.webp'))).original;
    expect(docs.width).toBeGreaterThan(3 * 400);

    const before = await readFile(join(out, 'red.safetensors'));
    await writeFile(join(out, 'gone.safetensors'), 'left by an older list');
    await run();
    expect((await readFile(join(out, 'red.safetensors'))).equals(before)).toBe(true);
    expect(await readdir(out)).not.toContain('gone.safetensors');

    // A preset is what the gallery makes of the same painting, but for its halves.
    const model = tinyModel();
    await using engine = await openEngine('onnx/cpu');
    await using gallery = openGallery({
      model,
      engine,
      folders: places,
      cache: openStyleCache({ folder: join(folder, 'cache') }),
    });
    const preset = await gallery.resolve('red');
    expect(preset).toMatchObject({ from: 'file', style: { title: 'red', artist: 'A', source: 'preset' } });
    const picture = await gallery.resolve(join(folder, 'red.png'));
    expect(picture.from).toBe('made');
    for (const [name, { data }] of picture.weights)
      expect(
        Buffer.compare(Buffer.from(data.buffer), Buffer.from(preset.weights.get(name)!.data.buffer)),
      ).toBe(0);

    // One that was tuned holds its weights.
    const weights = randomWeights(model.transform, 'style', 5);
    const provenance = 'What a MetaNet makes, tuned by 7 steps of training.';
    const card = { name: 'red', title: 'x', date: '2026-01-01', licence: 'MIT', provenance };
    await mkdir(join(folder, 'runs', 'red'), { recursive: true });
    await writeFile(join(folder, 'runs', 'red', 'style.safetensors'), writeStyle(card, weights, model));
    await run('--tuned', join(folder, 'runs'));
    const tuned = readStyle(await readFile(join(out, 'red.safetensors')), model);
    expect(tuned.card).toMatchObject({ title: 'red', artist: 'A' });
    expect(tuned.card.provenance).toContain('tuned by 7 steps');
    const [first, { data }] = [...weights][0]!;
    expect(tuned.weights.get(first)!.data[0]).toBeCloseTo(data[0]!, 3);
    expect((await readFile(join(out, 'blue.safetensors'))).length).toBeLessThan(3000);
  });
});
