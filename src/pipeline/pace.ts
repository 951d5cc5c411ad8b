import { setTimeout as sleep } from 'node:timers/promises';
import { liveNow } from './live.js';

/** More behind than this, and what was missed is left out, in microseconds. */
const MOST_BEHIND = 200_000;

/** Yields the live times at which to draw the next picture, as they come, until `signal` aborts. */
export async function* ticks(fps: number, signal: AbortSignal): AsyncGenerator<number, void> {
  const step = 1e6 / fps;
  let next = liveNow();
  while (!signal.aborted) {
    const early = next - liveNow();
    if (early > 500) await sleep(early / 1000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    yield Math.round(next);
    next += step;
    const late = liveNow() - next;
    if (late > MOST_BEHIND) next += Math.ceil(late / step) * step;
  }
}
