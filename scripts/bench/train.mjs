/**
 * `npm run bench -- train`: how long a training step takes on each backend that is here, in turn, in one run. Every
 * turn is a real `livebrush train meta` in a process of its own, on pictures drawn for it; the first steps warm up.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { root } from '../setup.mjs';
import { machine, note, quantile, round, table, tell } from './figures.mjs';

const HELP = `npm run bench -- train [--backends tensorflow,wasm] [--rounds 3] [--steps 8] [--size 128] [--base 8] [--batch 4] [--loss FILE] [--json]`;
const WARM_UP = 2;

/** Pictures of coloured noise in patches, which no crop finds to be of one colour. */
async function draw(folder, count) {
  await mkdir(folder);
  for (let i = 0; i < count; i++) {
    const side = 16;
    const data = Uint8Array.from({ length: 3 * side * side }, (_, j) => (j * 97 + i * 31 + j * j * 13) % 256);
    await sharp(data, { raw: { width: side, height: side, channels: 3 } })
      .resize(512, 512, { kernel: 'cubic' })
      .png()
      .toFile(join(folder, `${i}.png`));
  }
}

/** Milliseconds of each step after the warm-up; throws with what the training said where it fails. */
async function turn(backend, { steps, size, base, batch, loss }, folder) {
  const out = join(folder, `${backend}-${Date.now()}`);
  const pictures = ['--content', join(folder, 'content'), '--style', join(folder, 'style')];
  const numbers = ['--steps', steps + WARM_UP, '--size', size, '--base', base, '--batch', batch].map(String);
  const seldom = ['evaluatePairs=1', 'sheetSide=1', 'logEvery=1', 'holdout=0.3'].flatMap((set) => [
    '--set',
    set,
  ]);
  const args = ['train', 'meta', ...pictures, ...(loss ? ['--loss', loss] : []), '--out', out, ...numbers];
  const child = spawn(
    process.execPath,
    [join(root, 'bin/livebrush.cjs'), ...args, '--backend', backend, ...seldom],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const said = [];
  const times = [];
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.startsWith('{"event":"step"')) times.push(performance.now());
    else said.push(line);
  }
  await rm(out, { recursive: true, force: true });
  if (times.length < steps + WARM_UP) throw new Error(said.slice(-3).join(' '));
  return times.slice(WARM_UP).map((time, i) => time - times[i + WARM_UP - 1]);
}

export async function measure(args) {
  const { values } = parseArgs({
    args,
    options: {
      backends: { type: 'string', default: 'tensorflow,wasm' },
      ...Object.fromEntries(
        Object.entries({ rounds: '3', steps: '8', size: '128', base: '8', batch: '4' }).map(
          ([name, value]) => [name, { type: 'string', default: value }],
        ),
      ),
      loss: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const about = machine();
  const { backends, rounds, json, loss, ...rest } = values;
  const options = {
    ...Object.fromEntries(['steps', 'size', 'base', 'batch'].map((name) => [name, Number(rest[name])])),
    loss,
  };
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-bench-'));
  const names = backends.split(',');
  const spent = new Map(names.map((name) => [name, []]));
  const missing = new Map();
  try {
    await draw(join(folder, 'content'), 12);
    await draw(join(folder, 'style'), 12);
    for (let i = 1; i <= Number(rounds); i++)
      for (const name of names.filter((name) => !missing.has(name))) {
        note(`round ${i} of ${rounds}: ${name}`);
        try {
          spent.get(name).push(...(await turn(name, options, folder)));
        } catch (error) {
          missing.set(name, error.message);
        }
      }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const results = names.map((name) => {
    const times = spent.get(name);
    const median = quantile(times, 0.5);
    return {
      backend: name,
      median,
      p10: quantile(times, 0.1),
      p90: quantile(times, 0.9),
      steps: times.length,
      perSecond: median && round(1000 / median, 3),
      missing: missing.get(name),
    };
  });
  const rows = results.map((one) => [
    ...[one.backend, one.median, one.p10, one.p90, one.perSecond, one.steps],
    one.missing ?? '',
  ]);
  const head = [
    'backend',
    'ms a step (median)',
    'p10',
    'p90',
    'steps a second',
    'steps measured',
    'not measured because',
  ];
  tell({ machine: about, options, results }, { json, tables: [table(head, rows)] });
  return results.some((one) => one.median) ? 0 : 1;
}
