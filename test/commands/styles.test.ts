import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BadInput, CannotWrite, NotFound, Usage } from '../../src/errors.js';
import { encodePicture } from '../../src/models/picture.js';
import { writeStyle } from '../../src/models/style.js';
import { randomWeights, tinyModel, tinyStyledFile } from '../models/tiny-model.js';

const folders = vi.hoisted(() => ({ models: '', home: '', cache: '', package: '' }));
vi.mock('../../src/config.js', () => ({ folders }));
const { styles } = await import('../../src/commands/styles.js');

let root: string;
let picture: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'livebrush-styles-'));
  picture = join(root, 'My Painting.png');
  const data = new Uint8Array(3 * 40 * 30).fill(90);
  await writeFile(picture, await encodePicture({ data, width: 40, height: 30 }, 'png'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

beforeEach(async () => {
  const own = await mkdtemp(join(root, 'case-'));
  Object.assign(folders, { models: join(own, 'models'), home: join(own, 'home'), cache: join(own, 'cache') });
  const model = tinyModel();
  await mkdir(join(folders.models, 'tiny'), { recursive: true });
  const card = {
    name: 'wave',
    title: 'The Great Wave',
    artist: 'Katsushika Hokusai',
    year: '1831',
    date: '2026-01-01',
    licence: 'CC0-1.0',
    provenance: 'made by MetaNet',
  };
  const file = writeStyle(card, randomWeights(model.transform, 'style', 3), model);
  await writeFile(join(folders.models, 'tiny', 'wave.safetensors'), file);
});

/** Runs `livebrush styles …` and returns what it printed. */
async function run(...words: string[]): Promise<string> {
  let printed = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    printed += String(chunk);
    return true;
  });
  try {
    const program = new Command('livebrush').exitOverride();
    styles(program, new AbortController().signal);
    await program.parseAsync(['styles', ...words], { from: 'user' });
    return printed;
  } finally {
    write.mockRestore();
  }
}

const json = async (...words: string[]) =>
  JSON.parse((await run(...words, '--json')).trim().split('\n').at(-1)!);

describe('livebrush styles', () => {
  it('lists what there is as a table with aligned columns', async () => {
    await run('add', picture, '--artist', 'Me');
    const [head, own, wave] = (await run()).split('\n');
    expect(head).toMatch(/^NAME +TITLE +ARTIST +YEAR +FROM +MODELS$/);
    expect(own).toMatch(/^my-painting +My painting +Me +yours +all$/);
    expect(wave).toMatch(/^wave +The Great Wave +Katsushika Hokusai +1831 +preset +tiny$/);
    expect(own!.indexOf('yours')).toBe(head!.indexOf('FROM'));
    expect(wave!.indexOf('preset')).toBe(head!.indexOf('FROM'));
    expect(await run('list')).toBe(await run());
  });

  it('lists as JSON', async () => {
    const wave = {
      name: 'wave',
      title: 'The Great Wave',
      artist: 'Katsushika Hokusai',
      year: '1831',
      source: 'preset',
      models: ['tiny'],
    };
    expect(await json()).toEqual({ styles: [wave] });
    expect(await json('list')).toEqual({ styles: [wave] });
  });

  it('lists those of one model, and does not remove what lies in its file', async () => {
    await mkdir(join(folders.home, 'models'), { recursive: true });
    await writeFile(join(folders.home, 'models', 'own.safetensors'), tinyStyledFile(['dawn', 'dusk']));
    const dawn = { name: 'dawn', title: 'The dawn', source: 'model', models: ['own'] };
    expect((await json('--model', 'own')).styles).toEqual([dawn, expect.objectContaining({ name: 'dusk' })]);
    expect(await run('list', '--model', 'own')).not.toContain('Any picture is a style too');
    expect((await json()).styles).toEqual(expect.arrayContaining([dawn]));
    await expect(run('remove', 'dawn')).rejects.toThrow('dawn lies in the file of the model own');
  });

  it('says so when there are none', async () => {
    await rm(folders.models, { recursive: true });
    expect(await run()).toContain('There are no styles yet.');
    expect(await json()).toEqual({ styles: [] });
  });
});

