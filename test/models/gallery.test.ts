import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BadInput, CannotWrite, NotFound, Usage } from '../../src/errors.js';
import { openStyleCache } from '../../src/models/cache.js';
import {
  type Gallery,
  listStyles,
  openGallery,
  parseStyleSpec,
  STYLE_SIDE,
  styleInput,
} from '../../src/models/gallery.js';
import { encodePicture, readPicture } from '../../src/models/picture.js';
import type { Pixels } from '../../src/models/pixels.js';
import { writeStyle } from '../../src/models/style.js';
import { CountingEngine, randomWeights, tinyModel, tinyModelFile } from './tiny-model.js';

const model = tinyModel();
const date = '2026-01-01';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-gallery-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const plain = (width: number, height: number, value: number): Pixels => ({
  data: new Uint8Array(3 * width * height).fill(value),
  width,
  height,
});

/** A person's folder and a shipped one with presets `wave` and `scream` of the model, `dawn` of another one. */
let places: { models: string; home: string };
let engine: CountingEngine;
let opened: number;
let gallery: Gallery;
let picture: string;

beforeEach(async () => {
  const own = await mkdtemp(join(folder, 'case-'));
  places = { models: join(own, 'models'), home: join(own, 'home') };
  const other = tinyModel('other', 9);
  await mkdir(join(places.models, 'tiny'), { recursive: true });
  await mkdir(join(places.models, 'other'));
  for (const [name, seed, made] of [
    ['wave', 3, model],
    ['scream', 4, model],
    ['dawn', 5, other],
    ['wave', 6, other],
  ] as const) {
    const card = {
      name,
      title: `The ${name}`,
      artist: 'Someone',
      year: '1831',
      date,
      licence: 'CC0',
      provenance: '',
    };
    const file = writeStyle(card, randomWeights(made.transform, 'style', seed), made);
    await writeFile(join(places.models, made.card.name, `${name}.safetensors`), file);
  }
  await writeFile(join(places.models, 'tiny', 'wave.webp'), await encodePicture(plain(8, 8, 9), 'webp'));
  picture = join(own, 'My Painting.png');
  await writeFile(picture, await encodePicture(plain(40, 30, 120), 'png'));
  engine = new CountingEngine(model);
  opened = 0;
  gallery = openGallery({
    model,
    engine: async () => {
      opened++;
      return engine;
    },
    folders: places,
    cache: openStyleCache({ folder: join(own, 'cache') }),
  });
});

const failure = (work: Promise<unknown>): Promise<Error & { hint?: string }> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: Error) => error,
  );

describe('parseStyleSpec', () => {
  it.each([
    ['wave', 'wave', 1],
    ['wave:0.7', 'wave', 0.7],
    ['wave:.5', 'wave', 0.5],
    ['wave:2', 'wave', 2],
    ['wave:1e-2', 'wave', 0.01],
    ['wave:0', 'wave', 0],
    ['C:\\art\\wave.jpg', 'C:\\art\\wave.jpg', 1],
    ['C:\\art\\wave.jpg:0.3', 'C:\\art\\wave.jpg', 0.3],
    ['./a:b.png', './a:b.png', 1],
    ['./a:1.png', './a:1.png', 1],
    ['./a:b:3', './a:b', 3],
    ['wave:', 'wave:', 1],
    ['wave:much', 'wave:much', 1],
  ])('reads %s', (spec, name, weight) => {
    expect(parseStyleSpec(spec)).toEqual({ name, weight });
  });

  it.each(['', ' ', ':0.5', 'wave:-1', 'wave:1e9', 'wave:1e999'])('refuses %j', (spec) => {
    expect(() => parseStyleSpec(spec)).toThrow(Usage);
  });
});

describe('styleInput', () => {
  it.each([
    [1, 1],
    [640, 100],
    [3, 5000],
  ])('makes a square of a picture of %i x %i', async (width, height) => {
    const input = await styleInput(plain(width, height, 77));
    expect(input).toMatchObject({ width: STYLE_SIDE, height: STYLE_SIDE });
    expect(input.data).toHaveLength(3 * STYLE_SIDE ** 2);
    expect(input.data.every((value) => value === 77)).toBe(true);
  });
});

