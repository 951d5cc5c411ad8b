/** `npm run build`: compiles src to dist when a source changed. */
import { setup } from './setup.mjs';

setup();
