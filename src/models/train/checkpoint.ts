import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { log } from '../../log.js';
import { readWhole, writeFailure, writeNew } from '../files.js';
import { readWeights, type Weights, writeWeights } from '../weights.js';

/** Where a training stands, numbers aside. */
export const trainState = z.object({
  format: z.literal(1),
  /** Steps done. */
  step: z.number().int().min(0),
  /** Updates that the optimiser made: steps less those skipped. */
  updates: z.number().int().min(0),
  /** Steps skipped because the gradients were not finite. */
  skipped: z.number().int().min(0),
  seconds: z.number().min(0),
  cursor: z.object({ content: z.number().int().min(0), style: z.number().int().min(0) }),
  random: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  /** Fingerprints of the picture folders. */
  data: z.object({ content: z.string(), style: z.string() }),
  options: z.record(z.string(), z.unknown()),
});
export type TrainState = z.infer<typeof trainState>;

/** All that a training needs to go on as if nothing had happened. */
export interface Checkpoint {
  readonly state: TrainState;
  /** Params as they are, and the optimiser's moments under `adam.mean/` and `adam.square/`. */
  readonly weights: Weights;
}

/** The paper's MetaNet at base 32 takes 2.6 GB, moments included. */
const MAX_BYTES = 4e9;
const MARKER = 'complete';
const KEPT = 2;
const nameOf = (step: number) => `step-${String(step).padStart(8, '0')}`;

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Names of the checkpoints in a folder that carry their marker, newest first. */
async function complete(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const found: string[] = [];
  for (const name of names
    .filter((name) => /^step-\d{8,}$/.test(name))
    .sort()
    .reverse())
    if ((await readdir(join(folder, name)).catch(() => [] as string[])).includes(MARKER)) found.push(name);
  return found;
}

/**
 * Writes a checkpoint beside the others and deletes all but the newest two. It is written under a passing name,
 * synced, and renamed last, so a crash leaves no half one under a real name.
 * @throws CannotWrite
 */
export async function saveCheckpoint(folder: string, { state, weights }: Checkpoint): Promise<string> {
  const path = join(folder, nameOf(state.step));
  const passing = join(folder, `.${nameOf(state.step)}.${process.pid}`);
  try {
    // A process of the same id may have left one: in a container every process may be the first.
    await rm(passing, { recursive: true, force: true });
    await mkdir(passing, { recursive: true });
    await writeNew(join(passing, 'weights.safetensors'), writeWeights(weights, {}, 'F32'));
    await writeNew(join(passing, 'state.json'), `${JSON.stringify(state, undefined, 2)}\n`);
    await writeNew(join(passing, MARKER), '');
    await syncFolder(passing);
    await rm(path, { recursive: true, force: true });
    await rename(passing, path);
    await syncFolder(folder);
    for (const name of (await complete(folder)).slice(KEPT))
      await rm(join(folder, name), { recursive: true, force: true });
  } catch (cause) {
    await rm(passing, { recursive: true, force: true }).catch(() => {});
    throw writeFailure(path, cause);
  }
  return path;
}

/** The newest checkpoint that is whole, or undefined; a damaged one is passed over with a warning. */
export async function newestCheckpoint(folder: string): Promise<Checkpoint | undefined> {
  for (const name of await complete(folder)) {
    const path = join(folder, name);
    try {
      const state = trainState.parse(JSON.parse(await readFile(join(path, 'state.json'), 'utf8')));
      const { weights } = readWeights(await readWhole(join(path, 'weights.safetensors'), MAX_BYTES));
      return { state, weights };
    } catch (error) {
      log.warn({ path, error: String(error) }, 'This checkpoint is damaged; an older one is tried.');
    }
  }
  return undefined;
}
