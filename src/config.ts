import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where things lie on this machine. `LIVEBRUSH_CACHE` and `LIVEBRUSH_HOME` move the user's folders. */
export const folders = {
  /** The package itself, in a checkout as in an installed one. */
  package: fileURLToPath(new URL('..', import.meta.url)),
  /** Models and presets that ship with it. */
  models: fileURLToPath(new URL('../models', import.meta.url)),
  /** What can be made again: generated weights, measurements. */
  get cache(): string {
    return (
      process.env.LIVEBRUSH_CACHE ??
      join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'livebrush')
    );
  },
  /** What a person added: styles, models. */
  get home(): string {
    return (
      process.env.LIVEBRUSH_HOME ??
      join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'livebrush')
    );
  },
};
