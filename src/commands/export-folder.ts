import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Usage } from '../errors.js';
import type { TfjsFiles } from '../models/export/tfjs.js';
import { writeFailure, writeNew } from '../models/files.js';
import { checkFree } from './paths.js';

/** What makes a folder a model: the file that names the others. */
const MODEL = 'model.json';

/** The first folder of a path that is not there, seen from the root. */
async function firstMissing(path: string): Promise<string> {
  const above = dirname(path);
  return (await stat(above).catch(() => undefined)) ? path : firstMissing(above);
}

/**
 * Refuses a folder for a GraphModel before any work is done for it.
 * @throws Usage when it is a file; CannotWrite when it holds a model that may not be replaced, or cannot be made.
 */
export async function checkFolder(out: string, overwrite = false): Promise<void> {
  const there = await stat(out).catch(() => undefined);
  if (there && !there.isDirectory())
    throw new Usage(`${out} is a file, and a GraphModel is a folder.`, { hint: 'Name a folder with --out.' });
  await checkFree(there ? join(out, MODEL) : await firstMissing(resolve(out)), overwrite);
}

/**
 * Writes a GraphModel into a folder, made with those above it where it is not there. All files are written aside before
 * the first takes its place; meanwhile there is no `model.json`, so that none ever names the files of another model.
 * @throws CannotWrite; the folder holds what it did then, or no model.
 */
export async function writeFolder(out: string, files: TfjsFiles): Promise<void> {
  const aside = join(out, `.new-${randomBytes(6).toString('hex')}`);
  let made: string | undefined;
  try {
    made = await mkdir(out, { recursive: true });
    await mkdir(aside);
    for (const [name, bytes] of files) await writeNew(join(aside, name), bytes);
    await rm(join(out, MODEL), { force: true });
    for (const name of [...files.keys()].filter((name) => name !== MODEL).concat(MODEL))
      await rename(join(aside, name), join(out, name));
    await rm(aside, { recursive: true, force: true });
  } catch (cause) {
    await rm(made ?? aside, { recursive: true, force: true }).catch(() => undefined);
    throw writeFailure(out, cause);
  }
}
