import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { folders } from '../config.js';
import { BadInput, CannotWrite, codeOf, LivebrushError, NotFound, Usage } from '../errors.js';
import { log } from '../log.js';
import { readWhole, writeFailure, writeWhole } from './files.js';
import type { MetaModel } from './model.js';
import type { Places } from './models.js';
import { readPicture, writePicture } from './picture.js';
import type { Pixels } from './pixels.js';
import {
  checkName,
  MAX_STYLE_BYTES,
  NAME,
  nameFrom,
  readStyleCard,
  readStyleFile,
  type Style,
} from './style.js';
import { readWeights, type Weights } from './weights.js';

/**
 * Styles that a person added: `styles/<name>/` in their folder, with the picture, bounded in size, and `style.json`.
 * The picture is kept, so that they work with every model; beside it may lie `<model>.safetensors`, the style tuned for
 * that model.
 */
const about = z.object({
  format: z.literal(1),
  title: z.string().max(200),
  artist: z.string().max(200).optional(),
  year: z.string().max(40).optional(),
  added: z.string(),
});

type Home = Pick<Places, 'home'>;
const PICTURE = 'picture.webp';
const ABOUT = 'style.json';
/** Longest side of a kept picture, in pixels: four times what MetaNet sees. */
const KEPT_SIDE = 1024;

const root = ({ home }: Home) => join(home, 'styles');

async function readAbout(folder: string): Promise<z.infer<typeof about>> {
  const path = join(folder, ABOUT);
  const text = new TextDecoder().decode(await readWhole(path, 64e3));
  try {
    return about.parse(JSON.parse(text));
  } catch (cause) {
    const hint = `Remove it with livebrush styles remove ${basename(folder)}, and add it again.`;
    throw new BadInput(`${path} is damaged.`, { hint, cause });
  }
}

/** @throws NotFound when there is no such style, BadInput when its file is damaged. */
export async function userStyle(name: string, places: Home = folders): Promise<Style> {
  const folder = join(root(places), checkName(name));
  const { title, artist, year } = await readAbout(folder).catch((error: unknown) => {
    throw error instanceof NotFound ? new NotFound(`There is no style ${name} of yours.`) : error;
  });
  return {
    name,
    title,
    ...(artist ? { artist } : {}),
    ...(year ? { year } : {}),
    source: 'user',
    picture: join(folder, PICTURE),
  };
}

/** Whether a person has a style of that name, damaged or not. */
export async function isUserStyle(name: string, places: Home = folders): Promise<boolean> {
  return NAME.test(name) && (await readdir(root(places)).catch((): string[] => [])).includes(name);
}

/** Every style that a person added, by name; damaged ones are left out with a warning. */
export async function listUserStyles(places: Home = folders): Promise<Style[]> {
  const styles: Style[] = [];
  for (const name of await readdir(root(places)).catch(() => [])) {
    if (!NAME.test(name)) continue;
    try {
      styles.push(await userStyle(name, places));
    } catch (error) {
      if (!(error instanceof LivebrushError)) throw error;
      log.warn({ name, ...(error.hint ? { hint: error.hint } : {}) }, error.message);
    }
  }
  return styles.sort((a, b) => a.name.localeCompare(b.name));
}

/** The kept picture of a person's style. */
export async function userPicture(name: string, places: Home = folders): Promise<Pixels> {
  const { picture } = await userStyle(name, places);
  return (await readPicture(picture!)).pixels;
}

/** The weights that a style of a person's was tuned to for a model, if it was; of another version they are left alone. */
export async function tunedWeights(
  name: string,
  model: MetaModel,
  places: Home = folders,
): Promise<Weights | undefined> {
  const path = join(root(places), checkName(name), `${model.card.name}.safetensors`);
  try {
    return (await readStyleFile(path, model)).weights;
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    if (!(error instanceof LivebrushError)) throw error;
    log.warn({ path }, `${error.message} The style is made of its picture.`);
    return undefined;
  }
}

/** Names of the models that a style of a person's was tuned for. */
export async function tunedFor(name: string, places: Home = folders): Promise<string[]> {
  const files = await readdir(join(root(places), checkName(name))).catch((): string[] => []);
  return files.flatMap((file) => /^(.+)\.safetensors$/.exec(file)?.[1] ?? []).sort();
}

/** The file of what a person's style was tuned to for a model, if it was. */
export async function tunedFile(
  name: string,
  model: string,
  places: Home = folders,
): Promise<string | undefined> {
  const path = join(root(places), checkName(name), `${model}.safetensors`);
  return (await tunedFor(name, places)).includes(model) ? path : undefined;
}

/** A tuned style, as its file holds it, with the name of the model that it is for. Whether it fits is seen when it is used. */
async function readTuned(path: string): Promise<{ model: string; bytes: Uint8Array }> {
  const bytes = await readWhole(path, MAX_STYLE_BYTES);
  const { model } = readStyleCard(readWeights(bytes, path).metadata, path);
  return { model, bytes };
}

