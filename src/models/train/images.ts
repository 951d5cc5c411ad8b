import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { LRUCache } from 'lru-cache';
import sharp from 'sharp';
import { NotFound } from '../../errors.js';
import { log } from '../../log.js';
import { folderFailure } from '../files.js';
import { hash32, Random } from './random.js';

const known = /\.(jpe?g|png|webp|avif|gif|tiff?)$/i;
const MAX_FILES = 2_000_000;
/** Below this standard deviation (of 255, in the liveliest channel) a crop counts as one colour. */
const SOLID = 2;

/** Which pictures: those to train on, those never trained on, or both. */
export type Split = 'train' | 'held-out' | 'all';

/** Whether a file belongs to the holdout share: by a hash of its base name, so copies and moves do not leak. */
export const isHeldOut = (name: string, share: number): boolean => hash32(name) / 2 ** 32 < share;

const baseOf = (file: string) => file.replace(/^.*[\\/]/, '');

/**
 * Base names of the files that are never trained on: those in the share, where there is a share and two names to part at
 * least one of them, and never all. Those with the lowest hashes are the first to be held out.
 */
export function heldOutOf(files: readonly string[], share: number): ReadonlySet<string> {
  const names = [...new Set(files.map(baseOf))].sort((a, b) => hash32(a) - hash32(b));
  const count = names.filter((name) => isHeldOut(name, share)).length;
  return new Set(share > 0 ? names.slice(0, Math.min(Math.max(1, count), names.length - 1)) : []);
}

/** Packed 8-bit RGB. */
interface Packed {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A square crop: packed RGB of `size` x `size`, and the file it is from. */
export interface Crop {
  readonly data: Uint8Array;
  readonly file: string;
}

async function list(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw folderFailure(folder, cause);
  });
  const files = entries
    .filter((entry) => entry.isFile() && known.test(entry.name))
    .slice(0, MAX_FILES)
    .map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0) throw new NotFound(`The folder ${folder} holds no pictures.`);
  return files.sort();
}

/** Shortest and longest short side that a picture is resized to before it is cut, in crops. */
export type ShortSide = readonly [number, number];
const SHORT_SIDE: ShortSide = [1, 2];

/** Largest standard deviation among the three channels of packed RGB. */
export function liveliest(data: Uint8Array): number {
  const count = data.length / 3;
  let most = 0;
  for (let channel = 0; channel < 3; channel++) {
    let sum = 0;
    let squares = 0;
    for (let i = channel; i < data.length; i += 3) {
      sum += data[i]!;
      squares += data[i]! ** 2;
    }
    most = Math.max(most, squares / count - (sum / count) ** 2);
  }
  return Math.sqrt(most);
}

/**
 * Pictures of some folders, as random crops. The crop at an index depends on the seed and the index alone, so a
 * training that stops and goes on sees what it would have seen.
 */
export class Pictures {
  /** Pictures passed over because they are of one colour, or could not be read. */
  readonly skipped = { solid: 0, unreadable: 0 };
  readonly #cache: LRUCache<string, Packed>;
  readonly #bad = new Set<string>();
  #order: { epoch: number; order: Uint32Array } | undefined;

  private constructor(
    readonly files: readonly string[],
    /** Hash of the files' names: tells whether a resumed training has the pictures it began with. */
    readonly fingerprint: string,
    readonly options: {
      readonly name: string;
      readonly seed: number;
      readonly size: number;
      readonly shortSide?: ShortSide;
    },
    cacheMb: number,
  ) {
    this.#cache = new LRUCache({ maxSize: cacheMb * 2 ** 20, sizeCalculation: ({ data }) => data.length });
  }

  /**
   * A single picture is trained on and counts as held out, too, with a notice: there is no other to look at.
   * @throws NotFound when a folder is missing or the split is empty, BadInput when a folder cannot be read.
   */
  static async open(
    folders: readonly string[],
    options: {
      name: string;
      split: Split;
      holdout: number;
      seed: number;
      size: number;
      cacheMb: number;
      /** One to two crops unless told. */
      shortSide?: ShortSide;
    },
  ): Promise<Pictures> {
    const { split, holdout } = options;
    const all: { folder: string; file: string }[] = [];
    for (const folder of folders) for (const file of await list(folder)) all.push({ folder, file });
    const held = heldOutOf(
      all.map(({ file }) => file),
      holdout,
    );
    const parted = split !== 'all' && (held.size > 0 || holdout === 0);
    if (split === 'held-out' && !parted)
      log.warn({ folders }, 'There is one picture only: none can be held out.');
    const hash = createHash('sha256');
    const files: string[] = [];
    for (const { folder, file } of all) {
      if (parted && held.has(baseOf(file)) !== (split === 'held-out')) continue;
      hash.update(`${relative(folder, file)}\n`);
      files.push(file);
    }
    if (files.length === 0)
      throw new NotFound(`None of the pictures in ${folders.join(', ')} are in the ${split} share.`);
    return new Pictures(files, hash.digest('hex').slice(0, 16), options, options.cacheMb);
  }

