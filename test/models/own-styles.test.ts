import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput, NotFound } from '../../src/errors.js';
import { type Gallery, listStyles, openGallery } from '../../src/models/gallery.js';
import { listModels } from '../../src/models/models.js';
import { encodePicture } from '../../src/models/picture.js';
import { writeStyle } from '../../src/models/style.js';
import { CountingEngine, randomWeights, tinyModel, tinyStyled, tinyStyledFile } from './tiny-model.js';

const model = tinyStyled();
let folder: string;
let places: { models: string; home: string };
let picture: string;
let gallery: Gallery;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-own-styles-'));
  places = { models: join(folder, 'models'), home: join(folder, 'home') };
  await mkdir(join(places.home, 'models'), { recursive: true });
  await mkdir(join(places.models, 'tiny'), { recursive: true });
  await writeFile(join(places.home, 'models', 'own.safetensors'), tinyStyledFile());
  const meta = tinyModel();
  const card = { name: 'wave', title: 'The preset', date: '2026-01-01', licence: 'CC0', provenance: '' };
  const preset = writeStyle(card, randomWeights(meta.transform, 'style', 3), meta);
  await writeFile(join(places.models, 'tiny', 'wave.safetensors'), preset);
  picture = join(folder, 'painting.png');
  const pixels = { data: new Uint8Array(3 * 64).fill(9), width: 8, height: 8 };
  await writeFile(picture, await encodePicture(pixels, 'png'));
  const engine = () => Promise.reject(new Error('no engine is needed'));
  gallery = openGallery({ model, engine, folders: places });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a model of its own styles', () => {
  it('is listed with its card', async () => {
    expect(await listModels(places)).toMatchObject([{ name: 'own', card: { kind: 'styled-model' } }]);
  });

  it('lists its styles and no others', async () => {
    expect(await gallery.list()).toEqual([
      { name: 'wave', title: 'The wave', source: 'model', models: ['own'] },
      { name: 'scream', title: 'The scream', source: 'model', models: ['own'] },
    ]);
    expect(await gallery.show('scream')).toMatchObject({ source: 'model', models: ['own'] });
  });

  it('has its styles among all that are at hand', async () => {
    const all = await listStyles(places);
    expect(all.find(({ name }) => name === 'scream')).toMatchObject({ source: 'model', models: ['own'] });
    expect(all.find(({ name }) => name === 'wave')).toMatchObject({
      source: 'preset',
      models: ['tiny', 'own'],
    });
  });

  it('resolves a style by name, without an engine', async () => {
    const { style, weights, from } = await gallery.resolve('scream');
    expect(style).toMatchObject({ name: 'scream', title: 'The scream' });
    expect(weights).toBe(model.styles.get('scream'));
    expect(from).toBe('file');
  });

  it('mixes styles by the weighted sum of their scales and shifts over the sum of the weights', async () => {
    const mixed = await gallery.mix([
      { name: 'wave', weight: 3 },
      { name: 'scream', weight: 0.5 },
    ]);
    const [wave, scream] = [model.styles.get('wave')!, model.styles.get('scream')!];
    for (const [name, { data }] of mixed)
      for (const [i, value] of data.entries())
        expect(value).toBeCloseTo((3 * wave.get(name)!.data[i]! + 0.5 * scream.get(name)!.data[i]!) / 3.5, 6);
  });

  it('refuses pictures, and says what it paints', async () => {
    for (const spec of [picture, './none.jpg', 'https://example.com/a.jpg']) {
      const refused = gallery.resolve(spec);
      await expect(refused).rejects.toThrow(BadInput);
      await expect(refused).rejects.toThrow('The model own paints only its own styles: wave, scream.');
    }
    await expect(gallery.add(picture)).rejects.toThrow('paints only its own styles');
  });

  it('answers another name with its own', async () => {
    const refused = gallery.resolve('screm');
    await expect(refused).rejects.toThrow(NotFound);
    await expect(refused).rejects.toMatchObject({
      message: 'The model own has no style screm: it paints only its own styles: wave, scream.',
      hint: expect.stringContaining('Did you mean scream?'),
    });
    await expect(gallery.show('screm')).rejects.toThrow(NotFound);
  });

  it('takes a style file that was made for it', async () => {
    const weights = randomWeights(model.transform, 'style', 9);
    const card = { name: 'dawn', title: 'Dawn', date: '2026-01-01', licence: 'CC0', provenance: '' };
    const path = join(folder, 'dawn.safetensors');
    await writeFile(path, writeStyle(card, weights, model));
    expect((await gallery.resolve(path)).style).toMatchObject({ name: 'dawn', source: 'file' });
  });
});

it('styles of other models stay out of the list of a model with a MetaNet', async () => {
  const meta = tinyModel();
  const other = openGallery({ model: meta, engine: new CountingEngine(meta), folders: places });
  expect((await other.list()).map(({ name }) => name)).toEqual(['wave']);
  await expect(other.resolve('scream')).rejects.toMatchObject({ hint: expect.stringContaining('own') });
});
