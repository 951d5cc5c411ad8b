import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openOneEngine } from './one-engine.js';
import { type Bench, inWords, type Part } from './part.js';
import { drawing } from './picture.js';
import { runProbe, runProgram } from './programs.js';
import type { ProbeMarks } from './start-probe.js';
import { type Summary, summarise } from './statistics.js';
import { digits, type Table } from './table.js';

const defaults = { width: 640, height: 360 };
const PICTURE = { width: 1024, height: 768 };
const [RUNS, FULL_RUNS] = [5, 15];

type Steps = Readonly<Record<string, number>>;

/** Times at which steps were done as the time that each took, and the whole. */
export function stepsOf(marks: Steps): Record<string, number> {
  let before = 0;
  const steps: Record<string, number> = {};
  for (const [name, at] of Object.entries(marks)) {
    steps[name] = at - before;
    before = at;
  }
  return { ...steps, whole: before };
}

/** Summaries of each step over several runs. */
export function overRuns(runs: readonly Steps[]): Record<string, Summary> {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, summarise(runs.map((run) => run[name] ?? 0))]));
}

const tableOf = (title: string, steps: Readonly<Record<string, Summary>>): Table => ({
  title,
  columns: ['', 'ms', 'quartiles'],
  rows: Object.entries(steps).map(([name, { median, q1, q3 }]) => [
    ...[name, digits(median)],
    `${digits(q1)}–${digits(q3)}`,
  ]),
});

/** Writes a style picture that nobody has seen before, as a photo from a phone would come. */
async function drawPicture(path: string, seed: number): Promise<void> {
  const { encodePicture } = await import('../../models/picture.js');
  await writeFile(path, await encodePicture(drawing(PICTURE, seed), 'jpeg'));
}

/** From the start of a process to its first painted picture, and `livebrush image` from its start to its end. */
async function timeStart(folder: string, engine: string, runs: number, { options, signal }: Bench) {
  const size = options.size?.[0] ?? defaults;
  const style = join(folder, 'style.jpg');
  await drawPicture(style, 1);
  const input = join(folder, 'input.png');
  const { encodePicture } = await import('../../models/picture.js');
  await writeFile(input, await encodePicture(drawing(size), 'png'));
  const image = ['image', input, '--out', join(folder, 'painted.png'), '--overwrite', '--style', style];
  const probed: Steps[] = [];
  const whole: number[] = [];
  let from = '';
  for (let i = 0; i <= runs; i++) {
    const request = { model: options.model, engine, style, ...size };
    const told: ProbeMarks = await runProbe(request, signal);
    const ms = await runProgram([...image, '--model', options.model, '--engine', engine], signal);
    // The first run fills the caches.
    if (i === 0) continue;
    probed.push(stepsOf(told.marks));
    whole.push(ms);
    from = told.from;
  }
  return { size: inWords(size), from, steps: overRuns(probed), image: summarise(whole) };
}

/** From the bytes of a picture to weights that are bound, with MetaNet at hand and with MetaNet to be compiled. */
async function timeStyle(folder: string, runs: number, bench: Bench) {
  const { options, signal } = bench;
  const size = options.size?.[0] ?? defaults;
  const [{ openModel }, { openGallery }, { openStyleCache }] = await Promise.all([
    import('../../models/models.js'),
    import('../../models/gallery.js'),
    import('../../models/cache.js'),
  ]);
  const model = await openModel(options.model);
  await using engine = await openOneEngine(bench, size);
  await using painter = await engine.painter(model.transform, model.base, size);
  const cache = openStyleCache({ folder: join(folder, 'styles') });
  await using gallery = openGallery({ model, engine, cache });
  const times: Steps[] = [];
  for (let i = 0; i <= runs; i++) {
    signal.throwIfAborted();
    const path = join(folder, 'new.jpg');
    const once = async (from: typeof gallery, seed: number) => {
      await drawPicture(path, seed);
      const start = performance.now();
      const { weights } = await from.resolve(path);
      const made = performance.now();
      using _bound = await painter.bind(weights);
      return { made: made - start, bound: performance.now() - made };
    };
    await using fresh = openGallery({ model, engine, cache });
    const cold = await once(fresh, 2 * i + 10);
    const warm = await once(gallery, 2 * i + 11);
    if (i === 0) continue;
    times.push({
      'picture to weights': warm.made,
      binding: warm.bound,
      whole: warm.made + warm.bound,
      'whole, the first after a start': cold.made + cold.bound,
    });
  }
  return overRuns(times);
}

/** The engine to measure by name: what was asked for, else what streams would get. */
async function engineOf(bench: Bench): Promise<string> {
  const [asked = 'auto'] = bench.options.engine ?? [];
  if (asked !== 'auto') return asked;
  await using engine = await openOneEngine(bench, bench.options.size?.[0] ?? defaults);
  return engine.name;
}

/** How long it takes until the first picture is painted, and until a new style can be used. */
export const start: Part = async (bench) => {
  const { options, show, note } = bench;
  const runs = options.runs ?? (options.full ? FULL_RUNS : RUNS);
  const engine = await engineOf(bench);
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-bench-'));
  try {
    note(`starting ${2 * (runs + 1)} processes …`);
    const first = await timeStart(folder, engine, runs, bench);
    const title = `${options.model} on ${engine}, ${first.size}`;
    show(
      tableOf(`process start to first painted picture, style from ${first.from}: ${title}`, {
        ...first.steps,
        'livebrush image, start to exit': first.image,
      }),
    );
    note('new styles …');
    const style = await timeStyle(folder, runs, { ...bench, options: { ...options, engine: [engine] } });
    show(tableOf(`a new style picture (JPEG, ${inWords(PICTURE)}) until it is bound: ${title}`, style));
    return { engine, model: options.model, first, style };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
