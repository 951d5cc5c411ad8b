import { realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, resolve, sep } from 'node:path';
import { BadInput, NotFound } from '../errors.js';
import { UPLOAD_ID, type Uploads } from './uploads.js';

/** A video that a client named. */
export interface MediaFile {
  readonly path: string;
  /** What people call it. */
  readonly name: string;
  /** Whether who runs the server put it there; an upload may hold anything. */
  readonly trusted: boolean;
  /** Keeps it from being removed until disposed. */
  hold(): Disposable;
}

const noHold = (): Disposable => ({ [Symbol.dispose]() {} });

/** The videos that clients may name: uploads by their ids, and files below one folder. */
export class MediaFiles {
  readonly #folder: string;
  readonly #uploads: Uploads;

  /** @param folder empty: there is none. */
  constructor(folder: string, uploads: Uploads) {
    this.#folder = folder;
    this.#uploads = uploads;
  }

  /** @throws NotFound, also for all that lies outside; BadInput for what is no path. */
  async find(named: string): Promise<MediaFile> {
    if (UPLOAD_ID.test(named)) {
      const { path, info } = await this.#uploads.find(named);
      return { path, name: info.name, trusted: false, hold: () => this.#uploads.hold(named) };
    }
    const none = new NotFound(`There is no video ${JSON.stringify(named.slice(0, 120))}.`, {
      hint: this.#folder ? 'Upload one, or name a file below the media folder.' : 'Upload one first.',
    });
    if (/[\0\\]/.test(named))
      throw new BadInput('A file is named by parts and slashes, such as clips/one.mp4.');
    const parts = named.split('/');
    if (
      !this.#folder ||
      isAbsolute(named) ||
      parts.some((part) => part === '..' || part === '' || part.startsWith('.'))
    )
      throw none;
    try {
      const root = await realpath(this.#folder);
      const path = await realpath(join(root, ...parts));
      if (!path.startsWith(root.endsWith(sep) ? root : root + sep) || !(await stat(path)).isFile())
        throw none;
      return { path, name: parts.at(-1)!, trusted: true, hold: noHold };
    } catch (error) {
      throw error instanceof NotFound ? error : none;
    }
  }

  /**
   * A video that who runs the server named: besides those for clients, any file, from the folder that the server was
   * started in. @throws NotFound
   */
  async findTrusted(named: string): Promise<MediaFile> {
    const path = resolve(named);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return { path, name: basename(path), trusted: true, hold: noHold };
    return this.find(named).catch((cause: unknown) => {
      throw new NotFound(`There is no video ${JSON.stringify(named.slice(0, 120))}.`, {
        hint: `It is looked for at ${path}${this.#folder ? ' and below the media folder' : ''}.`,
        cause,
      });
    });
  }
}
