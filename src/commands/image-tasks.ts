import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { NotFound, Usage } from '../errors.js';
import { readFailure, writeFailure } from '../models/files.js';

/** One picture to paint and where the painting goes. */
export interface Task {
  readonly input: string;
  readonly output: string;
}

const READABLE = /\.(jpe?g|png|webp|gif|avif)$/i;
const WRITABLE = /\.(jpe?g|png|webp|avif)$/i;

/** Pictures and the pictures that lie directly in folders, in order. @throws NotFound, BadInput when one cannot be read. */
async function listPictures(inputs: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const input of inputs) {
    const failed = (cause: unknown) => {
      throw readFailure(input, cause);
    };
    const about = await stat(input).catch(failed);
    if (!about.isDirectory()) found.push(input);
    else {
      const entries = await readdir(input, { withFileTypes: true }).catch(failed);
      const names = entries
        .filter((entry) => !entry.isDirectory() && READABLE.test(entry.name))
        .map(({ name }) => name)
        .sort();
      if (names.length === 0) throw new NotFound(`There are no pictures in the folder ${input}.`);
      found.push(...names.map((name) => join(input, name)));
    }
  }
  return found;
}

/** A name in the folder that no other painting of this run has. */
function nameIn(folder: string, input: string, format: string | undefined, taken: Set<string>): string {
  const extension = extname(input);
  const stem = basename(input, extension);
  const ending = format
    ? `.${format === 'jpeg' ? 'jpg' : format}`
    : WRITABLE.test(input)
      ? extension
      : '.png';
  for (let i = 1; ; i++) {
    const path = join(folder, `${stem}${i > 1 ? `-${i}` : ''}${ending}`);
    if (taken.has(path.toLowerCase())) continue;
    taken.add(path.toLowerCase());
    return path;
  }
}

/** Whether `--out` names a folder: it is one, or several paintings go there, or it has no extension. */
async function isFolder(out: string, inputs: readonly string[]): Promise<boolean> {
  const about = await stat(out).catch(() => undefined);
  if (about?.isDirectory()) return true;
  const several = inputs.length > 1 || (await stat(inputs[0]!).catch(() => undefined))?.isDirectory();
  if (about && several) throw new Usage(`${out} is a file, but the paintings need a folder.`);
  if (several && WRITABLE.test(out))
    throw new Usage(`${out} names one picture, but the paintings need a folder.`);
  if (!several && !WRITABLE.test(out) && !/[\\/]$/.test(out) && extname(out) !== '')
    throw new Usage(`The output ${out} does not name a picture format.`, {
      hint: 'End it in .png, .jpg, .webp or .avif, or name a folder.',
    });
  return several || !WRITABLE.test(out);
}

/**
 * Where each painting goes. Makes the folder that `out` names, if it is one.
 * @throws NotFound, BadInput, Usage, CannotWrite.
 */
export async function planTasks(
  inputs: readonly string[],
  { out, format }: { readonly out: string; readonly format?: string },
): Promise<Task[]> {
  const pictures = await listPictures(inputs);
  if (!(await isFolder(out, inputs))) return [{ input: pictures[0]!, output: out }];
  await mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(out, cause);
  });
  const taken = new Set<string>();
  return pictures.map((input) => ({ input, output: nameIn(out, input, format, taken) }));
}
