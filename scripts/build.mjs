/** `npm run build`: compiles src to dist and builds the panel to dist/web, each when a source of it changed. */
import { setup } from './setup.mjs';

setup();
