import { stat } from 'node:fs/promises';
import { BadInput, codeOf, NotFound, Unsupported } from '../../errors.js';

/**
 * Makes sure that a path names a file with something in it, before FFmpeg sees it: nothing would end its opening of a
 * pipe that nobody writes to.
 * @param name what messages call it.
 * @throws NotFound, BadInput (a folder, a device, a pipe, empty, not to be read), Unsupported (a URL).
 */
export async function checkFile(path: string, name = path): Promise<void> {
  const file = await stat(path).catch((error: unknown) => {
    throw unreachable(name, error);
  });
  if (file.isDirectory()) throw new BadInput(`${name} is a folder, not a video.`);
  // A device or a pipe may never end.
  if (!file.isFile()) throw new BadInput(`${name} is not a regular file.`);
  if (file.size === 0) throw new BadInput(`${name} is empty.`);
}

function unreachable(path: string, cause: unknown): unknown {
  const why = codeOf(cause);
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path))
    return new Unsupported(`${path} is a URL, and --media ffmpeg opens local files only.`, { cause });
  if (why === 'ENOENT' || why === 'ENOTDIR') return new NotFound(`There is no file ${path}.`, { cause });
  return why ? new BadInput(`${path} cannot be read (${why}).`, { cause }) : cause;
}
