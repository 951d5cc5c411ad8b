/** `npm test`: sets up, then runs vitest with coverage; arguments go on to vitest. */
import { runBin, setup } from './setup.mjs';

setup();
process.exit(runBin('vitest/vitest.mjs', ['run', '--coverage', ...process.argv.slice(2)]));
