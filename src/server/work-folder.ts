import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '../log.js';

/** What nobody has touched for so long was left by a server that was killed. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000;

/** Where tasks of a kind have their files. */
export class WorkFolder {
  #swept = false;

  constructor(readonly path: string) {}

  /** Makes the folder, and the first time removes what servers that were killed left in it long ago. */
  async open(): Promise<void> {
    await mkdir(this.path, { recursive: true });
    if (this.#swept) return;
    this.#swept = true;
    await this.#sweep().catch((err: unknown) =>
      log.warn({ err, folder: this.path }, 'what was left of earlier tasks stays'),
    );
  }

  async #sweep(): Promise<void> {
    for (const name of await readdir(this.path)) {
      const path = join(this.path, name);
      const about = await stat(path).catch(() => undefined);
      if (about && Date.now() - about.mtimeMs > FORGOTTEN_MS)
        await rm(path, { recursive: true, force: true });
    }
  }

  /** Does a task's work in a folder of its own, which is removed afterwards. */
  async within<T>(prefix: string, work: (cwd: string) => Promise<T>): Promise<T> {
    await this.open();
    const cwd = await mkdtemp(join(this.path, prefix));
    try {
      return await work(cwd);
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  }
}
