import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CannotWrite, Conflict, LivebrushError, NotFound, Usage } from '../errors.js';
import { writeWhole } from '../models/files.js';
import type { Gallery, StyleEntry } from '../models/gallery.js';
import { encodePicture, readPicture, resizePicture } from '../models/picture.js';
import { type Pixels, paddedSize, type Size } from '../models/pixels.js';
import { NAME, nameFrom } from '../models/style.js';
import type { Weights } from '../models/weights.js';
import type { Batcher } from '../pipeline/batcher.js';
import { Turns } from '../turns.js';
import type { StyleInfo } from './protocol.js';
import { shownName } from './uploaded.js';

/** What styles are kept, shown and painted with. */
export interface StylesOptions {
  readonly gallery: Gallery;
  readonly batcher: Batcher;
  /** Of the network: sides that it paints are multiples of this. */
  readonly stride: number;
  /** Tells painted samples of different models apart. */
  readonly modelId: string;
  /** The picture that samples are painted from. */
  readonly sample: () => Promise<Pixels>;
  /** Where small pictures and samples are kept; they can be made again. */
  readonly folder: string;
  readonly maxStyles: number;
  readonly maxPixels: number;
  readonly maxBytes: number;
  /** Whether streams paint just now: then samples take their time. */
  readonly busy?: () => boolean;
  /** A style was added, replaced or removed. */
  readonly onChange?: (name: string) => void;
  /** A style is the same picture, painted in another way from now on. */
  readonly onTuned?: (name: string) => void;
}

/** What a person says of a new style. */
export interface NewStyle {
  readonly name?: string;
  readonly title?: string;
  /** Of its picture; a name is made of it where none is given. */
  readonly file?: string;
}

const SAMPLE: Size = { width: 320, height: 180 };
const SMALL = 320;
/** Between two samples while streams paint, in milliseconds. */
const REST_MS = 400;
/** Samples that may wait. */
const MOST_WAITING = 100;

/** The styles of the server: listed, added, removed, and shown as small pictures. */
export class Styles {
  readonly #options: StylesOptions;
  /** MetaNet and samples one at a time, so that streams feel little of it. */
  readonly #adding = new Turns();
  readonly #painting = new Turns();
  readonly #pending = new Map<string, Promise<string>>();

  constructor(options: StylesOptions) {
    this.#options = options;
  }

  async list(): Promise<StyleInfo[]> {
    return Promise.all((await this.#options.gallery.list()).map((style) => this.#infoOf(style)));
  }

  /** @throws NotFound with the names there are. */
  async find(name: string): Promise<StyleEntry> {
    if (!NAME.test(name)) throw new NotFound(`There is no style ${JSON.stringify(name.slice(0, 80))}.`);
    return this.#options.gallery.show(name);
  }

  /**
   * Keeps a picture as a style and makes its weights ready.
   * @throws BadInput (no picture, too large, damaged), Conflict (the name is taken, there are too many), Usage (name).
   */
  add(bytes: Uint8Array, about: NewStyle): Promise<StyleInfo> {
    return this.#adding.take(() => this.#add(bytes, about));
  }

  async #add(bytes: Uint8Array, { name, title, file }: NewStyle): Promise<StyleInfo> {
    const { gallery, folder, maxStyles, maxPixels, maxBytes, onChange } = this.#options;
    await readPicture(bytes, { maxPixels, maxBytes, within: 64, what: 'The file' });
    const known = await gallery.list();
    if (known.filter(({ source }) => source === 'user').length >= maxStyles)
      throw new Conflict(`There are ${maxStyles} styles of yours already.`, { hint: 'Remove one first.' });
    const chosen = freeName(name, title ?? file, new Set(known.map((style) => style.name)));
    await mkdir(folder, { recursive: true });
    const path = join(folder, `new-${randomBytes(8).toString('hex')}`);
    try {
      await writeFile(path, bytes, { mode: 0o600 });
      const shown =
        title ?? (file === undefined ? undefined : shownName(file).replace(/\.[a-z0-9]{1,5}$/i, ''));
      await gallery.add(path, chosen, shown ? { title: shown.slice(0, 120) } : {});
    } catch (error) {
      if (error instanceof CannotWrite && /already/.test(error.message)) throw taken(chosen);
      throw error;
    } finally {
      await rm(path, { force: true });
    }
    await gallery.resolve(chosen).catch(async (error: unknown) => {
      await gallery.remove(chosen);
      throw error;
    });
    onChange?.(chosen);
    return this.#infoOf(await this.find(chosen));
  }

  async #infoOf({ name, title, artist, year, source }: StyleEntry): Promise<StyleInfo> {
    const own = source === 'user';
    const tuned = own ? await this.#tuned(name) : undefined;
    // Another address for another sample, so that no browser shows the one before.
    const version = tuned === undefined ? '' : `?tuned=${tuned.slice(0, 8)}`;
    return {
      ...{ name, title },
      ...(artist ? { artist } : {}),
      ...(year ? { year } : {}),
      source: own ? 'user' : 'preset',
      ...(own ? { tuned: tuned !== undefined } : {}),
      picture: `/api/styles/${name}/picture`,
      painted: `/api/styles/${name}/painted${version}`,
    };
  }

