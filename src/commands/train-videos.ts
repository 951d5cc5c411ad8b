import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BadInput, Interrupted } from '../errors.js';
import { tell } from '../log.js';
import { writeFailure } from '../models/files.js';

/** Pictures that are taken of a video. */
const COUNT = 48;
/** Longest side of them, in pixels. */
const SIDE = 960;

const nameOf = (index: number) => `frame-${String(index + 1).padStart(3, '0')}.webp`;

/** The first picture at a time of a video, in milliseconds; undefined where none is there. */
async function pictureAt(path: string, fromMs: number, signal: AbortSignal) {
  const [{ openMediaSource }, { resizePicture }] = await Promise.all([
    import('../pipeline/sources/media.js'),
    import('../models/picture.js'),
  ]);
  await using source = await openMediaSource(path, { fromMs, signal });
  for await (const one of source.frames(signal)) {
    using frame = one;
    const { data, width, height } = frame;
    if (Math.max(width, height) <= SIDE) return { data: data.slice(), width, height };
    return resizePicture(frame, { width: SIDE, height: SIDE }, { fit: 'inside' });
  }
  return undefined;
}

/** Takes pictures of a video, spread evenly over it, into a folder that may hold them already. */
async function takePictures(path: string, folder: string, signal: AbortSignal): Promise<void> {
  const [{ openMediaSource }, { writePicture }] = await Promise.all([
    import('../pipeline/sources/media.js'),
    import('../models/picture.js'),
  ]);
  await using source = await openMediaSource(path, { signal });
  const { durationMs, frameCount = COUNT } = source.info;
  if (!durationMs)
    throw new BadInput(`${path} does not say how long it is.`, {
      hint: 'Give a folder of photos, or of pictures of the video.',
    });
  const count = Math.max(1, Math.min(COUNT, frameCount));
  tell(`Taking ${count} pictures of ${path} …`);
  // Under its name once it is whole.
  const fresh = `${folder}-new`;
  await mkdir(fresh, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(fresh, cause);
  });
  for (let i = 0; i < count; i++) {
    const picture = await pictureAt(path, (i / count) * durationMs, signal);
    if (signal.aborted) throw new Interrupted();
    if (picture) await writePicture(join(fresh, nameOf(i)), picture);
  }
  await rename(fresh, folder);
}

const there = (path: string) => stat(path).catch(() => undefined);

/**
 * The folders of photos that a training is given. Of what is a file, and so a video, pictures are taken into `frames/` of
 * the training's folder, once.
 * @throws NotFound, BadInput (not a video), CannotWrite, Interrupted
 */
export async function photosOf(
  content: readonly string[],
  out: string,
  signal: AbortSignal,
): Promise<string[]> {
  const folders: string[] = [];
  for (const [i, path] of content.entries()) {
    const isFile = (await there(path))?.isFile() ?? false;
    const folder = isFile ? join(out, 'frames', String(i + 1)) : path;
    if (isFile && !(await there(folder))) await takePictures(path, folder, signal);
    folders.push(folder);
  }
  return folders;
}
