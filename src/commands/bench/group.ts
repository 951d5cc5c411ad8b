import type { Device } from './contenders.js';
import { type Contender, type Outcome, timesAsLong } from './interleave.js';
import { type Difference, showsTheSame } from './picture.js';
import { ratesOf, type Summary } from './statistics.js';
import { digits, NONE, percent, type Table } from './table.js';

/** One contender's line, rates a second. */
export interface Line {
  readonly name: string;
  readonly kind: 'engine' | 'opponent' | 'product';
  /** Milliseconds of a picture or product, of each round. */
  readonly ms?: Summary;
  readonly gflops?: number;
  /** Share of the ceiling of its device, round by round. */
  readonly share?: number;
  /** How many times as long it takes as the fastest engine of ours, round by round. */
  readonly timesAsLong?: number;
  /** Of what it paints, from ONNX Runtime's picture of the net as written, or else the first contender's. */
  readonly difference?: Difference;
  readonly same?: boolean;
  /** Why there are no figures. */
  readonly missing?: string;
}

/** All contenders on one net and size. */
export interface Group {
  readonly base: number;
  readonly size: string;
  /** Useful arithmetic of a picture, in 1e9 floating-point operations. */
  readonly gflop: number;
  /** The fastest dense product on each device, in GFLOP/s. */
  readonly ceilings: Readonly<Partial<Record<Device, number>>>;
  /** The fastest engine of ours. */
  readonly best: string | undefined;
  readonly lines: readonly Line[];
}

/** Someone who takes part in a group, and what came of a look at its picture. */
export interface Entry {
  readonly contender: Contender;
  readonly kind: Line['kind'];
  readonly device: Device;
  readonly flops: number;
  readonly difference?: Difference;
}

const rateOf = (outcome: Outcome, flops: number): number | undefined =>
  outcome.kind === 'measured' ? flops / outcome.ms.median / 1e6 : undefined;

/** The fastest dense product of a device. */
interface Ceiling {
  readonly gflops: number;
  readonly flops: number;
  readonly outcome: Outcome;
}

const gflopsOf = (ceilings: Readonly<Partial<Record<Device, Ceiling>>>): Group['ceilings'] =>
  Object.fromEntries(Object.entries(ceilings).map(([device, { gflops }]) => [device, gflops]));

/** Puts together what is told of a group. Contenders that paint something else take no part in the ranking. */
export function groupOf(
  { base, size, flops }: { readonly base: number; readonly size: string; readonly flops: number },
  entries: readonly Entry[],
  outcomes: readonly Outcome[],
): Group {
  const all = entries.map((entry, i) => ({ ...entry, outcome: outcomes[i]! }));
  const ceilings: Partial<Record<Device, Ceiling>> = {};
  for (const { kind, device, outcome, flops: of } of all) {
    const gflops = kind === 'product' ? rateOf(outcome, of) : undefined;
    if (gflops !== undefined && gflops > (ceilings[device]?.gflops ?? 0))
      ceilings[device] = { gflops, flops: of, outcome };
  }
  const [best] = all
    .filter(({ kind, difference }) => kind === 'engine' && (!difference || showsTheSame(difference)))
    .flatMap(({ contender, outcome }) => (outcome.kind === 'measured' ? [{ contender, outcome }] : []))
    .sort((a, b) => a.outcome.ms.median - b.outcome.ms.median);
  const lines = all.map(({ contender, kind, device, flops: of, difference, outcome }): Line => {
    const ceiling = ceilings[device];
    const about = { name: contender.name, kind };
    if (outcome.kind !== 'measured') return { ...about, missing: `${outcome.kind}: ${outcome.why}` };
    const gflops = rateOf(outcome, of)!;
    const slower = ceiling && timesAsLong(outcome, ceiling.outcome);
    const times = kind !== 'product' && best ? timesAsLong(best.outcome, outcome) : undefined;
    return {
      ...{ ...about, ms: outcome.ms, gflops },
      ...(ceiling && slower ? { share: (of / ceiling.flops) * slower } : {}),
      ...(times === undefined ? {} : { timesAsLong: times }),
      ...(difference ? { difference, same: showsTheSame(difference) } : {}),
    };
  });
  return {
    ...{ base, size, gflop: flops / 1e9, ceilings: gflopsOf(ceilings) },
    ...{ best: best?.contender.name, lines },
  };
}

const columns = [
  'contender',
  'a second',
  'quartiles',
  'ms',
  'fastest',
  'GFLOP/s',
  'of the ceiling',
  'our best is × as fast',
  'apart: largest, mean',
];

function cells({ name, ms, gflops, share, timesAsLong: times, difference, same, missing }: Line): string[] {
  if (!ms) return [`${name} (${missing})`, ...columns.slice(1).map(() => NONE)];
  const rate = ratesOf(ms);
  const apart = difference && `${difference.max}, ${difference.mean.toFixed(4)}${same ? '' : ' (another!)'}`;
  return [
    ...[
      name,
      digits(rate.median),
      `${digits(rate.q1)}–${digits(rate.q3)}`,
      digits(ms.median),
      digits(ms.least),
    ],
    ...[digits(gflops ?? 0), share === undefined ? NONE : percent(share)],
    ...[times === undefined ? NONE : times.toFixed(2), apart ?? NONE],
  ];
}

/** A group as a table. */
export const tableOf = ({ base, size, gflop, lines }: Group): Table => ({
  title: `base ${base}, ${size}, ${digits(gflop)} GFLOP a picture`,
  columns,
  rows: lines.map(cells),
});