  /** A random square crop: short side resized to within `shortSide`, anywhere in the picture, maybe mirrored. */
  async crop(index: number): Promise<Crop | undefined> {
    const { seed, name, size, shortSide = SHORT_SIDE } = this.options;
    const file = this.#fileAt(index);
    const random = Random.from(seed, name, index);
    const [least, most] = shortSide;
    const [scale, left, top, flip] = [
      least + (most - least) * random.next(),
      random.next(),
      random.next(),
      random.next() < 0.5,
    ];
    return this.#cut(file, size, { scale, left, top, flip });
  }

  /** The middle square of the `index`-th file, its short side resized to `size`: for evaluations and sheets. */
  async middle(index: number, size = this.options.size): Promise<Crop | undefined> {
    const file = this.files[index % this.files.length]!;
    return this.#cut(file, size, { scale: 1, left: 0.5, top: 0.5, flip: false });
  }

  /**
   * The next `count` usable crops from `cursor` on, and the cursor after them. `at` is `crop` or `middle`.
   * @throws NotFound when the pictures are nearly all unusable.
   */
  async take(
    cursor: number,
    count: number,
    at: (index: number) => Promise<Crop | undefined> = (index) => this.crop(index),
  ): Promise<{ crops: Crop[]; cursor: number }> {
    const crops: Crop[] = [];
    const limit = cursor + count + Math.max(1000, 2 * this.files.length);
    while (crops.length < count) {
      if (cursor > limit) throw new NotFound('Hardly any of the pictures can be used.');
      const wanted = count - crops.length;
      const found = await Promise.all(Array.from({ length: wanted }, (_, i) => at(cursor + i)));
      cursor += wanted;
      crops.push(...found.filter((crop) => crop !== undefined));
    }
    return { crops, cursor };
  }

  #fileAt(index: number): string {
    const count = this.files.length;
    const epoch = Math.floor(index / count);
    if (this.#order?.epoch !== epoch)
      this.#order = {
        epoch,
        order: Random.from(this.options.seed, this.options.name, 'epoch', epoch).permutation(count),
      };
    return this.files[this.#order.order[index % count]!]!;
  }

  async #cut(
    file: string,
    size: number,
    { scale, left, top, flip }: { scale: number; left: number; top: number; flip: boolean },
  ): Promise<Crop | undefined> {
    const most = Math.max(...(this.options.shortSide ?? SHORT_SIDE), SHORT_SIDE[1]);
    const picture = await this.#decode(file, Math.ceil(most * size));
    if (!picture) return undefined;
    const side = Math.max(1, Math.round(Math.min(picture.width, picture.height) / scale));
    const raw = { width: picture.width, height: picture.height, channels: 3 as const };
    const data = await sharp(picture.data, { raw })
      .extract({
        left: Math.floor(left * (picture.width - side + 0.999)),
        top: Math.floor(top * (picture.height - side + 0.999)),
        width: side,
        height: side,
      })
      .resize(size, size, { fit: 'fill', kernel: 'cubic' })
      .flop(flip)
      .raw()
      .toBuffer();
    if (liveliest(data) >= SOLID) return { data, file };
    this.skipped.solid++;
    return undefined;
  }

  /** A picture decoded, its short side no longer than `most`. */
  async #decode(file: string, most: number): Promise<Packed | undefined> {
    if (this.#bad.has(file)) return undefined;
    const key = `${most}:${file}`;
    const kept = this.#cache.get(key);
    if (kept) return kept;
    try {
      const { data, info } = await sharp(file, { limitInputPixels: 2 ** 28, autoOrient: true })
        .resize(most, most, { fit: 'outside', withoutEnlargement: true })
        .flatten({ background: '#fff' })
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      if (info.channels !== 3) throw new Error(`it decodes to ${info.channels} channels`);
      const picture = { data, width: info.width, height: info.height };
      this.#cache.set(key, picture);
      return picture;
    } catch (error) {
      this.#bad.add(file);
      this.skipped.unreadable++;
      log.warn({ file, error: String(error) }, 'This picture cannot be read and is left out.');
      return undefined;
    }
  }
}

/** The middle squares of `count` pictures, spread evenly over the sorted files so that all artists and subjects are met. */
export async function spread(from: Pictures, count: number): Promise<Crop[]> {
  const stride = Math.max(1, Math.floor(from.files.length / count));
  const { crops } = await from.take(0, count, (index) => from.middle(index * stride));
  return crops;
}
