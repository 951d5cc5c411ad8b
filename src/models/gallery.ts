import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { folders } from '../config.js';
import { NotFound, Usage } from '../errors.js';
import { type Origin, openStyleCache, type StyleCache } from './cache.js';
import { suggest } from './closest.js';
import type { Engine, Styler } from './engine.js';
import { asMeta, isStyled, type Model } from './model.js';
import { listModels, type Places } from './models.js';
import { ownStyle, ownStyles, refusePictures } from './own-styles.js';
import { coverCrop, readPicture } from './picture.js';
import type { Pixels } from './pixels.js';
import { listPresets, type Preset } from './presets.js';
import { NAME, nameFrom, readStyleFile, type Style, type StyleCard } from './style.js';
import {
  type AddOptions,
  addTuned,
  addUserStyle,
  dropTuned,
  listUserStyles,
  removeUserStyle,
  tunedFile,
  tunedWeights,
  userPicture,
} from './user-styles.js';
import { blendWeights, type Weights } from './weights.js';

/** A style and how much of it: what `--style wave:0.7` means. */
export interface Share {
  readonly name: string;
  readonly weight: number;
}

/** A style as lists show it. */
export interface StyleEntry extends Style {
  /** Names of the models that have it; `all` for a picture, of which every model makes its own weights. */
  readonly models: 'all' | readonly string[];
}

/** A style and its weights for the gallery's model. */
export interface Resolved {
  readonly style: Style;
  readonly weights: Weights;
  /** Whether MetaNet ran for it (`made`), or where its weights lay. */
  readonly from: Origin | 'file';
}

/** Sides of the picture that MetaNet sees, in pixels. Part of what the style cache is keyed by, through the pixels. */
export const STYLE_SIDE = 256;

/**
 * A style picture as MetaNet sees it: short side to 256, the middle 256x256. The only way a picture reaches a MetaNet
 * outside training.
 */
export const styleInput = (picture: Pixels): Promise<Pixels> =>
  coverCrop(picture, { width: STYLE_SIDE, height: STYLE_SIDE });

/**
 * Splits `wave:0.7` into name and weight, from the right: only a number after the last colon is a weight, so that
 * `C:\wave.jpg` and `a:b.png` stay whole. Without one the weight is 1.
 * @throws Usage for an empty name or a negative weight.
 */
