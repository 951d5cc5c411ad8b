import type { Bound, Painter } from '../models/engine.js';
import type { Pixels, Size } from '../models/pixels.js';

interface Job {
  readonly pixels: Pixels;
  readonly style: Bound;
  resolve(painted: Pixels): void;
  reject(error: unknown): void;
}

/** Pictures in one call of an engine: more wait for the next call. */
const MAX_BATCH = 8;

/** One engine's painter for one size, with the queues of all who lease it. */
class Shared {
  readonly queues = new Map<object, Job[]>();
  #running: Promise<void> | undefined;

  constructor(readonly painter: Painter) {}

  /** Queues jobs; what is queued within the same tick is painted in the same call. */
  add(lease: object, job: Job): void {
    const queue = this.queues.get(lease);
    if (queue) queue.push(job);
    else this.queues.set(lease, [job]);
    this.#running ??= this.#drain();
  }

  /** The next batch, round by round: everyone's oldest, then everyone's second, and so on. */
  #take(): Job[] {
    const batch: Job[] = [];
    while (batch.length < MAX_BATCH && this.queues.size > 0) {
      for (const [lease, queue] of [...this.queues]) {
        if (batch.length === MAX_BATCH) break;
        batch.push(queue.shift()!);
        // Whoever was served goes to the end of the line.
        this.queues.delete(lease);
        if (queue.length > 0) this.queues.set(lease, queue);
      }
    }
    return batch;
  }

  async #drain(): Promise<void> {
    await Promise.resolve();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      try {
        const painted = await this.painter.paint(batch);
        for (const [i, job] of batch.entries()) job.resolve(painted[i]!);
      } catch (error) {
        for (const job of batch) job.reject(error);
      }
    }
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.#running;
    await this.painter[Symbol.asyncDispose]();
  }
}

interface Entry {
  readonly shared: Promise<Shared>;
  leases: number;
}

/**
 * One engine for all sessions: a painter per size, opened by the first who needs it, closed by the last who returns
 * it. Paint requests of one tick become one batch; calls of one painter follow each other.
 */
export class Batcher {
  readonly #entries = new Map<string, Entry>();

  /** @param open an engine's painter of one net. */
  constructor(readonly open: (size: Size) => Promise<Painter>) {}

  /** A painter for one size, to be disposed like one of one's own. Sides must be multiples of the net's stride. */
  async lease(size: Size): Promise<Painter> {
    const key = `${size.width}x${size.height}`;
    const entry = this.#entries.get(key) ?? this.#open(key, size);
    entry.leases++;
    try {
      return lease(await entry.shared, () => this.#release(key, entry));
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }

  #open(key: string, size: Size): Entry {
    const shared = this.open(size).then((painter) => new Shared(painter));
    const entry = { shared, leases: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  async #release(key: string, entry: Entry): Promise<void> {
    if (--entry.leases > 0) return;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    await (await entry.shared).close();
  }
}

function lease(shared: Shared, release: () => Promise<void>): Painter {
  const me = {};
  let returned: Promise<void> | undefined;
  return {
    size: shared.painter.size,
    bind: (style) => shared.painter.bind(style),
    paint: (batch) =>
      Promise.all(
        batch.map(
          (job) => new Promise<Pixels>((resolve, reject) => shared.add(me, { ...job, resolve, reject })),
        ),
      ),
    [Symbol.asyncDispose]() {
      returned ??= release();
      return returned;
    },
  };
}
