import type { Command } from 'commander';
import { Usage } from '../errors.js';
import { print, tell } from '../log.js';
import type { Engine } from '../models/engine.js';
import type { Pixels, Size } from '../models/pixels.js';

interface Row {
  readonly engine: string;
  readonly base: number;
  readonly size: string;
  /** Frames (or styles) a second, medians. */
  readonly transform: number;
  readonly meta: number;
  readonly both: number;
  /** Half the distance between the quartiles of TransformNet's times, as a share of the median. */
  readonly spread: number;
}

interface Options {
  readonly engine?: string[];
  readonly base?: string[];
  readonly size?: string[];
  readonly seconds: string;
  readonly model: string;
  readonly style: string;
  readonly json?: boolean;
}

const quantile = (sorted: readonly number[], share: number) =>
  sorted[Math.floor(share * (sorted.length - 1))]!;

/** Runs `work` for about `budgetMs`, at least three times after one warm-up; sorted milliseconds of each. */
async function time(work: () => Promise<unknown>, budgetMs: number, signal: AbortSignal): Promise<number[]> {
  await work();
  const times: number[] = [];
  const end = performance.now() + budgetMs;
  while (times.length < 3 || (performance.now() < end && times.length < 1000)) {
    signal.throwIfAborted();
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

function drawing({ width, height }: Size): Pixels {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 31 + (i >> 8) * 17) & 255);
  return { data, width, height };
}

function parseSize(text: string): Size {
  const match = text.match(/^(\d{2,4})x(\d{2,4})$/);
  const size = { width: Number(match?.[1]), height: Number(match?.[2]) };
  if (!match || size.width % 4 || size.height % 4 || size.width * size.height > 4096 * 4096)
    throw new Usage(
      `--size ${text} is no size to measure: give WIDTHxHEIGHT, multiples of 4, such as 640x360.`,
    );
  return size;
}

/** The speed test of the seeds (001): MetaNet alone, TransformNet alone, both for every frame. */
async function measure(
  engine: Engine,
  base: number,
  size: Size,
  budgetMs: number,
  signal: AbortSignal,
): Promise<Row> {
  const { transformNet } = await import('../models/nets/transform.js');
  const { metaNet } = await import('../models/nets/metanet.js');
  const { randomWeights } = await import('../models/random-weights.js');
  const transform = transformNet({ base });
  const meta = metaNet(transform);
  await using painter = await engine.painter(transform, randomWeights(transform, 'net'), size);
  await using styler = await engine.styler(meta, randomWeights(meta, 'net'));
  const pixels = drawing(size);
  const picture = drawing({ width: 256, height: 256 });
  using style = await painter.bind(randomWeights(transform, 'style'));

  const painting = await time(() => painter.paint([{ pixels, style }]), budgetMs, signal);
  const styling = await time(() => styler.weights(picture), budgetMs, signal);
  const both = await time(
    async () => {
      using fresh = await painter.bind(await styler.weights(picture));
      await painter.paint([{ pixels, style: fresh }]);
    },
    budgetMs,
    signal,
  );
  const rate = (times: readonly number[]) => 1000 / quantile(times, 0.5);
  return {
    engine: engine.name,
    base,
    size: `${size.width}x${size.height}`,
    transform: rate(painting),
    meta: rate(styling),
    both: rate(both),
    spread: (quantile(painting, 0.75) - quantile(painting, 0.25)) / 2 / quantile(painting, 0.5),
  };
}

const columns = (cells: readonly string[]) =>
  cells.map((cell, i) => (i < 1 ? cell.padEnd(18) : cell.padStart(13))).join('');

const line = (row: Row) =>
  columns([
    row.engine,
    String(row.base),
    row.size,
    row.transform.toFixed(1),
    row.meta.toFixed(1),
    row.both.toFixed(1),
    `±${(100 * row.spread).toFixed(0)} %`,
  ]);

