import { Unsupported } from '../../errors.js';
import type { Engine, Painter } from '../../models/engine.js';
import type { EngineName, EngineProbe } from '../../models/engines/index.js';
import { type NetSpec, netParams, styleParams } from '../../models/net.js';
import type { Pixels } from '../../models/pixels.js';
import type { Weights } from '../../models/weights.js';
import type { Contender } from './interleave.js';

/** A net with all its weights, and the picture to paint: the same for all who take part. */
export interface Task {
  /** The net as one style's own: opponents may treat all weights as constants. */
  readonly net: NetSpec;
  /** The same net for any style, as ours always paint: the weights of a style come at last. */
  readonly styled: NetSpec;
  readonly base: number;
  readonly weights: Weights;
  readonly pixels: Pixels;
}

/** A contender that has painted, so that what it paints can be compared. */
export interface Painting extends Contender, AsyncDisposable {
  /** What it paints of the task's picture: planar RGB. */
  picture(): Promise<Uint8Array>;
}

/** Whose dense product is the ceiling of a contender. */
export type Device = 'processor' | 'graphics processor';

/** Whatever can take part in a comparison, for all its tasks. */
export interface Rival extends AsyncDisposable {
  readonly name: string;
  /** One of our engines, or something to hold them against. */
  readonly kind: 'engine' | 'opponent';
  readonly device: Device;
  open(task: Task): Promise<Painting>;
  /** The product of two dense float32 matrices, if it computes them fast. */
  product?(): Promise<Contender & AsyncDisposable & { readonly flops: number }>;
}

/** What an engine computes on; of native TensorFlow only a look at it tells. */
async function deviceOf({ name }: Engine): Promise<Device> {
  if (/\/(webgpu|cuda)/.test(name)) return 'graphics processor';
  if (name !== 'tfjs/tensorflow') return 'processor';
  const { probeEngines } = await import('../../models/engines/index.js');
  const [probe] = await probeEngines([name]);
  return probe?.device?.startsWith('CUDA') ? 'graphics processor' : 'processor';
}

/** Calls that each lane of an engine gets in a run: none waits long for the last one of another. */
const EACH_LANE = 2;

/** Whether an engine gains by having more than one picture to paint. */
export const takesMany = ({ lanes, batch = 1 }: Engine): boolean => lanes > 1 || batch > 1;

/** What an engine is given in a run to be at its best: so many calls at the same time of so many pictures each. */
export const loadOf = (engine: Engine, { batch = 1 }: Painter): { calls: number; pictures: number } => ({
  calls: takesMany(engine) ? EACH_LANE * engine.lanes : 1,
  pictures: batch,
});

function howOf({ lanes, batch = 1 }: Engine, single: boolean): string {
  if (single) return 'one picture at a time';
  const together = batch > 1 ? `up to ${batch} pictures a call` : '';
  const beside = `${lanes} ${batch > 1 ? 'calls' : 'pictures'} side by side`;
  return [together, ...(lanes > 1 ? [beside] : [])].filter(Boolean).join(', ');
}

/** One of our engines, at its work: as many pictures at a time as it gains by, or a `single` one. */
export async function ourRival(engine: Engine, single = false): Promise<Rival> {
  const name = takesMany(engine) ? `${engine.name}, ${howOf(engine, single)}` : engine.name;
  return {
    name,
    kind: 'engine',
    device: await deviceOf(engine),
    async open({ styled, weights, pixels }) {
      const of = (names: readonly string[]) => new Map(names.map((name) => [name, weights.get(name)!]));
      const lanes = single ? 1 : engine.lanes;
      const painter = await engine.painter(styled, of(netParams(styled)), pixels, { lanes });
      const style = await painter.bind(of(styleParams(styled)));
      const { calls, pictures } = single ? { calls: 1, pictures: 1 } : loadOf(engine, painter);
      const batch = Array.from({ length: pictures }, () => ({ pixels, style }));
      return {
        name,
        pieces: calls * pictures,
        async run() {
          await Promise.all(Array.from({ length: calls }, () => painter.paint(batch)));
          return undefined;
        },
        picture: async () => (await painter.paint([{ pixels, style }]))[0]!.data,
        async [Symbol.asyncDispose]() {
          style[Symbol.dispose]();
          await painter[Symbol.asyncDispose]();
        },
      };
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** Engines that are not meant for speed, and why they are left out unless asked for. */
const toys: Readonly<Record<string, string>> = {
  identity: 'it paints nothing',
  'tfjs/cpu': 'it is for checking results',
};

const leftOut = ({ name, software, present, why }: EngineProbe): string | undefined => {
  if (!present) return why ?? 'it is not here';
  return toys[name] ?? (software ? 'its graphics processor is imitated by the processor' : undefined);
};

/**
 * The engines to measure: those asked for, or all that are present and worth it; the others are told of.
 * @throws Usage, Unsupported when one that was asked for cannot be had.
 */
export async function openEngines(
  asked: readonly string[] | undefined,
  note: (line: string) => void,
): Promise<Engine[]> {
  const { openEngine, probeEngines } = await import('../../models/engines/index.js');
  const names = asked ?? (await worthMeasuring(await probeEngines(), note));
  const opened: Engine[] = [];
  try {
    for (const name of names) opened.push(await openEngine(name));
    return opened;
  } catch (error) {
    for (const engine of opened) await engine[Symbol.asyncDispose]();
    throw error;
  }
}

function worthMeasuring(probes: readonly EngineProbe[], note: (line: string) => void): EngineName[] {
  for (const probe of probes) {
    const why = leftOut(probe);
    if (why) note(`left out: ${probe.name} (${why})`);
  }
  return probes.filter((probe) => !leftOut(probe)).map(({ name }) => name as EngineName);
}

/** What to hold the engines against, by name. A new one is a line here. */
const opponents: Readonly<
  Record<string, (options: { readonly python?: string; readonly signal: AbortSignal }) => Promise<Rival[]>>
> = {
  onnxruntime: async () => [await (await import('./onnxruntime.js')).openOnnxRuntime()],
  pytorch: async (options) => (await import('./torch.js')).openTorch(options),
};
export const opponentNames = Object.keys(opponents);

/** Opens those that are here; the others are told of, or wanted by name and then an error. @throws Unsupported */
export async function openOpponents(
  asked: readonly string[] | undefined,
  options: { readonly python?: string; readonly signal: AbortSignal; readonly note: (line: string) => void },
): Promise<Rival[]> {
  const rivals: Rival[] = [];
  for (const name of asked ?? opponentNames) {
    const open = opponents[name];
    if (!open) continue;
    try {
      rivals.push(...(await open(options)));
    } catch (error) {
      if (asked || !(error instanceof Unsupported)) {
        for (const rival of rivals) await rival[Symbol.asyncDispose]();
        throw error;
      }
      options.note(`left out: ${name} (${error.message}${error.hint ? ` ${error.hint}` : ''})`);
    }
  }
  return rivals;
}
