import type { Engine } from '../../models/engine.js';
import { transformNet } from '../../models/nets/transform.js';
import type { Size } from '../../models/pixels.js';
import { flopsOf } from './arithmetic.js';
import { openOpponents, ourRival } from './contenders.js';
import { type Contender, interleave, type Outcome, timesAsLong } from './interleave.js';
import { openOneEngine } from './one-engine.js';
import { type Bench, inWords, type Part } from './part.js';
import { digits, NONE, percent, type Table } from './table.js';
import { taskOf } from './task.js';

const seconds = 30;
const compact = ['256x256', '320x180', '640x360', '960x540', '1280x720'];
const full = [...compact, '1920x1080'];

interface Line {
  readonly size: string;
  readonly ms?: number;
  readonly fps?: number;
  /** Milliseconds for a million pixels. */
  readonly msPerMegapixel?: number;
  readonly gflops?: number;
  readonly share?: number;
  readonly missing?: string;
}

/** The dense product that was measured between the sizes. */
interface Dense {
  readonly outcome: Outcome;
  readonly flops: number;
}

function lineOf(size: Size, flops: number, outcome: Outcome, dense: Dense | undefined): Line {
  if (outcome.kind !== 'measured') return { size: inWords(size), missing: `${outcome.kind}: ${outcome.why}` };
  const ms = outcome.ms.median;
  const gflops = flops / ms / 1e6;
  const slower = dense && timesAsLong(outcome, dense.outcome);
  return {
    ...{ size: inWords(size), ms, fps: 1000 / ms, gflops },
    msPerMegapixel: (ms * 1e6) / (size.width * size.height),
    ...(slower ? { share: (flops / dense.flops) * slower } : {}),
  };
}

const tableOf = (title: string, lines: readonly Line[]): Table => ({
  title,
  columns: ['size', 'frames/s', 'ms', 'ms a megapixel', 'GFLOP/s', 'of the ceiling'],
  rows: lines.map(({ size, missing, share, ...figures }) => [
    missing ? `${size} (${missing})` : size,
    ...[figures.fps, figures.ms, figures.msPerMegapixel, figures.gflops].map((figure) =>
      figure === undefined ? NONE : digits(figure),
    ),
    share === undefined ? NONE : percent(share),
  ]),
});

/** One base at all sizes, in turn, and the dense product between them. */
async function measure(engine: Engine, base: number, sizes: readonly Size[], bench: Bench) {
  const { options, signal } = bench;
  const rival = await ourRival(engine);
  const opened: (Contender & AsyncDisposable)[] = [];
  try {
    for (const size of sizes) opened.push(await rival.open(taskOf(base, size)));
    const wanted = options.against?.includes('none') ? [] : ['onnxruntime'];
    const [runtime] = await openOpponents(wanted, { signal, note: bench.note });
    const product = rival.device === runtime?.device ? await runtime?.product?.() : undefined;
    if (product) opened.push(product);
    const budgetMs = 1000 * (options.seconds ?? seconds);
    const outcomes = await interleave(opened, { budgetMs, signal });
    const dense = product && { outcome: outcomes.at(-1)!, flops: product.flops };
    const net = transformNet({ base });
    return sizes.map((size, i) => lineOf(size, flopsOf(net, size), outcomes[i]!, dense));
  } finally {
    for (const one of opened) await one[Symbol.asyncDispose]();
  }
}

/** How the time of a picture grows with its size. */
export const sizes: Part = async (bench) => {
  const { options, signal } = bench;
  const { parseSize } = await import('./options.js');
  const wanted = options.size ?? (options.full ? full : compact).map(parseSize);
  await using engine = await openOneEngine(bench, wanted[0]!);
  const groups: { engine: string; base: number; lines: Line[] }[] = [];
  for (const base of options.base ?? [8]) {
    signal.throwIfAborted();
    bench.note(`${engine.name}, base ${base} …`);
    const lines = await measure(engine, base, wanted, bench);
    groups.push({ engine: engine.name, base, lines });
    bench.show(tableOf(`picture sizes: ${engine.name}, base ${base}`, lines));
  }
  return { groups };
};
