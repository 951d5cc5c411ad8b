/**
 * `npm run bench`: sets up, then measures. `live`, `overload` and `endurance` measure the live server, `train` a
 * training step, `steady` the stage of that name, `apart` how far the engines' paintings are from each other; everything
 * else is `livebrush bench`, which arguments go on to: without any, our engines and others side by side, for a few minutes.
 */
import { setup } from './setup.mjs';

const OURS = ['live', 'overload', 'endurance', 'train', 'steady', 'apart'];

setup();
const [name = '', ...args] = process.argv.slice(2);
if (OURS.includes(name)) {
  const { measure } = await import(`./bench/${name}.mjs`);
  process.exit(await measure(args));
} else {
  process.argv.splice(2, 0, 'bench');
  await import('../bin/livebrush.cjs');
}