export function parseStyleSpec(spec: string): Share {
  const [, name = spec, number] = /^(.*):([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/is.exec(spec) ?? [];
  const weight = number === undefined ? 1 : Number(number);
  if (name.trim() === '')
    throw new Usage('A style is missing its name.', { hint: 'Write --style NAME or --style NAME:WEIGHT.' });
  if (!(weight >= 0 && weight <= 1e6))
    throw new Usage(`The weight ${number} of the style ${name} is out of range.`, {
      hint: 'Weights are 0 or more; what counts is their share of the sum.',
    });
  return { name, weight };
}

function presetStyle({ card, thumbnail }: Preset): Style {
  return {
    name: card.name,
    title: card.title,
    ...(card.artist ? { artist: card.artist } : {}),
    ...(card.year ? { year: card.year } : {}),
    source: 'preset',
    ...(thumbnail ? { picture: thumbnail } : {}),
  };
}

/** Every style at hand, a person's own first, whatever the model; a preset once, with the models that have it. */
export async function listStyles(places: Places = folders): Promise<StyleEntry[]> {
  const entries = new Map<string, StyleEntry>();
  for (const style of await listUserStyles(places)) entries.set(style.name, { ...style, models: 'all' });
  for (const preset of await listPresets(places)) {
    const { name, model } = preset.card;
    const known = entries.get(name);
    if (known?.source === 'user') continue;
    const models = known && known.models !== 'all' ? [...known.models, model] : [model];
    entries.set(name, { ...(known ?? presetStyle(preset)), models });
  }
  for (const own of (await listModels(places)).flatMap(ownStyles)) {
    const known = entries.get(own.name);
    if (known?.source === 'user') continue;
    const models = known && known.models !== 'all' ? [...known.models, ...own.models] : own.models;
    entries.set(own.name, { ...(known ?? own), models });
  }
  return [...entries.values()];
}

/** The one style of that name. @throws NotFound with the names there are. */
export async function findStyle(name: string, places: Places = folders): Promise<StyleEntry> {
  const styles = await listStyles(places);
  const found = styles.find((style) => style.name === name);
  if (found) return found;
  throw new NotFound(`There is no style ${JSON.stringify(name)}.`, {
    hint: suggest(
      name,
      styles.map((style) => style.name),
      'styles',
    ),
  });
}

/** The model whose styles a gallery holds, and what makes new ones. */
export interface GalleryOptions {
  readonly model: Model;
  /** Whose MetaNet makes weights of pictures; a function is called when the first picture needs it, and not before. */
  readonly engine: Engine | (() => Promise<Engine>);
  readonly folders?: Places;
  readonly cache?: StyleCache;
}

/** The styles at hand for one model. Disposing closes its MetaNet, not the engine. */
export class Gallery implements AsyncDisposable {
  readonly #model: Model;
  readonly #engine: GalleryOptions['engine'];
  readonly #places: Places;
  readonly #cache: StyleCache;
  #styler: Promise<Styler> | undefined;

  constructor({ model, engine, folders: places = folders, cache = openStyleCache() }: GalleryOptions) {
    this.#model = model;
    this.#engine = engine;
    this.#places = places;
    this.#cache = cache;
  }

  /** A person's own styles, and the presets that fit this model; of a model that holds its styles, those. */
  async list(): Promise<StyleEntry[]> {
    if (isStyled(this.#model)) return ownStyles(this.#model);
    const fitting = new Map((await this.#presets()).map((preset) => [preset.card.name, presetStyle(preset)]));
    return (await listStyles(this.#places))
      .filter(({ name, source }) => source === 'user' || fitting.has(name))
      .map((entry) => (entry.source === 'user' ? entry : { ...entry, ...fitting.get(entry.name) }));
  }

  /**
   * The style that a name, or the path of a picture or style file, stands for; a model that holds its styles takes no
   * pictures.
   * @throws NotFound with the names there are, BadInput when the file is neither.
   */
  async resolve(spec: string): Promise<Resolved> {
    if (isStyled(this.#model) && !spec.toLowerCase().endsWith('.safetensors'))
      return ownStyle(this.#model, spec);
    if (NAME.test(spec)) {
      const named = await this.#named(spec);
      if (named) return named;
      if (!(await stat(spec).catch(() => undefined))?.isFile()) throw await this.#unknown(spec);
    }
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(spec))
      throw new NotFound(`The style ${spec} is an address, not a file.`, {
        hint: 'Download the picture first.',
      });
    if (!/[\\/.]/.test(spec) && !(await stat(spec).catch(() => undefined))) throw await this.#unknown(spec);
    return this.#file(spec);
  }

  /** Weights of several styles mixed by their shares of the sum. @throws as `resolve`; Usage when there is nothing to mix. */
  async mix(shares: readonly Share[]): Promise<Weights> {
    const wanted = shares.filter(({ weight }) => weight > 0);
    const total = wanted.reduce((sum, { weight }) => sum + weight, 0);
    if (!(total > 0 && Number.isFinite(total)))
      throw new Usage('There is nothing to paint with: no style has a weight above 0.');
    const parts: { weights: Weights; share: number }[] = [];
    for (const { name, weight } of wanted)
      parts.push({ weights: (await this.resolve(name)).weights, share: weight / total });
    return parts.length === 1 ? parts[0]!.weights : blendWeights(parts);
  }

  /** Keeps a picture as a style. @throws as `addUserStyle`; BadInput when the model takes no pictures. */
  async add(picture: string, name?: string, options: Omit<AddOptions, 'name'> = {}): Promise<Style> {
    if (isStyled(this.#model)) throw refusePictures(this.#model);
    return addUserStyle(picture, { ...options, ...(name === undefined ? {} : { name }) }, this.#places);
  }

  /** Forgets a style that was added. @throws NotFound */
  remove(name: string): Promise<void> {
    return removeUserStyle(name, this.#places);
  }

  /** The file of what a person's style was tuned to for this model, if it was. */
  tunedFile(name: string): Promise<string | undefined> {
    return tunedFile(name, this.#model.card.name, this.#places);
  }

  /** Keeps what a style that was added was tuned to for this model. @throws NotFound; BadInput when it does not fit */
  async keepTuned(name: string, path: string): Promise<void> {
    await readStyleFile(path, this.#model);
    await addTuned(name, [path], this.#places);
  }

  /** @throws NotFound where it is not tuned for this model, CannotWrite */
  dropTuned(name: string): Promise<void> {
    return dropTuned(name, this.#model.card.name, this.#places);
  }

  /** @throws NotFound with the names there are. */
  async show(name: string): Promise<StyleEntry> {
    if (isStyled(this.#model))
      return { ...ownStyle(this.#model, name).style, models: [this.#model.card.name] };
    return findStyle(name, this.#places);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const styler = await this.#styler?.catch(() => undefined);
    this.#styler = undefined;
    await styler?.[Symbol.asyncDispose]();
  }

  async #presets(): Promise<Preset[]> {
    return (await listPresets(this.#places)).filter(({ card }) => card.modelId === this.#model.id);
  }

  async #unknown(spec: string): Promise<NotFound> {
    const known = (await this.list()).map(({ name }) => name);
    const elsewhere = (await listStyles(this.#places)).find(({ name }) => name === spec);
    if (elsewhere && elsewhere.models !== 'all')
      return new NotFound(`The model ${this.#model.card.name} has no style ${spec}.`, {
        hint: `It is a preset of ${elsewhere.models.join(', ')}. ${suggest(spec, known, 'styles')}`,
      });
    return new NotFound(`There is no style ${JSON.stringify(spec)}.`, {
      hint: `${suggest(spec, known, 'styles')} The path of a picture works too.`,
    });
  }

  async #named(name: string): Promise<Resolved | undefined> {
    const own = (await listUserStyles(this.#places)).find((style) => style.name === name);
    if (own) {
      const weights = await tunedWeights(name, asMeta(this.#model), this.#places);
      if (weights) return { style: own, weights, from: 'file' };
      return { style: own, ...(await this.#make(await userPicture(name, this.#places))) };
    }
    const preset = (await this.#presets()).find(({ card }) => card.name === name);
    if (!preset) return undefined;
    const { weights } = await readStyleFile(preset.path, this.#model);
    return { style: presetStyle(preset), weights, from: 'file' };
  }

  async #file(path: string): Promise<Resolved> {
    const name = nameFrom(basename(path)) ?? 'style';
    if (path.toLowerCase().endsWith('.safetensors')) {
      const { card, weights } = await readStyleFile(path, this.#model);
      return { style: fileStyle(card), weights, from: 'file' };
    }
    const { pixels } = await readPicture(path);
    const style: Style = { name, title: basename(path), source: 'file', picture: path };
    return { style, ...(await this.#make(pixels)) };
  }

  async #make(picture: Pixels): Promise<{ weights: Weights; from: Origin }> {
    const input = await styleInput(picture);
    return this.#cache.weights(this.#model, input, async () => (await this.#metaNet()).weights(input));
  }

  /** The model's MetaNet, compiled at the first call. A failure is not remembered. */
  #metaNet(): Promise<Styler> {
    this.#styler ??= (async () => {
      const { meta, metaWeights } = asMeta(this.#model);
      const engine = typeof this.#engine === 'function' ? await this.#engine() : this.#engine;
      return engine.styler(meta, metaWeights);
    })().catch((error: unknown) => {
      this.#styler = undefined;
      throw error;
    });
    return this.#styler;
  }
}

function fileStyle({ name, title, artist, year }: StyleCard): Style {
  return { name, title, ...(artist ? { artist } : {}), ...(year ? { year } : {}), source: 'file' };
}

/** Opens the gallery of a model. Nothing is read and no engine opened before a style is asked for. */
export function openGallery(options: GalleryOptions): Gallery {
  return new Gallery(options);
}