/** Tuned styles by the names of their models. @throws NotFound, BadInput; Usage for two of one model */
async function allTuned(paths: readonly string[]): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const { model, bytes } of await Promise.all(paths.map(readTuned))) {
    if (found.has(model)) throw new Usage(`Two of the tuned styles are for the model ${model}.`);
    found.set(model, bytes);
  }
  return found;
}

/** Keeps what a person's style was tuned to with it. @throws NotFound, BadInput, Usage, CannotWrite */
export async function addTuned(
  name: string,
  paths: readonly string[],
  places: Home = folders,
): Promise<Style> {
  const style = await userStyle(name, places);
  for (const [model, bytes] of await allTuned(paths))
    await writeWhole(join(root(places), name, `${model}.safetensors`), bytes);
  return style;
}

/** Forgets what a person's style was tuned to for a model: it is as its picture makes it again. @throws NotFound, CannotWrite */
export async function dropTuned(name: string, model: string, places: Home = folders): Promise<void> {
  const path = await tunedFile(name, model, places);
  if (path === undefined) throw new NotFound(`The style ${name} is not tuned for the model ${model}.`);
  await rm(path, { force: true }).catch((cause: unknown) => {
    throw new CannotWrite(`${path} cannot be removed (${codeOf(cause) ?? String(cause)}).`, { cause });
  });
}

/** How a style of a person’s own is kept. */
export interface AddOptions {
  /** Made of the file's name unless given. */
  readonly name?: string;
  readonly title?: string;
  readonly artist?: string;
  readonly year?: string;
  readonly overwrite?: boolean;
  /** Style files that it was tuned to, one for a model. */
  readonly tuned?: readonly string[];
}

/** A folder under its final name, whole or not at all, in the place of an older one if asked to. */
async function putInPlace(fresh: string, target: string, overwrite: boolean): Promise<void> {
  const old = `${fresh}-old`;
  if (overwrite)
    await rename(target, old).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
  await rename(fresh, target);
  await rm(old, { recursive: true, force: true });
}

/**
 * Keeps a picture as a style.
 * @throws NotFound, BadInput (not a picture, too large; what was tuned is no style file), Usage (no valid name),
 * CannotWrite (the name is taken, the disk refuses).
 */
export async function addUserStyle(
  path: string,
  { name: given, title, artist, year, overwrite = false, tuned = [] }: AddOptions = {},
  places: Home = folders,
): Promise<Style> {
  const name = given === undefined ? nameFrom(basename(path)) : checkName(given);
  if (name === undefined)
    throw new Usage(`No name for a style can be made of ${basename(path)}.`, {
      hint: 'Give one with --name.',
    });
  const { pixels } = await readPicture(path, { within: KEPT_SIDE });
  const weights = await allTuned(tuned);

  const target = join(root(places), name);
  const fresh = join(root(places), `.new-${randomBytes(6).toString('hex')}`);
  const taken = new CannotWrite(`There is a style ${name} of yours already.`, {
    hint: 'Choose another --name, or add --overwrite.',
  });
  try {
    await mkdir(root(places), { recursive: true });
    if (!overwrite && (await readdir(root(places))).includes(name)) throw taken;
    await mkdir(fresh);
    await writePicture(join(fresh, PICTURE), pixels, { quality: 92 });
    const card: z.infer<typeof about> = {
      format: 1,
      title: title ?? name.replaceAll('-', ' ').replace(/^./, (letter) => letter.toUpperCase()),
      ...(artist ? { artist } : {}),
      ...(year ? { year } : {}),
      added: new Date().toISOString(),
    };
    for (const [model, bytes] of weights) await writeWhole(join(fresh, `${model}.safetensors`), bytes);
    await writeWhole(join(fresh, ABOUT), `${JSON.stringify(about.parse(card), null, 2)}\n`);
    await putInPlace(fresh, target, overwrite);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true }).catch(() => {});
    if (error instanceof LivebrushError) throw error;
    if (error instanceof z.ZodError)
      throw new Usage('The title, artist or year is too long.', { cause: error });
    throw ['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '') ? taken : writeFailure(target, error);
  }
  return userStyle(name, places);
}

/** @throws NotFound when there is no such style, CannotWrite when it cannot be removed. */
export async function removeUserStyle(name: string, places: Home = folders): Promise<void> {
  const target = join(root(places), checkName(name));
  // Out of sight in one step, so that a stop in between leaves no half of a style under its name.
  const gone = join(root(places), `.gone-${randomBytes(6).toString('hex')}`);
  try {
    await rename(target, gone);
    await rm(gone, { recursive: true, force: true });
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') throw new NotFound(`There is no style ${name} of yours.`, { cause });
    throw new CannotWrite(`The style ${name} cannot be removed (${codeOf(cause) ?? String(cause)}).`, {
      cause,
    });
  }
}
