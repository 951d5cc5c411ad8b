import { join } from 'node:path';
import { folders } from '../../config.js';
import { Unsupported } from '../../errors.js';
import { log } from '../../log.js';
import type { Engine } from '../engine.js';
import type { Model } from '../model.js';
import { type Pixels, paddedSize, type Size } from '../pixels.js';
import { randomWeights } from '../random-weights.js';
import { engineNames, openEngine, probeEngines } from './index.js';
import { measurementKey, recall, remember } from './measurements.js';
import type { EngineProbe } from './probe.js';
import { gapOf, provingPicture } from './proof.js';
import { leastSide } from './shapes.js';

/** What a measurement opens engines with, and what ends it. */
export interface AutoOptions {
  readonly probe?: () => Promise<EngineProbe[]>;
  readonly open?: (name: string) => Promise<Engine>;
  /** Where measurements are remembered. */
  readonly file?: string;
  readonly signal?: AbortSignal;
}

/** Pictures are measured at no more pixels than this: enough that starting a frame does not count for much. */
const MOST_PIXELS = 320 * 180;
const FRAMES = 5;
/** After this long no further frame of an engine is begun. */
const BUDGET_MS = 2000;

/** Engines whose pictures others are held against, the first that is here: they run on every processor we know. */
const trusted = ['onnx/cpu', 'tfjs/wasm', 'tfjs/cpu'];
/**
 * Mean difference, of 255, that the picture of another may have. With weights of chance bfloat16 has up to 1.8; a
 * driver that computes wrongly paints something else altogether.
 */
const MOST_APART = 8;

const doctor = 'Run: livebrush doctor';

interface Remembering {
  readonly file: string;
  readonly key: string;
}

/** What of a model a measurement needs. */
type AutoModel = Pick<Model, 'transform' | 'base'>;

/** The size to measure at: the shape of the pictures to come, reduced, fit for the net. */
function measuredSize({ transform }: AutoModel, { width, height }: Size): Size {
  const share = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  const reduced = { width: Math.round(width * share), height: Math.round(height * share) };
  return paddedSize(reduced, transform.stride, leastSide(transform));
}

/** What was seen of an engine: pictures a second, and what it painted. */
interface Trial {
  readonly framesPerSecond: number;
  readonly painted: Pixels;
}

/** Tries one engine, by its fastest call: what others do on the machine meanwhile only slows it. */
async function measure(engine: Engine, model: AutoModel, size: Size): Promise<Trial> {
  await using painter = await engine.painter(model.transform, model.base, size);
  using style = await painter.bind(randomWeights(model.transform, 'style'));
  const pixels = () => provingPicture(size);
  let painted: Pixels | undefined;
  let bestMs = Number.POSITIVE_INFINITY;
  const start = performance.now();
  for (let i = 0; i < FRAMES && (i === 0 || performance.now() - start < BUDGET_MS); i++) {
    const batch = Array.from({ length: engine.lanes }, () => ({ pixels: pixels(), style }));
    const before = performance.now();
    [painted] = await painter.paint(batch);
    bestMs = Math.min(bestMs, performance.now() - before);
  }
  return { framesPerSecond: (1000 * engine.lanes) / Math.max(bestMs, 1e-3), painted: painted! };
}

/** Engines worth measuring: those present, and of those not the ones that only imitate. */
function candidates(probes: readonly EngineProbe[]): string[] {
  const present = probes.filter(({ present, name }) => present && name !== 'identity');
  const quick = present.filter(({ software, name }) => !software && name !== 'tfjs/cpu');
  return (quick.length > 0 ? quick : present).map(({ name }) => name);
}

/** Pictures a second of each engine that can be trusted to paint what it shall. */
async function measureAll(
  names: readonly string[],
  model: AutoModel,
  size: Size,
  { open = openEngine, signal }: AutoOptions,
): Promise<Record<string, number>> {
  const trials = new Map<string, Trial>();
  for (const name of names) {
    signal?.throwIfAborted();
    try {
      await using engine = await open(name);
      trials.set(name, await measure(engine, model, size));
    } catch (error) {
      log.warn({ engine: name, err: error }, 'an engine failed while it was measured and is left out');
    }
  }
  const reference = trusted.find((name) => trials.has(name));
  const right = [...trials].filter(([name, { painted }]) => {
    const { mean } = reference ? gapOf(trials.get(reference)!.painted, painted) : { mean: 0 };
    if (mean > MOST_APART)
      log.warn(
        { engine: name, reference, mean },
        'an engine paints other pictures than it shall and is left out',
      );
    return mean <= MOST_APART;
  });
  return Object.fromEntries(right.map(([name, { framesPerSecond }]) => [name, framesPerSecond]));
}

/** Finds the fastest engine anew and remembers it. @throws Unsupported */
async function choose(model: AutoModel, size: Size, options: AutoOptions, remembering: Remembering) {
  const probe = options.probe ?? (() => probeEngines(engineNames.filter((name) => name !== 'identity')));
  const names = candidates(await probe());
  const [only, ...others] = names;
  if (!only) throw new Unsupported('No engine works on this machine.', { hint: doctor });
  const framesPerSecond = others.length > 0 ? await measureAll(names, model, size, options) : {};
  const [best] = Object.entries(framesPerSecond).sort(([, a], [, b]) => b - a);
  if (others.length > 0 && !best)
    throw new Unsupported('Every engine failed on this machine.', { hint: doctor });
  const engine = best?.[0] ?? only;
  log.info({ engine, framesPerSecond, size }, 'chose the fastest engine');
  await remember(remembering.file, remembering.key, { engine, framesPerSecond, measuredAt: Date.now() });
  return engine;
}

/**
 * Opens the engine that paints a model's pictures fastest on this machine, by measurement; the measurement is
 * remembered, and none is made where only one engine is present.
 * @throws Unsupported when no engine works here.
 */
export async function fastestEngine(
  model: AutoModel,
  size: Size,
  options: AutoOptions = {},
): Promise<Engine> {
  const { open = openEngine, signal } = options;
  const reduced = measuredSize(model, size);
  const { name, nodes } = model.transform;
  const remembering = {
    file: options.file ?? join(folders.cache, 'engines.json'),
    key: measurementKey([name, nodes.length, reduced, engineNames]),
  };
  const remembered = (await recall(remembering.file, remembering.key))?.engine;
  if (remembered && (engineNames as readonly string[]).includes(remembered))
    try {
      return await open(remembered);
    } catch (error) {
      log.info({ engine: remembered, err: error }, 'the engine that was fastest does not open any more');
    }
  signal?.throwIfAborted();
  return open(await choose(model, reduced, options, remembering));
}
