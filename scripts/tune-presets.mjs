/**
 * Tunes the presets of a model to their paintings: `livebrush train style` for each of `presets.json`, into
 * `RUNS/<name>`. What was begun goes on, what is done is left. `make-presets.mjs --tuned RUNS` makes presets of them. All
 * behind `--` goes to `train style`.
 *
 *   npm run build
 *   node scripts/tune-presets.mjs --paintings DIR --out RUNS --jobs 2 -- --content PHOTOS --loss vgg19
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: options, positionals } = parseArgs({
  options: {
    model: { type: 'string', default: 'fast' },
    paintings: { type: 'string' },
    list: { type: 'string', default: at('presets.json') },
    out: { type: 'string' },
    /** So many at a time: one seldom fills two cores. */
    jobs: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
for (const name of ['paintings', 'out']) if (!options[name]) throw new Error(`--${name} DIR is missing`);
await mkdir(options.out, { recursive: true });

/** Runs `train style` for one preset; its words go to `RUNS/<name>.log`. */
async function tune({ name, file, title, artist, year }) {
  const out = join(options.out, name);
  const log = await open(`${out}.log`, 'a');
  const told = ['--name', name, '--title', title, '--artist', artist, '--year', year];
  const child = spawn(
    process.execPath,
    [
      ...[at('../bin/livebrush.cjs'), 'train', 'style', '--model', options.model, '--out', out, ...told],
      ...['--style', join(options.paintings, file), ...(existsSync(out) ? ['--resume'] : []), ...positionals],
    ],
    { stdio: ['ignore', log.fd, log.fd] },
  );
  const code = await new Promise((resolve) => {
    child.on('close', resolve);
  });
  await log.close();
  process.stdout.write(`${name}: ${code === 0 ? 'done' : `failed, see ${out}.log`}\n`);
  return code === 0;
}

const waiting = JSON.parse(await readFile(options.list, 'utf8'));
let failed = 0;
async function work() {
  for (let preset = waiting.shift(); preset; preset = waiting.shift()) if (!(await tune(preset))) failed++;
}
await Promise.all(Array.from({ length: Number(options.jobs) }, work));
if (failed > 0) process.exitCode = 1;
