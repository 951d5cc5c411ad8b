import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { folders } from '../config.js';
import { BadInput, LivebrushError, NotFound } from '../errors.js';
import { log } from '../log.js';
import { suggest } from './closest.js';
import { readStart, readWhole } from './files.js';
import { type Model, type ModelCard, readModel, readModelCard } from './model.js';
import { NAME } from './style.js';
import { readMetadata, wholeSize } from './weights.js';

/** Where models and styles lie: those that ship with the product, and a person's own. */
export interface Places {
  readonly models: string;
  readonly home: string;
}

/** A model at hand, its numbers not yet read. */
export interface ModelEntry {
  readonly name: string;
  readonly path: string;
  readonly source: 'shipped' | 'user';
  readonly bytes: number;
  readonly card: ModelCard;
}

const EXTENSION = '.safetensors';
/** Of a model file. */
export const MAX_MODEL_BYTES = 512e6;
const MAX_CARD_BYTES = 4e6;

/** The bytes of a safetensors file up to its numbers: the first 8 tell how many. */
async function readHead(path: string): Promise<Uint8Array> {
  const start = await readStart(path, 8);
  const length =
    start.byteLength < 8 ? 0n : new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return readStart(path, 8 + (length < MAX_CARD_BYTES ? Number(length) : 0));
}

/** The model that is used when none is named. */
export const DEFAULT_MODEL = 'fast';

/** Name and path of every model file, a person's own before a shipped one of the same name. */
async function modelFiles({
  home,
  models,
}: Places): Promise<Map<string, Pick<ModelEntry, 'path' | 'source'>>> {
  const found = new Map<string, Pick<ModelEntry, 'path' | 'source'>>();
  for (const [folder, source] of [
    [models, 'shipped'],
    [join(home, 'models'), 'user'],
  ] as const) {
    for (const file of await readdir(folder).catch(() => [])) {
      const name = basename(file, EXTENSION);
      if (file.endsWith(EXTENSION) && NAME.test(name)) found.set(name, { path: join(folder, file), source });
    }
  }
  return found;
}

/** What the head of a model file tells. @throws NotFound, BadInput */
async function readEntry(name: string, { path, source }: Pick<ModelEntry, 'path' | 'source'>) {
  const head = await readHead(path);
  const card = readModelCard(readMetadata(head, path), path);
  return { name, path, source, bytes: (await stat(path)).size, card, whole: wholeSize(head, path) };
}

/** Every model at hand, by name; files that are no models are left out with a warning. */
export async function listModels(places: Places = folders): Promise<ModelEntry[]> {
  const entries: ModelEntry[] = [];
  for (const [name, file] of await modelFiles(places)) {
    try {
      const { whole: _, ...entry } = await readEntry(name, file);
      entries.push(entry);
    } catch (error) {
      if (!(error instanceof LivebrushError)) throw error;
      log.warn({ path: file.path }, error.message);
    }
  }
  return entries.sort((a, b) => a.name.localeCompare(b.name));
}

/** A model file, and what is wrong with it, if anything is. */
export interface CheckedModel {
  readonly name: string;
  readonly path: string;
  readonly entry?: ModelEntry;
  readonly problem?: LivebrushError;
}

/** Every model file by name: the default one opened, of the others the size held against what the header says. */
export async function checkModels(places: Places = folders): Promise<CheckedModel[]> {
  const checked: CheckedModel[] = [];
  for (const [name, file] of await modelFiles(places)) {
    const { path } = file;
    try {
      const { whole, ...entry } = await readEntry(name, file);
      if (entry.bytes !== whole)
        throw new BadInput(
          `${path} is damaged: it has ${entry.bytes} bytes where its header names ${whole}.`,
        );
      if (name === DEFAULT_MODEL) await openModel(name, places);
      checked.push({ name, path, entry });
    } catch (error) {
      if (!(error instanceof LivebrushError)) throw error;
      checked.push({ name, path, problem: error });
    }
  }
  return checked.sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * The file that `--model` means: a name, or the path of a model file.
 * @throws NotFound with the names there are.
 */
export async function findModel(spec: string = DEFAULT_MODEL, places: Places = folders): Promise<string> {
  const files = await modelFiles(places);
  const named = files.get(spec);
  if (named) return named.path;
  if (/[\\/]/.test(spec) || spec.endsWith(EXTENSION)) return spec;
  throw new NotFound(`There is no model ${JSON.stringify(spec)}.`, {
    hint: `${suggest(spec, [...files.keys()], 'models')} The path of a model file (${EXTENSION}) works too.`,
  });
}

/** @throws NotFound when there is no such model, BadInput when the file is none or does not fit its nets. */
export async function openModel(spec: string = DEFAULT_MODEL, places: Places = folders): Promise<Model> {
  const path = await findModel(spec, places);
  try {
    return readModel(await readWhole(path, MAX_MODEL_BYTES), path);
  } catch (error) {
    if (error instanceof BadInput && !error.hint)
      throw new BadInput(error.message, { hint: 'Fetch or train the model again.', cause: error });
    throw error;
  }
}
