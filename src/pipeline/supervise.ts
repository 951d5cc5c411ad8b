import { setTimeout as sleep } from 'node:timers/promises';

/** How often and how far apart to try again. */
export interface Persistence {
  /** Milliseconds before the first try again; each further one waits twice as long. */
  readonly firstMs?: number;
  readonly mostMs?: number;
  /** Tries in a row that may fail; left out: no end. */
  readonly tries?: number;
  /** Work that lasted this long has succeeded for a while: the waiting starts over. */
  readonly lastedMs?: number;
  readonly signal: AbortSignal;
  /** Told of each failure, before the wait. */
  readonly onRetry?: (error: unknown, waitMs: number) => void;
}

/**
 * The only retry: does `work` until it ends by itself or the signal aborts, again whenever it throws, with growing
 * waits that vary by chance so that many do not come back at once.
 * @throws what the last try threw, when no more are left.
 */
export async function supervise(
  work: (signal: AbortSignal) => Promise<void>,
  options: Persistence,
): Promise<void> {
  const {
    firstMs = 300,
    mostMs = 7000,
    tries = Number.POSITIVE_INFINITY,
    lastedMs = 10_000,
    signal,
  } = options;
  let failed = 0;
  while (!signal.aborted) {
    const began = performance.now();
    try {
      return await work(signal);
    } catch (error) {
      if (signal.aborted) return;
      failed = performance.now() - began > lastedMs ? 1 : failed + 1;
      if (failed >= tries) throw error;
      const waitMs = Math.min(mostMs, firstMs * 2 ** (failed - 1)) * (0.75 + Math.random() / 2);
      options.onRetry?.(error, waitMs);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
