import type { Asker, Job, SharedPainter } from './asker.js';

/** A call of an engine that is under way. Microseconds of the live clock. */
export interface Call {
  /** When the engine began to work on it, as far as one can tell. */
  began: number;
  readonly expected: number | undefined;
  readonly askers: ReadonlySet<Asker>;
}

/** A call that could be made, and is not full. */
export interface Holding {
  readonly shared: SharedPainter;
  readonly batch: readonly Job[];
  readonly now: number;
  /** Since when it could have been made. */
  readonly since: number;
  /** What the engine is doing meanwhile. */
  readonly running: Call | undefined;
}

/** So long before the engine is free the next call is made, whatever is in it, in microseconds. */
const AHEAD = 2000;

/**
 * Until when a call waits for more pictures. While the engine is busy anyway: nearly until it is not. Else only where
 * someone is expected, no longer than a full call saves, and so that the earliest deadline can still be kept.
 * @returns microseconds of the live clock; a time that is over: not at all.
 */
export function holdUntil({ shared, batch, now, since, running }: Holding): number {
  const { cost, askers } = shared;
  const busy = running ? running.began + (running.expected ?? 0) - AHEAD : Number.NEGATIVE_INFINITY;
  const earliest = Math.min(...batch.map(({ deadline }) => deadline));
  const end = Math.min(since + cost.saved, earliest - (cost.expected(batch.length + 1) ?? 0));
  const comes = [...askers].some((asker) => asker.comesBefore(end, now));
  return comes ? Math.max(busy, end) : busy;
}
