/** `npm start -- <arguments>`: sets up on the first run, then is the livebrush command line. */
// As in bin/livebrush.cjs: the pool's size counts only before the first ES module.
process.env.UV_THREADPOOL_SIZE ??= '32';
import('./start.mjs');