/** Engines that are present, without imitated graphics processors and those that are not meant for speed. */
async function worthMeasuring(): Promise<string[]> {
  const { probeEngines } = await import('../models/engines/index.js');
  return (await probeEngines())
    .filter(({ name, present, software }) => present && !software && !['identity', 'tfjs/cpu'].includes(name))
    .map(({ name }) => name);
}

async function speedTest(options: Options, signal: AbortSignal): Promise<Row[]> {
  const { openEngine } = await import('../models/engines/index.js');
  const bases = (options.base ?? ['8', '16', '32']).map(Number);
  if (!bases.every((base) => Number.isInteger(base) && base >= 2 && base <= 64))
    throw new Usage('--base takes whole numbers from 2 to 64.');
  const sizes = (options.size ?? ['256x256', '640x360']).map(parseSize);
  const budgetMs = 1000 * Number(options.seconds);
  if (!(budgetMs > 0 && budgetMs <= 600_000)) throw new Usage('--seconds takes a number from 0 to 600.');

  const engines = options.engine ?? (await worthMeasuring());
  if (!options.json) print(columns(['engine', 'base', 'size', 'frames/s', 'styles/s', 'both/s', 'spread']));
  const rows: Row[] = [];
  for (const base of bases)
    for (const size of sizes)
      for (const name of engines) {
        signal.throwIfAborted();
        await using engine = await openEngine(name);
        const row = await measure(engine, base, size, budgetMs, signal);
        rows.push(row);
        if (!options.json) print(line(row));
      }
  return rows;
}

/** Paints a file into a temporary one and prints what each stage took. */
async function timeFile(
  file: string,
  { model, style, engine, json }: Options,
  signal: AbortSignal,
): Promise<void> {
  const [{ transcodeFile }, { mkdtemp, rm }, { tmpdir }, { join }] = await Promise.all([
    import('./transcode.js'),
    import('node:fs/promises'),
    import('node:os'),
    import('node:path'),
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-bench-'));
  try {
    const look = { style: [style], strength: 1, model, engine: engine?.[0] ?? 'auto', json };
    const result = await transcodeFile(
      file,
      join(folder, 'painted.mp4'),
      { ...look, media: 'node-av' },
      signal,
    );
    const { output: _, ...rest } = result;
    if (json) return print(JSON.stringify(rest));
    const { frames, fps, seconds, engine: used, width, height, stages } = rest;
    print(
      `${width}x${height}, ${frames} frames in ${seconds.toFixed(1)} s: ${fps.toFixed(1)} frames/s (${model} on ${used})`,
    );
    print('milliseconds per frame; stages overlap, so they do not add up');
    for (const [stage, ms] of Object.entries(stages))
      print(`  ${stage.padEnd(10)}${ms.toFixed(2).padStart(9)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `livebrush bench [file]`: speed of every engine on this machine, or of every stage on a file. */
export const bench = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('bench')
    .summary('measure speed on this machine')
    .description(
      'Without a file: the speed test of the papers, random weights: TransformNet alone (frames/s), MetaNet alone\n' +
        '(styles/s), both for every frame, by medians. With a file: paints it and prints the time of each stage.',
    )
    .argument('[file]', 'a video to time stage by stage')
    .option('--engine <name...>', 'engines to measure (default: all that are present and no toys)')
    .option('--base <number...>', 'widths of the TransformNet (default: 8 16 32)')
    .option('--size <WxH...>', 'picture sizes (default: 256x256 640x360)')
    .option('--seconds <number>', 'time for each measurement', '2')
    .option('--model <name>', 'model, for a file', 'fast')
    .option('--style <style>', 'style, for a file', 'wave')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  livebrush bench\n  livebrush bench --engine onnx/cpu --base 8\n  livebrush bench holiday.mp4',
    )
    .action(async (file: string | undefined, options: Options) => {
      if (file) return timeFile(file, options, signal);
      const { cpus } = await import('node:os');
      const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
      if (!options.json) tell(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`);
      const rows = await speedTest(options, signal);
      if (options.json) print(JSON.stringify({ date: new Date().toISOString(), machine, rows }));
    });
};
