/** What the scripts borrow from the tests and the panel, compiled on the fly. */
import { join } from 'node:path';
import { build, runnerImport } from 'vite';
import { root } from '../setup.mjs';

const quiet = { root, configFile: false, logLevel: 'error' };

/** A TypeScript module of this repository, by its path. */
export const fromSource = async (path) => (await runnerImport(join(root, path), quiet)).module;

/** A module of the panel as a script that leaves its exports in a global of that name, to be run in a page. */
export async function forPage(path, name) {
  const lib = { entry: join(root, path), formats: ['iife'], name };
  const built = await build({ ...quiet, build: { lib, write: false, minify: false } });
  const [{ output }] = Array.isArray(built) ? built : [built];
  return output[0].code;
}
