import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { folders } from '../config.js';
import { BadInput, codeOf, NotFound } from '../errors.js';
import { log } from '../log.js';
import { readWhole, writeWhole } from './files.js';
import { type Model, readCard } from './model.js';
import type { Pixels } from './pixels.js';
import { checkStyle } from './style.js';
import { halved, readWeights, type Weights, writeWeights } from './weights.js';

/** Where weights came from: the model had to make them only if `made`. */
export type Origin = 'memory' | 'disk' | 'made';

/** What MetaNet made of pictures, kept so that it need not be made again. */
export interface StyleCache {
  /**
   * The weights that `model` makes of `picture`, by `make` where nobody made them before. Callers that ask for the
   * same at the same time share one `make`. The numbers are halves, whether made just now or read back.
   */
  weights(
    model: Pick<Model, 'card' | 'id' | 'transform'>,
    picture: Pixels,
    make: () => Promise<Weights>,
  ): Promise<{ weights: Weights; from: Origin }>;
}

/** Where a cache keeps its entries, and how many. */
export interface CacheOptions {
  /** Folder of the entries; made at the first write. */
  readonly folder?: string;
  /** Most bytes of numbers held in memory. */
  readonly memoryBytes?: number;
  /** Most bytes of files: the entries not used for longest are removed. */
  readonly diskBytes?: number;
}

/** Part of every key: another number makes every entry unknown. */
const VERSION = 1;
const MAX_ENTRY_BYTES = 512e6;
const ENTRY = /^[0-9a-f]{64}\.safetensors$/;
/** An entry being written; as old as `ABANDONED_MS`, its process died. */
const UNFINISHED = /^[0-9a-f]{64}\.safetensors\.\d+$/;
const ABANDONED_MS = 3600_000;

const card = z.object({
  format: z.literal(1),
  kind: z.literal('cached-style'),
  key: z.string(),
  sum: z.string(),
});

const bytesOf = (weights: Weights): number =>
  [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0) || 1;

/** Hash of names and numbers: what a damaged file does not have. */
function sumOf(weights: Weights): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of [...weights].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}

/** The key of what a model makes of a picture: hex, 64 digits. */
export function cacheKey(model: Pick<Model, 'id'>, { data, width, height }: Pixels): string {
  const head = JSON.stringify([VERSION, model.id, width, height]);
  return createHash('sha256').update(head).update(data).digest('hex');
}

class DiskCache implements StyleCache {
  readonly #folder: string;
  readonly #diskBytes: number;
  readonly #memory: LRUCache<string, Weights>;
  readonly #underway = new Map<string, Promise<{ weights: Weights; from: Origin }>>();
  #warned = false;

  constructor({ folder, memoryBytes = 128e6, diskBytes = 512e6 }: CacheOptions) {
    this.#folder = folder ?? join(folders.cache, 'styles');
    this.#diskBytes = diskBytes;
    this.#memory = new LRUCache({ maxSize: memoryBytes, sizeCalculation: bytesOf });
  }

  async weights(
    model: Pick<Model, 'card' | 'id' | 'transform'>,
    picture: Pixels,
    make: () => Promise<Weights>,
  ): Promise<{ weights: Weights; from: Origin }> {
    const key = cacheKey(model, picture);
    const held = this.#memory.get(key);
    if (held) return { weights: held, from: 'memory' };
    const underway = this.#underway.get(key);
    if (underway) return underway;
    const work = this.#find(key, model, make).finally(() => this.#underway.delete(key));
    this.#underway.set(key, work);
    return work;
  }

  async #find(
    key: string,
    model: Pick<Model, 'card' | 'id' | 'transform'>,
    make: () => Promise<Weights>,
  ): Promise<{ weights: Weights; from: Origin }> {
    const stored = await this.#read(key, model);
    if (stored) {
      this.#memory.set(key, stored);
      return { weights: stored, from: 'disk' };
    }
    const weights = halved(await make());
    checkStyle(weights, model, 'What MetaNet made of this picture');
    this.#memory.set(key, weights);
    await this.#write(key, weights);
    return { weights, from: 'made' };
  }

  /** An entry's weights; undefined when there is none or it is damaged, and then it is removed. */
  async #read(key: string, model: Pick<Model, 'card' | 'transform'>): Promise<Weights | undefined> {
    const path = join(this.#folder, `${key}.safetensors`);
    try {
      const { weights, metadata } = readWeights(await readWhole(path, MAX_ENTRY_BYTES), path);
      const { key: itsKey, sum } = readCard(metadata, card, path);
      if (itsKey !== key || sum !== sumOf(weights)) throw new BadInput(`${path} is damaged.`);
      checkStyle(weights, { ...model, id: '' }, path);
      const now = new Date();
      await utimes(path, now, now).catch(() => {});
      return weights;
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      if (!(error instanceof BadInput)) throw error;
      log.debug({ path, reason: error.message }, 'removing a damaged entry of the style cache');
      await rm(path, { recursive: true, force: true }).catch(() => {});
      return undefined;
    }
  }

  /** Puts an entry on the disk. A disk that refuses costs time at the next start, so it is a warning, once. */
  async #write(key: string, weights: Weights): Promise<void> {
    const about = JSON.stringify({ format: 1, kind: 'cached-style', key, sum: sumOf(weights) });
    try {
      await mkdir(this.#folder, { recursive: true });
      const path = join(this.#folder, `${key}.safetensors`);
      // Not durable: what a power cut damages, its hash gives away.
      await writeWhole(path, writeWeights(weights, { livebrush: about }), { durable: false });
      await this.#prune(key);
    } catch (error) {
      if (this.#warned) return;
      this.#warned = true;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ folder: this.#folder, code: codeOf(error), reason }, 'styles cannot be kept on the disk');
    }
  }

  /** Removes the entries not used for longest until the rest fits, but never `latest`; and what dead processes left. */
  async #prune(latest: string): Promise<void> {
    const entries: { path: string; size: number; used: number; name: string }[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const about = await stat(path).catch(() => undefined);
      if (!about?.isFile()) continue;
      if (ENTRY.test(name)) entries.push({ path, name, size: about.size, used: about.mtimeMs });
      else if (UNFINISHED.test(name) && Date.now() - about.mtimeMs > ABANDONED_MS)
        await rm(path, { force: true });
    }
    entries.sort((a, b) => a.used - b.used);
    let total = entries.reduce((sum, { size }) => sum + size, 0);
    for (const { path, name, size } of entries) {
      if (total <= this.#diskBytes) return;
      if (name.startsWith(latest)) continue;
      await rm(path, { force: true });
      total -= size;
    }
  }
}

/** The style cache of this machine's user, or one in a folder of its own. */
export function openStyleCache(options: CacheOptions = {}): StyleCache {
  return new DiskCache(options);
}
