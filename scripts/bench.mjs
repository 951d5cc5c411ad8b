/** `npm run bench`: sets up, then `livebrush bench`; arguments go on to it. */
import { setup } from './setup.mjs';

setup();
process.argv.splice(2, 0, 'bench');
await import('../bin/livebrush.js');
