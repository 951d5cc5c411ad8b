import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput, NotFound } from '../../src/errors.js';
import { checkModels, findModel, listModels, openModel } from '../../src/models/models.js';
import { tinyModel, tinyModelFile } from './tiny-model.js';

let folder: string;
let places: { models: string; home: string };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-models-'));
  places = { models: join(folder, 'shipped'), home: join(folder, 'home') };
  await mkdir(join(places.models, 'fast'), { recursive: true });
  await mkdir(join(places.home, 'models'), { recursive: true });
  await writeFile(join(places.models, 'fast.safetensors'), tinyModelFile('fast', 1));
  await writeFile(join(places.models, 'fine.safetensors'), tinyModelFile('fine', 2));
  await writeFile(join(places.home, 'models', 'fine.safetensors'), tinyModelFile('fine', 3));
  await writeFile(join(places.home, 'models', 'broken.safetensors'), '<!DOCTYPE html>');
  await writeFile(join(places.home, 'models', 'Not a name.safetensors'), tinyModelFile());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('models', () => {
  it("are listed by name, a person's own before a shipped one, damaged ones left out", async () => {
    expect((await listModels(places)).map(({ name, source }) => [name, source])).toEqual([
      ['fast', 'shipped'],
      ['fine', 'user'],
    ]);
    expect((await listModels(places))[0]).toMatchObject({ card: { transform: { base: 2 } } });
    expect(await listModels({ models: join(folder, 'none'), home: join(folder, 'none') })).toEqual([]);
  });

  it('open by name, fast when none is given, or by path', async () => {
    expect((await openModel(undefined, places)).card.name).toBe('fast');
    expect((await openModel('fine', places)).id).toBe(tinyModel('fine', 3).id);
    expect((await openModel(join(places.models, 'fine.safetensors'), places)).id).toBe(
      tinyModel('fine', 2).id,
    );
  });

  it('that are not there are answered with those that are', async () => {
    const failed = await findModel('fats', places).then(
      () => expect.fail('it was found'),
      (error: NotFound) => error,
    );
    expect(failed).toBeInstanceOf(NotFound);
    expect(failed.message).toBe('There is no model "fats".');
    expect(failed.hint).toContain('Did you mean fast? The models are broken, fast, fine.');
    await expect(openModel('no/such/model', places)).rejects.toThrow(NotFound);
    await expect(openModel(join(folder, 'none.safetensors'), places)).rejects.toThrow(/There is no file/);
  });

  it('are checked: the default one opened, the others by their size', async () => {
    const home = join(folder, 'checked');
    await mkdir(join(home, 'models'), { recursive: true });
    const cut = tinyModelFile('fine', 2).slice(0, -2);
    const badly = tinyModelFile('fast', 1);
    badly.set(new TextEncoder().encode('x'), new TextDecoder().decode(badly).indexOf('transform/'));
    const problems = async () => {
      const checked = await checkModels({ ...places, home });
      return checked.map(({ name, problem }) => [name, problem?.message ?? 'whole']);
    };
    await writeFile(join(home, 'models', 'fine.safetensors'), cut);
    expect(await problems()).toEqual([
      ['fast', 'whole'],
      ['fine', expect.stringMatching(/is damaged: it has \d+ bytes where its header names \d+\.$/)],
    ]);
    await writeFile(join(home, 'models', 'fast.safetensors'), badly);
    expect((await problems())[0]).toEqual(['fast', expect.stringMatching(/belong neither|does not fit/)]);
  });

  it('that are damaged say so, and what to do', async () => {
    const failed = await openModel('broken', places).then(
      () => expect.fail('it was read'),
      (error: BadInput) => error,
    );
    expect(failed).toBeInstanceOf(BadInput);
    expect(failed.hint).toBe('Fetch or train the model again.');
    await expect(openModel(`${folder}/`, places)).rejects.toThrow(/is a folder/);
  });
});
