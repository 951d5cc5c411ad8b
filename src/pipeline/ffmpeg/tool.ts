import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Interrupted, Unsupported } from '../../errors.js';
import { capture } from './capture.js';

/** The system's ffmpeg. */
export interface Ffmpeg {
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** As it calls itself: `5.1.9-0+deb12u1`. */
  readonly version: string;
}

/** The oldest version that has every option in use here. */
const OLDEST = [5, 1] as const;
const hint =
  'Install ffmpeg 5.1 or newer with ffprobe (or set FFMPEG_PATH and FFPROBE_PATH), or leave out --media ffmpeg.';

async function find(name: string): Promise<string | undefined> {
  const named = process.env[`${name.toUpperCase()}_PATH`];
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const places = named ? [named] : folders.map((folder) => join(folder, name + suffix));
  for (const place of places) {
    const usable = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return place;
  }
  return undefined;
}

/** Numbers of a release; a build of a day's source (`N-…`, `git-…`) has none and counts as new. */
function isTooOld(version: string): boolean {
  const [, major, minor] = /^n?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) return false;
  return Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
}

/**
 * Finds ffmpeg and ffprobe: at `FFMPEG_PATH` and `FFPROBE_PATH`, or in the folders of the `PATH`.
 * @throws Unsupported where one is missing, does not run or is older than 5.1.
 */
export async function findFfmpeg(signal?: AbortSignal): Promise<Ffmpeg> {
  const [ffmpeg, ffprobe] = await Promise.all([find('ffmpeg'), find('ffprobe')]);
  if (!ffmpeg || !ffprobe) {
    const missing = [...(ffmpeg ? [] : ['ffmpeg']), ...(ffprobe ? [] : ['ffprobe'])].join(' and ');
    throw new Unsupported(`There is no ${missing} on this machine’s PATH.`, { hint });
  }
  const known = versions.get(ffmpeg) ?? versionOf(ffmpeg, signal);
  versions.set(ffmpeg, known);
  known.catch(() => versions.delete(ffmpeg));
  return { ffmpeg, ffprobe, version: await known };
}

/** By path: asked once per program. */
const versions = new Map<string, Promise<string>>();

async function versionOf(ffmpeg: string, signal?: AbortSignal): Promise<string> {
  const { text, ended } = await capture(ffmpeg, ['-hide_banner', '-version'], { signal });
  if (signal?.aborted) throw new Interrupted();
  const version = /^ffmpeg version (\S+)/m.exec(text)?.[1];
  if (ended.code !== 0 || !version)
    throw new Unsupported(`${ffmpeg} does not run.`, { hint, cause: ended.failure });
  if (isTooOld(version)) throw new Unsupported(`ffmpeg ${version} is too old.`, { hint });
  return version;
}

/** Whether this ffmpeg has an encoder (`libx264`). */
export const hasEncoder = (tool: Ffmpeg, name: string, signal?: AbortSignal): Promise<boolean> =>
  knows(tool, `encoder=${name}`, `Encoder ${name} `, signal);

/** Whether this ffmpeg has a filter (`zscale`). */
export const hasFilter = (tool: Ffmpeg, name: string, signal?: AbortSignal): Promise<boolean> =>
  knows(tool, `filter=${name}`, `Filter ${name}\n`, signal);

async function knows(
  { ffmpeg }: Ffmpeg,
  what: string,
  answer: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const { text } = await capture(ffmpeg, ['-hide_banner', '-h', what], { signal });
  return text.replaceAll('\r', '').includes(answer);
}
