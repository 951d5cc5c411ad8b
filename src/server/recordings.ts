import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Conflict, NotFound } from '../errors.js';
import { log } from '../log.js';
import { LEAST } from '../pipeline/sinks/live-target.js';
import { isLeft } from '../pipeline/sinks/owner.js';
import { nameAnew, partOf } from '../pipeline/sinks/part-file.js';
import type { OutputInfo, RecordingInfo } from './protocol.js';

/** `stage-20260102-030405-painted-ab12.mp4`: stream, when it began (UTC), what it holds. */
const FILE = /^((.{1,64})-(\d{8})-(\d{6})-(painted|source)-[0-9a-f]{4})\.(mp4|mkv|webm)$/;

const types: Readonly<Record<string, string>> = {
  mp4: 'video/mp4',
  mkv: 'video/x-matroska',
  webm: 'video/webm',
};

/** A recording's file. */
export interface RecordingFile {
  readonly info: RecordingInfo;
  readonly path: string;
  readonly name: string;
  readonly type: string;
  readonly cues: string;
}

const began = (date: string, time: string) =>
  `${date.replace(/^(....)(..)(..)$/, '$1-$2-$3')}T${time.replace(/^(..)(..)(..)$/, '$1:$2:$3')}.000Z`;

/** What a file is called, or is to be called once it is finished. */
const nameOf = (file: string): string => partOf(file)?.target ?? file;

/** The recordings of one folder; of what is still being written the streams' outputs tell more. */
export class Recordings {
  readonly #folder: string;
  readonly #outputs: () => Iterable<OutputInfo>;

  constructor(folder: string, outputs: () => Iterable<OutputInfo>) {
    this.#folder = folder;
    this.#outputs = outputs;
  }

  /**
   * Gives the recordings that a server left which was killed the names they were to get, since they play as far as they
   * came, and removes those that show nothing yet. Those of servers that run stay.
   */
  async recover(): Promise<void> {
    const named: string[] = [];
    for (const part of await this.#files()) {
      const { target, owner } = partOf(part) ?? {};
      const path = join(this.#folder, part);
      if (!target || !owner || !FILE.test(target) || !(await isLeft(path, owner))) continue;
      try {
        if (await this.#recover(path, target)) named.push(target);
      } catch (err) {
        log.warn({ err, file: path }, 'what is left of a recording stays as it is');
      }
    }
    if (named.length > 0)
      log.warn({ recordings: named }, 'recordings that broke off are kept as far as they came');
  }

  /** @returns whether it has its name now, and had not. */
  async #recover(path: string, name: string): Promise<boolean> {
    const target = join(this.#folder, name);
    const [{ size, dev, ino }, there] = await Promise.all([stat(path), stat(target).catch(() => undefined)]);
    const both = there?.dev === dev && there.ino === ino;
    const kept = size >= LEAST && !both;
    if (kept) await nameAnew(path, target);
    else await rm(path, { force: true });
    if (!kept && !both) await rm(this.#cuesOf(name), { force: true });
    return kept;
  }

  #cuesOf(name: string): string {
    return join(this.#folder, name.replace(/\.[a-z0-9]+$/, '.cues.json'));
  }

  async #files(): Promise<string[]> {
    return readdir(this.#folder).catch(() => []);
  }

  /** All of them, the newest first. */
  async list(): Promise<RecordingInfo[]> {
    const found = await Promise.all((await this.#files()).map((file) => this.#read(file)));
    // One that is finished just now may have both names.
    const byId = new Map<string, RecordingInfo>();
    for (const { info } of found.filter((one) => one !== undefined))
      if (!byId.has(info.id) || !info.running) byId.set(info.id, info);
    return [...byId.values()].sort((a, b) => b.began.localeCompare(a.began) || b.id.localeCompare(a.id));
  }

  /** @throws NotFound */
  async find(id: string): Promise<RecordingFile> {
    const files = (await this.#files()).filter((file) => FILE.exec(nameOf(file))?.[1] === id);
    // One that is finished just now may have both names.
    for (const file of files.sort((a, b) => Number(a !== nameOf(a)) - Number(b !== nameOf(b)))) {
      const found = await this.#read(file);
      if (found) return found;
    }
    throw new NotFound(`There is no recording ${JSON.stringify(id.slice(0, 120))}.`);
  }

  /** @throws NotFound, Conflict while it runs. */
  async remove(id: string): Promise<void> {
    const { info, path, cues } = await this.find(id);
    if (info.running) throw new Conflict('The recording still runs.', { hint: 'Stop it first.' });
    await rm(path, { force: true });
    await rm(cues, { force: true });
  }

  /** @param file as it is called, finished or not. */
  async #read(file: string): Promise<RecordingFile | undefined> {
    const name = nameOf(file);
    const [, id, stream, date, time, what, container] = FILE.exec(name) ?? [];
    if (!id || /[\\/\0]/.test(name)) return undefined;
    const path = join(this.#folder, file);
    const about = await stat(path).catch(() => undefined);
    if (!about?.isFile()) return undefined;
    const output = [...this.#outputs()].find((one) => one.id === id);
    const active = output !== undefined && ['starting', 'running', 'retrying'].includes(output.state);
    const running = active || name !== file;
    const start = began(date!, time!);
    const seconds = output?.seconds ?? Math.max(0, (about.mtimeMs - Date.parse(start)) / 1000);
    const url = `/api/recordings/${id}`;
    return {
      ...{ path, name, type: types[container!]!, cues: this.#cuesOf(name) },
      info: {
        ...{
          id,
          stream: stream!,
          what: what as RecordingInfo['what'],
          began: start,
          running,
          bytes: about.size,
        },
        ...{ seconds: Number(seconds.toFixed(1)), url: `${url}/file`, cues: `${url}/cues` },
      },
    };
  }
}