describe('a gallery', () => {
  it("lists a person's own styles and the presets of its model", async () => {
    await gallery.add(picture);
    expect((await gallery.list()).map(({ name, source }) => [name, source])).toEqual([
      ['my-painting', 'user'],
      ['scream', 'preset'],
      ['wave', 'preset'],
    ]);
    const all = await listStyles(places);
    expect(all.find(({ name }) => name === 'wave')).toMatchObject({
      models: ['other', 'tiny'],
      artist: 'Someone',
      year: '1831',
    });
    expect(all.find(({ name }) => name === 'my-painting')!.models).toBe('all');
  });

  it('resolves a preset without opening an engine', async () => {
    const { style, weights, from } = await gallery.resolve('wave');
    expect(style).toMatchObject({ name: 'wave', title: 'The wave', source: 'preset' });
    expect(style.picture).toContain('wave.webp');
    expect(from).toBe('file');
    const made = randomWeights(model.transform, 'style', 3);
    for (const [name, { data }] of made)
      for (const [i, value] of data.entries()) expect(weights.get(name)!.data[i]).toBeCloseTo(value, 3);
    expect(opened).toBe(0);
  });

  it('resolves a picture by one run of MetaNet, and then from the cache without an engine', async () => {
    const first = await gallery.resolve(picture);
    expect(first).toMatchObject({ from: 'made', style: { name: 'my-painting', source: 'file' } });
    expect((await gallery.resolve(picture)).from).toBe('memory');
    expect([opened, engine.stylers, engine.runs]).toEqual([1, 1, 1]);

    const later = openGallery({
      model,
      engine: () => expect.fail('an engine was opened'),
      folders: places,
      cache: openStyleCache({ folder: join(places.home, '..', 'cache') }),
    });
    const again = await later.resolve(picture);
    expect(again.from).toBe('disk');
    expect([...again.weights.keys()].sort()).toEqual([...first.weights.keys()].sort());
    for (const [name, { data }] of first.weights)
      expect(
        Buffer.compare(Buffer.from(data.buffer), Buffer.from(again.weights.get(name)!.data.buffer)),
      ).toBe(0);
    await later[Symbol.asyncDispose]();
    await gallery[Symbol.asyncDispose]();
    expect(engine.closed).toBe(1);
  });

  it('tries MetaNet again after a failure', async () => {
    let fail = true;
    const flaky = openGallery({
      model,
      engine: async () => {
        if (fail) throw new Error('no memory');
        return engine;
      },
      folders: places,
      cache: openStyleCache({ folder: join(places.home, 'flaky') }),
    });
    await expect(flaky.resolve(picture)).rejects.toThrow('no memory');
    fail = false;
    expect((await flaky.resolve(picture)).from).toBe('made');
  });

  it("resolves a style file, and refuses another model's", async () => {
    const card = { name: 'mine', title: 'Mine', date, licence: 'CC0', provenance: '' };
    const path = join(places.home, '..', 'mine.safetensors');
    await writeFile(path, writeStyle(card, randomWeights(model.transform, 'style', 8), model));
    expect(await gallery.resolve(path)).toMatchObject({
      from: 'file',
      style: { title: 'Mine', source: 'file' },
    });
    expect(
      (await failure(gallery.resolve(join(places.models, 'other', 'dawn.safetensors')))).message,
    ).toMatch(/made for the model other, not for tiny/);
    await writeFile(path, tinyModelFile());
    expect((await failure(gallery.resolve(path))).message).toContain('is a model, not a style');
    expect(await failure(gallery.resolve(path))).toBeInstanceOf(BadInput);
  });

  it('says what it does not know, and what it does', async () => {
    const typo = await failure(gallery.resolve('wavee'));
    expect(typo).toBeInstanceOf(NotFound);
    expect(typo.hint).toBe(
      'Did you mean wave? The styles are scream, wave. The path of a picture works too.',
    );
    const dawn = await failure(gallery.resolve('dawn'));
    expect(dawn.message).toBe('The model tiny has no style dawn.');
    expect(dawn.hint).toContain('preset of other');
    expect((await failure(gallery.resolve('no/such.jpg'))).message).toBe('There is no file no/such.jpg.');
    expect((await failure(gallery.resolve('https://example.org/a.jpg'))).message).toContain('is an address');
    expect(await failure(gallery.resolve('Wave'))).toMatchObject({
      hint: expect.stringContaining('Did you mean wave?'),
    });
  });

  it("takes a person's own style before a preset of the same name", async () => {
    await gallery.add(picture, 'wave');
    expect((await gallery.resolve('wave')).style.source).toBe('user');
    await gallery.remove('wave');
    expect((await gallery.resolve('wave')).style.source).toBe('preset');
  });

  it('mixes by shares of the sum', async () => {
    const wave = (await gallery.resolve('wave')).weights;
    const scream = (await gallery.resolve('scream')).weights;
    const mixed = await gallery.mix([
      { name: 'wave', weight: 3 },
      { name: 'scream', weight: 1 },
    ]);
    for (const [name, { data }] of mixed)
      for (const [i, value] of data.entries())
        expect(value).toBeCloseTo(0.75 * wave.get(name)!.data[i]! + 0.25 * scream.get(name)!.data[i]!, 5);
    expect(
      await gallery.mix([
        { name: 'wave', weight: 0.2 },
        { name: 'no-such-style', weight: 0 },
      ]),
    ).toEqual(wave);
    await expect(gallery.mix([{ name: 'wave', weight: 0 }])).rejects.toThrow(Usage);
    await expect(gallery.mix([])).rejects.toThrow(Usage);
  });

  it('leaves damaged presets and styles out', async () => {
    await writeFile(join(places.models, 'tiny', 'broken.safetensors'), 'not safetensors');
    await writeFile(
      join(places.models, 'tiny', 'renamed.safetensors'),
      await readFile(join(places.models, 'tiny', 'wave.safetensors')),
    );
    await mkdir(join(places.home, 'styles', 'half'), { recursive: true });
    await mkdir(join(places.home, 'styles', '.new-1234'), { recursive: true });
    expect((await gallery.list()).map(({ name }) => name)).toEqual(['scream', 'wave']);
  });
});

