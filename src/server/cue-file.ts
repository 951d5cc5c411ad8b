import { rm } from 'node:fs/promises';
import { log } from '../log.js';
import { writeWhole } from '../models/files.js';
import type { Cue } from '../pipeline/cues.js';
import { Turns } from '../turns.js';

/** How often what was played since is written, in milliseconds. */
const EVERY_MS = 10_000;

/** The cue list of a recording that grows: whole at any time, so that a server that is killed leaves one. */
export class CueFile implements AsyncDisposable {
  readonly #path: string;
  readonly #cues: () => readonly Cue[];
  readonly #turns = new Turns();
  #timer: NodeJS.Timeout | undefined;
  #written = '';
  #finished = false;

  constructor(path: string, cues: () => readonly Cue[]) {
    this.#path = path;
    this.#cues = cues;
  }

  /** Writes it, and from now on again whenever it has changed; once is enough. */
  begin(): void {
    if (this.#timer) return;
    const save = () =>
      this.#save().catch((err: unknown) => log.warn({ err, file: this.#path }, 'a cue list is not kept'));
    this.#timer = setInterval(save, EVERY_MS);
    this.#timer.unref();
    void save();
  }

  /** Writes it for the last time; it stays. @throws CannotWrite */
  async finish(): Promise<void> {
    clearInterval(this.#timer);
    await this.#save();
    this.#finished = true;
  }

  /** Leaves it as it was written last. */
  stay(): void {
    this.#finished = true;
  }

  #save(): Promise<void> {
    return this.#turns.take(async () => {
      const text = `${JSON.stringify(this.#cues(), undefined, 1)}\n`;
      if (text === this.#written) return;
      await writeWhole(this.#path, text);
      this.#written = text;
    });
  }

  /** Removes it unless it is finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    if (!this.#finished) await this.#turns.take(() => rm(this.#path, { force: true }).catch(() => undefined));
  }
}
