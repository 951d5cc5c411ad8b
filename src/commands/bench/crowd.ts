import type { Bound, Engine } from '../../models/engine.js';
import type { NetSpec } from '../../models/net.js';
import type { Size } from '../../models/pixels.js';
import { randomWeights } from '../../models/random-weights.js';
import type { Weights } from '../../models/weights.js';
import { Batcher, type LeasedPainter } from '../../pipeline/batcher.js';
import { Schedule } from '../../pipeline/schedule.js';
import type { Contender, Outcome } from './interleave.js';
import { timesAsLong } from './interleave.js';
import { drawing } from './picture.js';
import { ratesOf } from './statistics.js';
import { digits, NONE, percent, type Table } from './table.js';

/** Pictures that a contender paints before it is measured, so that all its styles have been used. */
const SETTLE = 32;

/**
 * Streams that paint through one batcher, each as fast as it gets its pictures back: one at a time, or as many as fill
 * the engine where there are fewer streams.
 */
export interface Crowd {
  readonly name: string;
  readonly streams: number;
  /** The styles that a stream has, in turn one for each frame. */
  readonly stylesOf: (stream: number) => readonly Weights[];
  /** Whether weights are bound anew for each frame, as while one style fades into another. */
  readonly rebinds?: boolean;
}

/** Random weights of a style, the same for the same number. */
export const styleOf = (net: NetSpec, number: number): Weights => randomWeights(net, 'style', number + 2);

interface Stream {
  readonly painter: LeasedPainter;
  readonly bound: readonly Bound[];
  readonly styles: readonly Weights[];
  frame: number;
}

/** A crowd ready to paint: one run is `frames` of all streams together. */
export interface OpenedCrowd extends Contender, AsyncDisposable {
  readonly frames: number;
}

/** Opens a crowd whose runs have about so many frames. */
export async function openCrowd(
  crowd: Crowd,
  { engine, net, size, frames }: { engine: Engine; net: NetSpec; size: Size; frames: number },
): Promise<OpenedCrowd> {
  const schedule = new Schedule({ lanes: engine.lanes });
  const batcher = new Batcher((wanted) => engine.painter(net, randomWeights(net, 'net'), wanted), {
    schedule,
  });
  const streams: Stream[] = [];
  const pixels = drawing(size);
  for (let i = 0; i < crowd.streams; i++) {
    const painter = await batcher.lease(size);
    const styles = crowd.stylesOf(i);
    const bound: Bound[] = [];
    for (const style of styles) bound.push(await painter.bind(style));
    streams.push({ painter, bound, styles, frame: 0 });
  }
  const paintOne = async (stream: Stream) => {
    const turn = stream.frame++ % stream.bound.length;
    if (!crowd.rebinds) {
      await stream.painter.paint([{ pixels, style: stream.bound[turn]! }]);
      return;
    }
    using fresh = await stream.painter.bind(stream.styles[turn]!);
    await stream.painter.paint([{ pixels, style: fresh }]);
  };
  const atOnce = Math.max(1, ...streams.map(({ painter }) => Math.ceil(painter.fill / crowd.streams)));
  const paint = (count: number) =>
    Promise.all(
      streams.map(async (stream) => {
        let left = count;
        const paintOn = async () => {
          while (left-- > 0) await paintOne(stream);
        };
        await Promise.all(Array.from({ length: atOnce }, paintOn));
      }),
    );
  const each = Math.max(1, Math.round(frames / crowd.streams));
  await paint(Math.ceil(SETTLE / crowd.streams));
  return {
    name: crowd.name,
    frames: each * crowd.streams,
    async run() {
      await paint(each);
      return undefined;
    },
    async [Symbol.asyncDispose]() {
      for (const { bound, painter } of streams) {
        for (const one of bound) one[Symbol.dispose]();
        await painter[Symbol.asyncDispose]();
      }
    },
  };
}

/** A line of figures about a crowd; `share` is its throughput as a share of the one it is held against. */
export interface CrowdLine {
  readonly name: string;
  readonly fps?: number;
  readonly quartiles?: readonly [number, number];
  readonly against?: string;
  readonly share?: number;
  readonly missing?: string;
}

/** A crowd as it is told of: `against` names the one that its throughput is held against. */
export interface Measured {
  readonly name: string;
  /** In one run. */
  readonly frames: number;
  readonly against?: string;
  readonly outcome: Outcome;
}

/** What came of each crowd. */
export function linesOf(all: readonly Measured[]): CrowdLine[] {
  return all.map(({ name, frames, against, outcome }) => {
    if (outcome.kind !== 'measured') return { name, missing: `${outcome.kind}: ${outcome.why}` };
    const { median, q1, q3 } = ratesOf(outcome.ms);
    const other = all.find((crowd) => crowd.name === against);
    const times = other && timesAsLong(outcome, other.outcome);
    return {
      ...{ name, fps: frames * median, quartiles: [frames * q1, frames * q3] as const },
      ...(other && times !== undefined ? { against, share: (times * frames) / other.frames } : {}),
    };
  });
}

/** Lines about crowds as a table. */
export const tableOf = (title: string, lines: readonly CrowdLine[]): Table => ({
  title,
  columns: ['', 'frames/s', 'quartiles', 'share', 'of'],
  rows: lines.map(({ name, fps, quartiles, share, against, missing }) => [
    ...[missing ? `${name} (${missing})` : name, fps === undefined ? NONE : digits(fps)],
    quartiles ? quartiles.map(digits).join('–') : NONE,
    ...[share === undefined ? NONE : percent(share), against ?? NONE],
  ]),
});
