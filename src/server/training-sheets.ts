import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingSheet } from './training-protocol.js';

/** Names of sheets: nothing else of the folder is shown. */
const NAME = /^step-(\d{1,9})\.(png|jpg|webp)$/;
export const SHEET_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
};
const MOST = 1000;
const LARGEST_BYTES = 64 * 2 ** 20;

/** A picture among the sheets, by its name; undefined for every other name. */
export function sheetPath(folder: string, name: string): { path: string; type: string } | undefined {
  const [, , kind] = NAME.exec(name) ?? [];
  return kind ? { path: join(folder, 'sheets', name), type: SHEET_TYPES[kind]! } : undefined;
}

/** Whether a path is a plain file of a size for pages; links lead elsewhere and are none. */
export async function isSheet(path: string): Promise<{ changed: number } | undefined> {
  const about = await lstat(path).catch(() => undefined);
  return about?.isFile() && about.size <= LARGEST_BYTES ? { changed: about.mtimeMs } : undefined;
}

/** As many of a list as there is room for: evenly chosen, the last one always. */
function thinned<T>(all: readonly T[]): T[] {
  const every = Math.ceil(all.length / MOST);
  return all.filter((_, i) => (all.length - 1 - i) % every === 0);
}

/** The sheets of a training in the order of their steps. */
export async function listSheets(folder: string): Promise<TrainingSheet[]> {
  const names = await readdir(join(folder, 'sheets')).catch(() => []);
  const known = names
    .map((name) => ({ name, step: Number(NAME.exec(name)?.[1]) }))
    .filter(({ step }) => Number.isFinite(step))
    .sort((a, b) => a.step - b.step);
  const sheets = await Promise.all(
    thinned(known).map(async ({ name, step }) => {
      const sheet = await isSheet(join(folder, 'sheets', name));
      return sheet ? [{ step, url: `/sheets/${name}?v=${Math.round(sheet.changed).toString(36)}` }] : [];
    }),
  );
  return sheets.flat();
}
