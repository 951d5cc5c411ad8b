import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Usage } from '../errors.js';
import { throughLinks, writeFailure } from '../models/files.js';

const about = (path: string) => stat(path).catch(() => undefined);

/** Whether two paths lead to one file, through links of any kind or not. */
export async function sameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([about(a), about(b)]);
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
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
 * The same for an output that is made of an input.
 * @throws Usage when it is the input itself; CannotWrite as `checkFree`.
 */
export async function checkOutput(input: string, output: string, overwrite = false): Promise<void> {
  if (await sameFile(input, output))
    throw new Usage(`The output ${output} is the input itself.`, { hint: 'Give the output another name.' });
  await checkFree(output, overwrite);
}
