import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { folders } from '../config.js';
import { LivebrushError } from '../errors.js';
import { log } from '../log.js';
import { readStart } from './files.js';
import type { Places } from './models.js';
import { NAME, readStyleCard, type StyleCard } from './style.js';
import { readMetadata } from './weights.js';

/** A style that ships with the product: weights for one model, and a thumbnail that the model painted. */
export interface Preset {
  readonly card: StyleCard;
  readonly path: string;
  readonly thumbnail: string | undefined;
}

/** Folder beside those of the presets in which the loss network lies that ships. */
export const LOSS_NETWORKS = 'loss';

const EXTENSION = '.safetensors';
const MAX_CARD_BYTES = 1e6;

async function readPreset(folder: string, file: string): Promise<Preset | undefined> {
  const path = join(folder, file);
  try {
    const card = readStyleCard(readMetadata(await readStart(path, MAX_CARD_BYTES), path), path);
    const thumbnail = join(folder, `${card.name}.webp`);
    const shown = await stat(thumbnail).catch(() => undefined);
    return { card, path, thumbnail: shown?.isFile() ? thumbnail : undefined };
  } catch (error) {
    if (!(error instanceof LivebrushError)) throw error;
    log.warn({ path }, error.message);
    return undefined;
  }
}

/** Every preset of every model: `models/<model>/<name>.safetensors`, by name. Damaged ones are left out with a warning. */
export async function listPresets({ models }: Pick<Places, 'models'> = folders): Promise<Preset[]> {
  const found: Preset[] = [];
  for (const entry of await readdir(models, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory() || !NAME.test(entry.name) || entry.name === LOSS_NETWORKS) continue;
    const folder = join(models, entry.name);
    for (const file of await readdir(folder).catch(() => [])) {
      const preset = file.endsWith(EXTENSION) ? await readPreset(folder, file) : undefined;
      if (preset && file === `${preset.card.name}${EXTENSION}`) found.push(preset);
    }
  }
  return found.sort((a, b) => a.card.name.localeCompare(b.card.name));
}
