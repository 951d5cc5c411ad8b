import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Usage } from '../errors.js';
import { throughLinks, writeFailure } from '../models/files.js';

const about = (path: string) => stat(path).catch(() => undefined);

/** Tells files apart, through links of any kind: the same for two paths to one file, undefined where there is none. */
async function identity(path: string): Promise<string | undefined> {
  const found = await about(path);
  return found && `${found.dev}:${found.ino}`;
}

/** Whether two paths lead to one file, through links of any kind or not. */
export async function sameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([identity(a), identity(b)]);
  return one !== undefined && one === other;
}

/** Files that a run reads, by what tells them apart, and what each is to it: `the style picture`. */
export type ReadFiles = ReadonlyMap<string, string>;

/** What a run reads. Paths that lead to no file are left out. */
export async function readFiles(paths: Iterable<readonly [path: string, what: string]>): Promise<ReadFiles> {
  const found = new Map<string, string>();
  for (const [path, what] of paths) {
    const key = await identity(path);
    if (key !== undefined) found.set(key, what);
  }
  return found;
}

/**
 * Refuses an output early, before any work is done for it.
 * @throws CannotWrite when it exists and may not be replaced, or is a link that leads nowhere, or when its folder is not
 * there or may not be written to.
 */
export async function checkFree(output: string, overwrite = false): Promise<void> {
  const there = await about(output);
  if (there?.isDirectory()) throw writeFailure(output, Object.assign(new Error(output), { code: 'EISDIR' }));
  if (there && !overwrite) throw writeFailure(output, Object.assign(new Error(output), { code: 'EEXIST' }));
  await access(dirname(await throughLinks(output)), constants.W_OK).catch((cause: unknown) => {
    throw writeFailure(output, cause);
  });
}

/**
 * The same for an output that is made of an input, in a run that may read more.
 * @throws Usage when it is the input itself, or another of those files; CannotWrite as `checkFree`.
 */
export async function checkOutput(
  input: string,
  output: string,
  overwrite = false,
  read: ReadFiles = new Map(),
): Promise<void> {
  const what = (await sameFile(input, output))
    ? 'the input itself'
    : read.get((await identity(output)) ?? '');
  if (what !== undefined)
    throw new Usage(`The output ${output} is ${what}.`, { hint: 'Give the output another name.' });
  await checkFree(output, overwrite);
}
