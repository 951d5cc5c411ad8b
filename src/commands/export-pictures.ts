import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BadInput, LivebrushError } from '../errors.js';
import { log } from '../log.js';
import { folderFailure } from '../models/files.js';
import type { Pixels, Size } from '../models/pixels.js';

/** What an exported net is measured on. */
export interface TrialPictures {
  /** To find the ranges of 8-bit numbers on. */
  readonly calibration: readonly Pixels[];
  /** To compare paintings on: none of them was calibrated with. */
  readonly heldOut: readonly Pixels[];
  /** What they are, in words. */
  readonly what: string;
}

const SIDE: Size = { width: 256, height: 256 };
/** Paintings are compared at this many pixels at most: several of the largest that there are would take hours. */
const MOST_PIXELS = 1e6;
/** One picture of this many is held out. */
const EVERY = 4;
const MOST = 48;

/** `size` shrunk in its shape to what paintings are compared at, with sides that are multiples of `stride`. */
export function comparedSize(size: Size, stride: number): Size {
  const scale = Math.sqrt(MOST_PIXELS / (size.width * size.height));
  if (scale >= 1) return size;
  const side = (length: number) => stride * Math.max(1, Math.floor((length * scale) / stride));
  return { width: side(size.width), height: side(size.height) };
}

/** The bay that our own code draws, by hours of its day, and its colour bars. */
async function drawnPictures(size: Size): Promise<TrialPictures> {
  const [{ Scene }, { patternAt }] = await Promise.all([
    import('../pipeline/demo/scene.js'),
    import('../pipeline/sources/pattern.js'),
  ]);
  const scene = (seconds: number, shape: Size) => new Scene(shape).draw(seconds);
  return {
    calibration: [0, 30, 60, 90, 120, 150, 180, 210].map((seconds) => scene(seconds, SIDE)),
    heldOut: [...[45, 135, 195].map((seconds) => scene(seconds, size)), patternAt(size, 7)],
    what: 'drawn pictures',
  };
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map(({ name }) => join(folder, name))
      .sort();
  } catch (cause) {
    throw folderFailure(folder, cause);
  }
}

/** Pictures of a folder, spread over it where there are many; what is no picture is left out. */
async function picturesOf(folder: string, size: Size, signal: AbortSignal): Promise<TrialPictures> {
  const { coverCrop, readPicture } = await import('../models/picture.js');
  const files = await filesOf(folder);
  const step = Math.max(1, files.length / MOST);
  const chosen = Array.from({ length: Math.min(MOST, files.length) }, (_, i) => files[Math.floor(i * step)]!);
  const read: Pixels[] = [];
  for (const file of chosen) {
    signal.throwIfAborted();
    try {
      read.push((await readPicture(file)).pixels);
    } catch (error) {
      if (!(error instanceof LivebrushError)) throw error;
      log.debug({ file }, error.message);
    }
  }
  if (read.length < 2)
    throw new BadInput(
      `${folder} holds ${read.length === 1 ? 'one picture' : 'no pictures'} that can be read.`,
      {
        hint: 'To calibrate takes two at least, and ten or more to do it well: PNG, JPEG, WebP, GIF or AVIF.',
      },
    );
  const held = (i: number) => i % EVERY === 1;
  const cropped = (pictures: readonly Pixels[], shape: Size) =>
    Promise.all(pictures.map((picture) => coverCrop(picture, shape)));
  return {
    calibration: await cropped(
      read.filter((_, i) => !held(i)),
      SIDE,
    ),
    heldOut: await cropped(
      read.filter((_, i) => held(i)),
      size,
    ),
    what: `pictures of ${folder}`,
  };
}

/** @throws NotFound, BadInput when the folder cannot be read or holds too few pictures. */
export const trialPictures = (
  folder: string | undefined,
  size: Size = SIDE,
  signal: AbortSignal,
): Promise<TrialPictures> => (folder === undefined ? drawnPictures(size) : picturesOf(folder, size, signal));