describe('styles that a person adds', () => {
  it('keep a bounded picture that every model can use', async () => {
    const large = join(places.home, '..', 'Großer Löwe (2).jpg');
    await writeFile(large, await encodePicture(plain(3000, 1500, 60), 'jpeg'));
    const style = await gallery.add(large, undefined, { artist: 'Me', year: '2020' });
    expect(style).toMatchObject({
      name: 'grosser-lowe-2',
      title: 'Grosser lowe 2',
      artist: 'Me',
      year: '2020',
    });
    expect((await readPicture(style.picture!)).original).toEqual({ width: 1024, height: 512 });
    expect(await gallery.show('grosser-lowe-2')).toMatchObject({ source: 'user', models: 'all' });
    expect((await gallery.resolve('grosser-lowe-2')).from).toBe('made');
  });

  it('are tuned for one model, made of their picture for others and for another version', async () => {
    const card = { name: 'x', title: 'X', date, licence: 'CC0', provenance: '' };
    const weights = randomWeights(model.transform, 'style', 8);
    const file = join(places.home, '..', 'tuned.safetensors');
    await writeFile(file, writeStyle(card, weights, model));
    await gallery.add(picture, 'mine', { tuned: [file] });
    const resolved = await gallery.resolve('mine');
    expect(resolved).toMatchObject({ from: 'file', style: { name: 'mine', source: 'user' } });
    const name = [...weights.keys()][0]!;
    expect(resolved.weights.get(name)!.data[1]).toBeCloseTo(weights.get(name)!.data[1]!, 3);
    expect(engine.runs).toBe(0);

    const cache = openStyleCache({ folder: join(places.home, 'newer') });
    const newer = openGallery({ model: tinyModel('tiny', 4), engine, folders: places, cache });
    expect((await newer.resolve('mine')).from).toBe('made');
    await gallery.add(picture, 'mine', { overwrite: true });
    expect((await gallery.resolve('mine')).from).toBe('made');
  });

  it('take what they were tuned to later, and can do without it again', async () => {
    await gallery.add(picture, 'mine');
    expect(await gallery.tunedFile('mine')).toBeUndefined();
    expect(await failure(gallery.dropTuned('mine'))).toBeInstanceOf(NotFound);
    await gallery.keepTuned('mine', join(places.models, 'tiny', 'wave.safetensors'));
    expect(await gallery.tunedFile('mine')).toBe(join(places.home, 'styles', 'mine', 'tiny.safetensors'));
    expect((await gallery.resolve('mine')).from).toBe('file');
    await gallery.dropTuned('mine');
    expect((await gallery.resolve('mine')).from).toBe('made');
    expect(await failure(gallery.keepTuned('mine', picture))).toBeInstanceOf(BadInput);
    const none = gallery.keepTuned('none', join(places.models, 'tiny', 'wave.safetensors'));
    expect(await failure(none)).toBeInstanceOf(NotFound);
  });

  it('refuse what was tuned to nothing, and two for one model', async () => {
    const file = join(places.models, 'tiny', 'wave.safetensors');
    const failed = await failure(gallery.add(picture, 'mine', { tuned: [file, file] }));
    expect(failed).toBeInstanceOf(Usage);
    expect(failed.message).toContain('tiny');
    expect(await failure(gallery.add(picture, 'mine', { tuned: [picture] }))).toBeInstanceOf(BadInput);
    const gone = gallery.add(picture, 'mine', { tuned: [join(places.home, 'no.safetensors')] });
    expect(await failure(gone)).toBeInstanceOf(NotFound);
    expect(await readdir(join(places.home, 'styles')).catch(() => [])).toEqual([]);
  });

  it('do not replace one another unless told to', async () => {
    await gallery.add(picture);
    expect(await failure(gallery.add(picture))).toBeInstanceOf(CannotWrite);
    expect((await gallery.add(picture, undefined, { overwrite: true, title: 'New' })).title).toBe('New');
    expect(await readdir(join(places.home, 'styles'))).toEqual(['my-painting']);
  });

  it('are added by one of several at once', async () => {
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => gallery.add(picture, 'same')));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(CannotWrite);
    expect(await readdir(join(places.home, 'styles'))).toEqual(['same']);
  });

  it.each(['../x', 'a/b', '..', '.', 'A', 'a b', '', '-x', 'a'.repeat(65), 'é', 'a.png', 'con:'])(
    'cannot be named %j',
    async (name) => {
      await expect(gallery.add(picture, name)).rejects.toThrow(Usage);
      await expect(gallery.remove(name)).rejects.toThrow(Usage);
    },
  );

  it('need a picture and a name', async () => {
    await expect(gallery.add(join(folder, 'none.png'))).rejects.toThrow(NotFound);
    const text = join(places.home, '..', 'text.png');
    await writeFile(text, 'hello');
    await expect(gallery.add(text)).rejects.toThrow(BadInput);
    const unnamed = join(places.home, '..', '浪.png');
    await writeFile(unnamed, await readFile(picture));
    await expect(gallery.add(unnamed)).rejects.toThrow(/No name for a style/);
    expect(await readdir(places.home).catch(() => [])).toEqual([]);
  });

  it('can be removed once', async () => {
    await gallery.add(picture);
    await gallery.remove('my-painting');
    await expect(gallery.remove('my-painting')).rejects.toThrow(NotFound);
    await expect(gallery.show('my-painting')).rejects.toThrow(NotFound);
    expect(await readdir(join(places.home, 'styles'))).toEqual([]);
  });
});