  /** Tells what a style was tuned to apart from what it was before; undefined where it is not tuned. */
  async #tuned(name: string): Promise<string | undefined> {
    const path = await this.#options.gallery.tunedFile(name);
    // It may be undone at this moment.
    return path === undefined ? undefined : stamp(path).catch(() => undefined);
  }

  /** Whether a style may be tuned. @throws NotFound; Conflict for one that is not a person's own. */
  async checkTunable(name: string): Promise<void> {
    const { source, models } = await this.find(name);
    if (source === 'model')
      throw new Conflict(`${name} is part of the model ${[...models].join()}, which takes no other.`);
    if (source !== 'user')
      throw new Conflict(`${name} ships with Livebrush and is tuned already.`, {
        hint: 'Add its picture as a style of your own to tune it anew.',
      });
  }

  /** Keeps what a style of one's own was tuned to: who paints with it sees it. @throws NotFound, BadInput */
  async keepTuned(name: string, path: string): Promise<void> {
    await this.#options.gallery.keepTuned(name, path);
    this.#options.onTuned?.(name);
  }

  /** Makes a style of one's own what its picture makes of it again. @throws NotFound, CannotWrite */
  async dropTuned(name: string): Promise<void> {
    await this.checkTunable(name);
    await this.#options.gallery.dropTuned(name);
    this.#options.onTuned?.(name);
  }

  /** @throws NotFound; Conflict for a preset, which stays. */
  async remove(name: string): Promise<void> {
    const { source, models } = await this.find(name);
    if (source === 'model')
      throw new Conflict(`${name} is part of the model ${[...models].join()} and cannot be removed.`);
    if (source !== 'user') throw new Conflict(`${name} ships with Livebrush and cannot be removed.`);
    await this.#options.gallery.remove(name);
    this.#options.onChange?.(name);
  }

  /** Path of a small picture of a style, as WebP; a sample where only its model knows it. @throws NotFound */
  async picture(name: string): Promise<string> {
    const { picture, source } = await this.find(name);
    if (source === 'model') return this.painted(name);
    if (!picture) throw new NotFound(`The style ${name} has no picture.`);
    if (source === 'preset') return picture;
    return this.#made(`small-${await stamp(picture)}`, async () => {
      const { pixels } = await readPicture(picture, { within: SMALL });
      return pixels;
    });
  }

  /** Path of a sample painted in a style, as WebP; painted now if it never was. @throws NotFound, Conflict */
  async painted(name: string): Promise<string> {
    const { picture, source } = await this.find(name);
    if (source === 'preset' && picture) return picture;
    const { modelId, busy } = this.#options;
    const tuned = source === 'user' ? await this.#tuned(name) : undefined;
    const key = `painted-${modelId.slice(0, 16)}-${tuned ?? (picture ? await stamp(picture) : name)}`;
    return this.#made(key, () =>
      this.#painting.take(async () => {
        const { weights } = await this.#options.gallery.resolve(name);
        const pixels = await this.#paint(weights);
        if (busy?.()) await sleep(REST_MS);
        return pixels;
      }),
    );
  }

  async #paint(style: Weights): Promise<Pixels> {
    const { batcher, stride, sample } = this.#options;
    const size = paddedSize(SAMPLE, stride);
    const pixels = await resizePicture(await sample(), size);
    await using painter = await batcher.lease(size);
    using bound = await painter.bind(style);
    const [painted] = await painter.paint([{ pixels, style: bound }]);
    return painted!;
  }

  /** A file of the cache, made once however many ask for it at a time. */
  async #made(key: string, make: () => Promise<Pixels>): Promise<string> {
    const path = join(this.#options.folder, `${key}.webp`);
    if (await stat(path).catch(() => undefined)) return path;
    const pending = this.#pending.get(path);
    if (pending) return pending;
    if (this.#pending.size >= MOST_WAITING)
      throw new LivebrushError('Too many pictures are being made already.');
    const making = (async () => {
      const bytes = await encodePicture(await make(), 'webp', { quality: 82 });
      await mkdir(this.#options.folder, { recursive: true });
      await writeWhole(path, bytes, { durable: false });
      return path;
    })().finally(() => this.#pending.delete(path));
    this.#pending.set(path, making);
    return making;
  }
}

const taken = (name: string) =>
  new Conflict(`There is a style ${name} already.`, {
    hint: 'Choose another name, or remove that one first.',
  });

/** The name asked for, or one made of a title or file name that is not taken. @throws Usage, Conflict */
function freeName(asked: string | undefined, from: string | undefined, known: ReadonlySet<string>): string {
  if (asked !== undefined) {
    if (!NAME.test(asked))
      throw new Usage(`${JSON.stringify(asked.slice(0, 80))} cannot be the name of a style.`, {
        hint: 'A name has 1 to 64 letters a to z, digits and hyphens, and does not begin with a hyphen.',
      });
    if (known.has(asked)) throw taken(asked);
    return asked;
  }
  const base = (from === undefined ? undefined : nameFrom(from))?.slice(0, 56) ?? 'style';
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base}-${i}`;
    if (!known.has(name)) return name;
  }
}

/** Tells pictures apart by path and time, so that a replaced one is made small anew. */
async function stamp(path: string): Promise<string> {
  const { mtimeMs, size } = await stat(path);
  return createHash('sha256').update(`${path}\0${mtimeMs}\0${size}`).digest('hex').slice(0, 24);
}
