import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '../log.js';
import { writeFailure } from '../models/files.js';
import { isLeft, OWNER, OWNERS } from '../pipeline/sinks/owner.js';

const FOLDER = new RegExp(`^hls-(${OWNERS.source})-`);

/**
 * Makes a folder for the HLS outputs of this run of a server, which is to remove it; removes those that servers left
 * which were killed. Others may have theirs beside it.
 * @throws CannotWrite
 */
export async function openHlsFolder(cache: string): Promise<string> {
  try {
    await mkdir(cache, { recursive: true });
    await sweep(cache);
    return await mkdtemp(join(cache, `hls-${OWNER}-`));
  } catch (cause) {
    throw writeFailure(cache, cause);
  }
}

async function sweep(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const [, owner] = FOLDER.exec(name) ?? [];
    const path = join(cache, name);
    if (!owner || !(await isLeft(path, owner))) continue;
    await rm(path, { recursive: true, force: true }).catch((err: unknown) =>
      log.warn({ err, folder: path }, 'what an earlier server left stays'),
    );
  }
}
