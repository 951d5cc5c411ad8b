import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BadInput,
  Conflict,
  Interrupted,
  LivebrushError,
  NotFound,
  Overloaded,
  TooLarge,
} from '../errors.js';
import { inWords, writeFailure, writeWhole } from '../models/files.js';
import type { UploadInfo } from './protocol.js';
import { looksLikeVideo, shownName } from './uploaded.js';

export const UPLOAD_ID = /^upload-[0-9a-f]{32}$/;

/** Bounds of uploads. */
export interface UploadLimits {
  /** Of one. */
  readonly maxBytes: number;
  /** Of all; the oldest make room. */
  readonly totalBytes: number;
  /** How long no byte may come, in milliseconds. */
  readonly stallMs?: number;
}

interface Kept {
  readonly info: UploadInfo;
  readonly path: string;
}

const STALL_MS = 30_000;
/** Uploads at a time. */
const MOST = 4;
const HEAD = 512;

/** Videos that clients sent, each under an id of ours; what they called it is only shown. */
export class Uploads {
  readonly #folder: string;
  readonly #limits: UploadLimits;
  readonly #kept = new Map<string, Kept>();
  readonly #held = new Map<string, number>();
  #running = 0;
  #opened: Promise<void> | undefined;

  constructor(folder: string, limits: UploadLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Finds what an earlier run kept, removes what it left unfinished. */
  open(): Promise<void> {
    this.#opened ??= this.#look();
    return this.#opened;
  }

  async #look(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const file of (await readdir(this.#folder)).sort()) {
      const id = file.replace(/\.json$/, '');
      const path = join(this.#folder, id);
      if (!file.endsWith('.json')) {
        const whole = await stat(`${path}.json`).catch(() => undefined);
        if (!whole) await rm(path, { force: true, recursive: true });
        continue;
      }
      const bytes = (await stat(path).catch(() => undefined))?.size;
      const about = await readFile(join(this.#folder, file), 'utf8').then(JSON.parse, () => undefined);
      if (!UPLOAD_ID.test(id) || bytes === undefined || typeof about?.name !== 'string')
        await rm(join(this.#folder, file), { force: true });
      else this.#kept.set(id, { path, info: { id, name: shownName(about.name), bytes } });
    }
  }

  /**
   * Keeps a video as it comes.
   * @throws BadInput (no video), TooLarge, Overloaded (too many at a time), Interrupted (it broke off), CannotWrite.
   */
  async receive(body: ReadableStream<Uint8Array>, name: string, announced?: number): Promise<UploadInfo> {
    await this.open();
    if (announced !== undefined && announced > this.#limits.maxBytes) throw this.#tooLarge();
    if (this.#running >= MOST)
      throw new Overloaded(`${MOST} uploads are on their way already.`, { retryAfterS: 10 });
    this.#running++;
    const id = `upload-${randomBytes(16).toString('hex')}`;
    const path = join(this.#folder, id);
    try {
      const bytes = await this.#write(body, `${path}.part`);
      await this.#makeRoom(bytes);
      await rename(`${path}.part`, path);
      const info = { id, name: shownName(name), bytes };
      await writeWhole(`${path}.json`, JSON.stringify({ name: info.name }));
      this.#kept.set(id, { path, info });
      return info;
    } catch (error) {
      await rm(`${path}.part`, { force: true });
      await rm(path, { force: true });
      throw error instanceof LivebrushError ? error : writeFailure('The upload', error);
    } finally {
      this.#running--;
    }
  }

  #tooLarge(): TooLarge {
    return new TooLarge(`The video is too large: ${inWords(this.#limits.maxBytes)} are allowed.`);
  }

  async #write(body: ReadableStream<Uint8Array>, path: string): Promise<number> {
    const reader = body.getReader();
    await using file = await open(path, 'wx', 0o600);
    try {
      return await this.#copy(() => this.#next(reader), file);
    } catch (error) {
      await reader.cancel().catch(() => {});
      throw error;
    }
  }

  async #copy(next: () => Promise<Uint8Array | undefined>, file: FileHandle): Promise<number> {
    let bytes = 0;
    let head: Uint8Array | undefined = new Uint8Array(0);
    for (let chunk = await next(); chunk; chunk = await next()) {
      bytes += chunk.byteLength;
      if (bytes > this.#limits.maxBytes) throw this.#tooLarge();
      if (head) {
        head = Buffer.concat([head, chunk.subarray(0, HEAD - head.byteLength)]);
        if (head.byteLength >= HEAD) head = this.#checkHead(head);
      }
      await file.write(chunk);
    }
    if (head) this.#checkHead(head);
    return bytes;
  }

  #checkHead(head: Uint8Array): undefined {
    if (!looksLikeVideo(head))
      throw new BadInput('The file is no video that can be read here.', {
        hint: 'MP4, MOV, MKV, WebM, AVI and TS are read.',
      });
  }

  async #next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const why = new Interrupted('The upload stopped coming.');
      timer = setTimeout(() => reject(why), this.#limits.stallMs ?? STALL_MS);
    });
    try {
      const { value } = await Promise.race([reader.read(), late]);
      return value;
    } catch (cause) {
      throw cause instanceof Interrupted ? cause : new Interrupted('The upload broke off.', { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Removes the oldest that nobody uses until `bytes` more fit. */
  async #makeRoom(bytes: number): Promise<void> {
    let total = bytes + [...this.#kept.values()].reduce((sum, { info }) => sum + info.bytes, 0);
    for (const { info } of [...this.#kept.values()]) {
      if (total <= this.#limits.totalBytes) return;
      if (this.#held.has(info.id)) continue;
      await this.#remove(info.id);
      total -= info.bytes;
    }
    if (total > this.#limits.totalBytes)
      throw new Overloaded('There is no room for more uploads.', { retryAfterS: 60 });
  }

  async list(): Promise<UploadInfo[]> {
    await this.open();
    return [...this.#kept.values()].map(({ info }) => info);
  }

  /** @throws NotFound */
  async find(id: string): Promise<Kept> {
    await this.open();
    const kept = this.#kept.get(id);
    if (!kept)
      throw new NotFound(`There is no upload ${id.slice(0, 80)}.`, {
        hint: 'It may have made room for newer ones.',
      });
    return kept;
  }

  /** Keeps an upload from being removed, and from making room for others, until disposed. */
  hold(id: string): Disposable {
    this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#held.get(id) ?? 1) - 1;
        if (left > 0) this.#held.set(id, left);
        else this.#held.delete(id);
      },
    };
  }

  /** @throws NotFound; Conflict while a stream or a transcode uses it. */
  async remove(id: string): Promise<void> {
    const { info } = await this.find(id);
    if (this.#held.has(id))
      throw new Conflict(`A stream or a transcode uses the upload ${info.name}.`, {
        hint: 'Take the input off the stream, or cancel the transcode.',
      });
    await this.#remove(id);
  }

  async #remove(id: string): Promise<void> {
    const { path } = await this.find(id);
    this.#kept.delete(id);
    await rm(`${path}.json`, { force: true });
    await rm(path, { force: true });
  }
}
