import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Compiles once before the tests, so that those which run the command line never see a stale build. */
export default function setup(): void {
  const script = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));
  execFileSync(process.execPath, [script], { stdio: ['ignore', 'inherit', 'inherit'] });
}
