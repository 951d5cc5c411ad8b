import type { Engine } from '../../models/engine.js';
import type { Size } from '../../models/pixels.js';
import { loadOf, openEngines } from './contenders.js';
import { type Contender, interleave, type Outcome } from './interleave.js';
import { type Bench, inWords, type Part } from './part.js';
import { drawing } from './picture.js';
import { ratesOf } from './statistics.js';
import { digits, NONE, type Table } from './table.js';

const defaults = { bases: [8, 16, 32], sizes: ['256x256', '640x360'], seconds: 10 };
const tests = ['transform', 'meta', 'both'] as const;

interface Row {
  readonly engine: string;
  readonly base: number;
  readonly size: string;
  /** Frames or styles a second, medians; what could not be measured is missing. */
  readonly transform?: number;
  readonly meta?: number;
  readonly both?: number;
  /** Half the distance between the quartiles of TransformNet's rate, as a share of the median. */
  readonly spread?: number;
  readonly missing?: string;
}

/** TransformNet alone, MetaNet alone, both for every frame: opened, to be measured in turn. */
async function open(engine: Engine, base: number, size: Size) {
  const [{ transformNet }, { metaNet }, { randomWeights }] = await Promise.all([
    import('../../models/nets/transform.js'),
    import('../../models/nets/metanet.js'),
    import('../../models/random-weights.js'),
  ]);
  const transform = transformNet({ base });
  const meta = metaNet(transform);
  const painter = await engine.painter(transform, randomWeights(transform, 'net'), size);
  const styler = await engine.styler(meta, randomWeights(meta, 'net'));
  const style = await painter.bind(randomWeights(transform, 'style'));
  const [pixels, picture] = [drawing(size), drawing({ width: 256, height: 256 }, 2)];
  const { calls, pictures } = loadOf(engine, painter);
  const batch = Array.from({ length: pictures }, () => ({ pixels, style }));
  const atOnce = (times: number, work: () => Promise<unknown>) => () =>
    Promise.all(Array.from({ length: times }, work));
  const work: Record<(typeof tests)[number], () => Promise<unknown>> = {
    transform: atOnce(calls, () => painter.paint(batch)),
    meta: atOnce(calls, () => styler.weights(picture)),
    both: atOnce(calls, async () => {
      using fresh = await painter.bind(await styler.weights(picture));
      await painter.paint([{ pixels, style: fresh }]);
    }),
  };
  const contenders = tests.map(
    (name): Contender => ({
      name,
      pieces: name === 'transform' ? calls * pictures : calls,
      run: async () => void (await work[name]()) as undefined,
    }),
  );
  return {
    contenders,
    async [Symbol.asyncDispose]() {
      style[Symbol.dispose]();
      await styler[Symbol.asyncDispose]();
      await painter[Symbol.asyncDispose]();
    },
  };
}

/** The line of an engine. */
function rowOf(about: Pick<Row, 'engine' | 'base' | 'size'>, outcomes: readonly Outcome[]): Row {
  const rates = outcomes.map((outcome) => (outcome.kind === 'measured' ? ratesOf(outcome.ms) : undefined));
  const [transform, meta, both] = rates;
  const [lost] = outcomes.flatMap((outcome) => (outcome.kind === 'measured' ? [] : [outcome]));
  return {
    ...{ ...about, transform: transform?.median, meta: meta?.median, both: both?.median },
    ...(transform ? { spread: (transform.q3 - transform.q1) / 2 / transform.median } : {}),
    ...(lost ? { missing: `${lost.kind}: ${lost.why}` } : {}),
  };
}

const tableOf = (rows: readonly Row[]): Table => ({
  title:
    'TransformNet alone, MetaNet alone, both for every frame; random weights, those of the style as inputs',
  columns: ['engine', 'base', 'size', 'frames/s', 'styles/s', 'both/s', 'spread'],
  rows: rows.map(({ engine, base, size, spread, missing, ...rates }) => [
    ...[missing ? `${engine} (${missing})` : engine, String(base), size],
    ...tests.map((test) => (rates[test] === undefined ? NONE : digits(rates[test]))),
    spread === undefined ? NONE : `±${(100 * spread).toFixed(0)} %`,
  ]),
});

async function measure(
  engine: Engine,
  base: number,
  size: Size,
  budgetMs: number,
  bench: Bench,
): Promise<Row> {
  const about = { engine: engine.name, base, size: inWords(size) };
  bench.note(`${engine.name}, base ${base}, ${inWords(size)} …`);
  await using opened = await open(engine, base, size);
  return rowOf(about, await interleave(opened.contenders, { budgetMs, signal: bench.signal }));
}

/** The speed test of the papers (seed 001): one engine after the other, the three parts of each in turn. */
export const nets: Part = async (bench) => {
  const { options, signal } = bench;
  const { parseSize } = await import('./options.js');
  const budgetMs = 1000 * (options.seconds ?? defaults.seconds);
  const engines = await openEngines(options.engine, bench.note);
  const rows: Row[] = [];
  try {
    for (const base of options.base ?? defaults.bases)
      for (const size of options.size ?? defaults.sizes.map(parseSize))
        for (const engine of engines) {
          signal.throwIfAborted();
          rows.push(await measure(engine, base, size, budgetMs, bench));
        }
  } finally {
    for (const engine of engines) await engine[Symbol.asyncDispose]();
  }
  bench.show(tableOf(rows));
  return { rows };
};