describe('livebrush styles add', () => {
  it('keeps a picture and says how to paint with it', async () => {
    expect(await run('add', picture, '--name', 'kitchen', '--title', 'The wall')).toContain(
      '--style kitchen',
    );
    expect((await json('show', 'kitchen')).style).toMatchObject({
      title: 'The wall',
      source: 'user',
      models: 'all',
    });
    expect((await json('add', picture)).added).toMatchObject({ name: 'my-painting', source: 'user' });
  });

  it('refuses a taken name, unless told to replace it', async () => {
    await run('add', picture);
    await expect(run('add', picture)).rejects.toThrow(CannotWrite);
    expect((await json('add', picture, '--overwrite', '--title', 'New')).added.title).toBe('New');
  });

  it("refuses a preset's name, even to replace it", async () => {
    await expect(run('add', picture, '--name', 'wave')).rejects.toThrow(/preset called wave/);
    await expect(run('add', picture, '--name', 'wave', '--overwrite')).rejects.toThrow(Usage);
  });

  it.each(['../evil', '..', 'a/b', '/etc/x', 'A', 'a b', 'a'.repeat(65), ''])(
    'refuses the name %j and writes nothing',
    async (name) => {
      await expect(run('add', picture, '--name', name)).rejects.toThrow(Usage);
      expect(await readdir(folders.home).catch(() => [])).toEqual([]);
    },
  );

  it('refuses what is no picture, or not there', async () => {
    const text = join(root, 'notes.png');
    await writeFile(text, '<svg xmlns="http://www.w3.org/2000/svg"/>');
    await expect(run('add', text)).rejects.toThrow(BadInput);
    await expect(run('add', join(root, 'none.png'))).rejects.toThrow(NotFound);
  });
});

describe('livebrush styles show', () => {
  it('tells about a preset and what it was made from', async () => {
    const shown = await run('show', 'wave');
    expect(shown).toMatch(/^name +wave\ntitle +The Great Wave\nartist +Katsushika Hokusai/);
    expect(shown).toMatch(/made from +made by MetaNet/);
    expect((await json('show', 'wave')).style).toMatchObject({ licence: 'CC0-1.0', models: ['tiny'] });
  });

  it('suggests a near name', async () => {
    await expect(run('show', 'wvae')).rejects.toMatchObject({
      name: 'NotFound',
      hint: 'Did you mean wave? The styles are wave.',
    });
  });
});

describe('livebrush styles remove', () => {
  it('forgets a damaged style as well', async () => {
    await run('add', picture);
    await writeFile(join(folders.home, 'styles', 'my-painting', 'style.json'), '{"format": 1');
    await expect(run('show', 'my-painting')).rejects.toThrow(NotFound);
    expect(await json('remove', 'my-painting')).toEqual({ removed: 'my-painting' });
    expect(await readdir(join(folders.home, 'styles'))).toEqual([]);
  });

  it('forgets a style that was added, once', async () => {
    await run('add', picture);
    expect(await json('remove', 'my-painting')).toEqual({ removed: 'my-painting' });
    await expect(run('remove', 'my-painting')).rejects.toThrow(NotFound);
  });

  it('forgets only what a style was tuned to, where that is asked for', async () => {
    const tuned = join(folders.models, 'tiny', 'wave.safetensors');
    await run('add', picture, '--name', 'mine', '--tuned', tuned);
    expect(await run('show', 'mine')).toMatch(/tuned for +tiny/);
    await expect(run('remove', 'mine', '--tuned', 'fast')).rejects.toThrow(NotFound);
    expect(await json('remove', 'mine', '--tuned', 'tiny')).toEqual({ removed: 'mine', tuned: 'tiny' });
    expect(await run('show', 'mine')).not.toContain('tuned');
    await expect(run('remove', 'mine', '--tuned', 'tiny')).rejects.toThrow(NotFound);
  });

  it('refuses presets and names that could be paths', async () => {
    await expect(run('remove', 'wave')).rejects.toThrow(/is a preset: it ships with Livebrush/);
    await expect(run('remove', '../models')).rejects.toThrow(NotFound);
    expect(await readdir(folders.models)).toEqual(['tiny']);
  });
});
