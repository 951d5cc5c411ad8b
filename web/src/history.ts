import type { Stats } from '../../src/server/protocol.js';

/** What the plots show of a second. */
export interface Moment {
  readonly seconds: number;
  readonly fps: number;
  readonly inFps: number;
  readonly latency: number;
  readonly latencyHigh: number;
  /** Milliseconds per frame of each stage. */
  readonly stages: Readonly<Record<string, number>>;
  /** Frames dropped in that second. */
  readonly drops: number;
  /** Milliseconds from the camera to this page's screen, where it is measured. */
  readonly glass: number | null;
}

export const MOMENTS = 120;

export const dropped = (stats: Stats): number =>
  Object.values(stats.frames.dropped).reduce((sum, count) => sum + count, 0);

/** The next moment after a list, oldest first, at most MOMENTS of them. */
export function remember(
  moments: readonly Moment[],
  stats: Stats,
  before: Stats | undefined,
  seconds: number,
  glass: number | null,
): Moment[] {
  const moment: Moment = {
    seconds,
    fps: stats.fps,
    inFps: stats.input.fps,
    latency: stats.latency.p50,
    latencyHigh: stats.latency.p95,
    stages: Object.fromEntries(Object.entries(stats.stages).map(([name, { p50 }]) => [name, p50])),
    drops: before ? Math.max(0, dropped(stats) - dropped(before)) : 0,
    glass,
  };
  return [...moments.slice(1 - MOMENTS), moment];
}
