import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import { log } from '../../log.js';
import { addonPath } from '../../native.js';
import { readWhole, writeWhole } from '../files.js';
import { hasCudaLibraries, isSoftwareGpu } from './gpu.js';
import { nativePackages } from './tfjs-native.js';

/** What engines were once measured at, so that `--engine auto` measures a machine only once a week. */
const LONGEST_DAYS = 7;
const MOST_ENTRIES = 64;
const MOST_BYTES = 1e6;

const entry = z.object({
  /** The fastest engine. */
  engine: z.string(),
  /** Pictures a second of each engine that was measured; empty when only one was present. */
  framesPerSecond: z.record(z.string(), z.number()),
  /** When, in milliseconds since 1970. */
  measuredAt: z.number(),
});
export type Measurement = z.infer<typeof entry>;
const file = z.object({ format: z.literal(1), measurements: z.record(z.string(), entry) });

const require = createRequire(import.meta.url);

/** Version of an installed package, or `none`. */
function versionOf(name: string): string {
  try {
    return (require(`${name}/package.json`) as { version: string }).version;
  } catch {
    return 'none';
  }
}

/** Digest of the kernels that are here, if there are any. */
function kernels(): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(addonPath())).digest('hex').slice(0, 16);
  } catch {
    return undefined;
  }
}

/** Everything about this machine that a measurement depends on and that is known without loading an engine. */
function machine(): unknown {
  const { version } = require('../../../package.json') as { version: string };
  return {
    version,
    node: process.version,
    processor: cpus()[0]?.model,
    cores: availableParallelism(),
    packages: ['onnxruntime-node', 'webgpu', '@tensorflow/tfjs'].map(versionOf),
    tensorflow: nativePackages().map(({ name, addon }) => [name, addon !== undefined]),
    kernels: kernels(),
    softwareGpu: isSoftwareGpu(),
    cuda: hasCudaLibraries(),
    driver: process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES,
  };
}

/** Key of a measurement of `what` on this machine. */
export const measurementKey = (what: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify([machine(), what]))
    .digest('hex')
    .slice(0, 32);

async function readAll(path: string): Promise<Record<string, Measurement>> {
  try {
    const text = new TextDecoder().decode(await readWhole(path, MOST_BYTES));
    return file.parse(JSON.parse(text)).measurements;
  } catch (error) {
    log.debug({ path, err: error }, 'no measurements of engines to read');
    return {};
  }
}

/** What is remembered under a key; undefined when nothing is, it is too old, or the file is damaged. */
export async function recall(path: string, key: string): Promise<Measurement | undefined> {
  const found = (await readAll(path))[key];
  const ageMs = Date.now() - (found?.measuredAt ?? 0);
  return ageMs >= 0 && ageMs < LONGEST_DAYS * 86_400_000 ? found : undefined;
}

/** Remembers a measurement beside the newest others. Not being able to is no error: it is measured again next time. */
export async function remember(path: string, key: string, measurement: Measurement): Promise<void> {
  const all = { ...(await readAll(path)), [key]: measurement };
  const newest = Object.entries(all)
    .sort(([, a], [, b]) => b.measuredAt - a.measuredAt)
    .slice(0, MOST_ENTRIES);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, JSON.stringify({ format: 1, measurements: Object.fromEntries(newest) }));
  } catch (error) {
    log.debug({ path, err: error }, 'measurements of engines cannot be kept');
  }
}
