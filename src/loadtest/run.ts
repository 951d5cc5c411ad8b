import { availableParallelism, cpus, loadavg } from 'node:os';
import { Interrupted } from '../errors.js';
import type { ServerInfo } from '../server/protocol.js';
import { Crowd } from './crowd.js';
import { round } from './figures.js';
import { prepareLoop } from './loop.js';
import { Measurement } from './measurement.js';
import type { LoadEvents, LoadOptions, LoadResult } from './result.js';
import { Target } from './target.js';
import { pause } from './wish.js';

const TICK_MS = 1000;

/** This machine, and how busy it was before anything was measured. */
const machineOf = (): LoadResult['machine'] => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  ...{ cores: availableParallelism(), node: process.version },
  loadBefore: loadavg().map((load) => round(load, 2)),
});

/** Styles that streams are to be painted in: those asked for, at least two where they are to change. */
async function stylesOf({ styles, switchEvery }: LoadOptions, target: Target): Promise<string[]> {
  if (styles === undefined && switchEvery === undefined) return [];
  return target.pickStyles(styles ?? 2);
}

/**
 * Plays publishers and viewers against a server and measures what becomes of their pictures. An abort while it measures
 * ends it early, with what was measured until then; whatever happens, all sessions are ended.
 * @throws Denied, NotFound (style), BadInput (no server of ours), Unsupported, LivebrushError (not reachable),
 * Interrupted before anything was measured.
 */
export async function loadTest(
  options: LoadOptions,
  events: LoadEvents,
  signal: AbortSignal,
): Promise<LoadResult> {
  const machine = machineOf();
  const target = new Target({ url: options.url, token: options.token }, signal);
  const info = await target.info();
  const styles = await stylesOf(options, target);
  events.step('drawing and encoding the pictures that publishers send');
  const loop = await prepareLoop(options, signal);
  const crowd = new Crowd(target, options);
  try {
    events.step(`connecting ${options.publishers} publishers and ${options.viewers} viewers`);
    await crowd.publish(loop, signal);
    await crowd.dress(styles, signal);
    if (crowd.publishers.length > 0) await crowd.watch(signal);
    if (crowd.publishers.length > 0) await pause(1000 * options.warmup, signal);
    return await measure({ machine, target, crowd, options, info, events, signal });
  } finally {
    await crowd.leave(info.role);
  }
}

interface Parts {
  readonly machine: LoadResult['machine'];
  readonly target: Target;
  readonly crowd: Crowd;
  readonly options: LoadOptions;
  readonly info: ServerInfo;
  readonly events: LoadEvents;
  readonly signal: AbortSignal;
}

async function measure(parts: Parts): Promise<LoadResult> {
  const { target, crowd, options, events, signal } = parts;
  const measurement = await Measurement.begin(crowd, target);
  const end = performance.now() + 1000 * (crowd.publishers.length > 0 ? options.seconds : 0);
  try {
    for (let left = end - performance.now(); left > 0; left = end - performance.now()) {
      await pause(Math.min(TICK_MS, left), signal);
      events.now({ ...measurement.now(), of: options.seconds });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    if (measurement.seconds < 0.5) throw signal.reason ?? new Interrupted();
  }
  return measurement.end(parts, signal.aborted);
}
