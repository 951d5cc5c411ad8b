import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Conflict, NotFound } from '../errors.js';
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

/** The recordings of one folder; what is still being written is told by the streams' outputs. */
export class Recordings {
  readonly #folder: string;
  readonly #outputs: () => Iterable<OutputInfo>;

  constructor(folder: string, outputs: () => Iterable<OutputInfo>) {
    this.#folder = folder;
    this.#outputs = outputs;
  }

  /** All of them, the newest first. */
  async list(): Promise<RecordingInfo[]> {
    const files = await readdir(this.#folder).catch(() => []);
    const found = await Promise.all(files.map((file) => this.#read(file)));
    return found
      .flatMap((recording) => (recording ? [recording.info] : []))
      .sort((a, b) => b.began.localeCompare(a.began) || b.id.localeCompare(a.id));
  }

  /** @throws NotFound */
  async find(id: string): Promise<RecordingFile> {
    for (const container of Object.keys(types)) {
      const found = await this.#read(`${id}.${container}`);
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

  async #read(name: string): Promise<RecordingFile | undefined> {
    const [, id, stream, date, time, what, container] = FILE.exec(name) ?? [];
    if (!id || /[\\/\0]/.test(name)) return undefined;
    const path = join(this.#folder, name);
    const about = await stat(path).catch(() => undefined);
    if (!about?.isFile()) return undefined;
    const output = [...this.#outputs()].find((one) => one.id === id);
    const running = output !== undefined && ['starting', 'running', 'retrying'].includes(output.state);
    const start = began(date!, time!);
    const seconds = output?.seconds ?? Math.max(0, (about.mtimeMs - Date.parse(start)) / 1000);
    const url = `/api/recordings/${id}`;
    return {
      ...{ path, name, type: types[container!]!, cues: join(this.#folder, `${id}.cues.json`) },
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
