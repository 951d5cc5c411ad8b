import type { Painter } from '../models/engine.js';
import type { Pixels, Size } from '../models/pixels.js';
import { Asker, type Due, SharedPainter } from './asker.js';
import { Schedule } from './schedule.js';

export type { Due } from './asker.js';

/** A painter that others use too. */
export interface LeasedPainter extends Painter {
  /** Pictures to ask for at a time as things stand: as many as the engine paints side by side, less what others ask. */
  readonly room: number;
  /** The same where nobody waits for each picture: as many as fill the engine's calls, and the next one meanwhile. */
  readonly fill: number;
  /** @param due when the pictures are wanted; left out: when others leave room, and within a second if they do not. */
  paint(batch: Parameters<Painter['paint']>[0], due?: Due): Promise<Pixels[]>;
}

/** How a batcher hands out an engine. */
export interface BatcherOptions {
  /** Of the engine; left out: the engine paints for nobody but this batcher. */
  readonly schedule?: Schedule;
  /**
   * Pictures in one call at most, 1 to 8; left out: as many as the painter gains by, as measured, or one where the
   * engine has several lanes that each take one.
   */
  readonly most?: number;
}

/** How long pictures that nobody waits for may wait, in microseconds. */
const PATIENCE = 1_000_000;

interface Entry {
  readonly shared: Promise<SharedPainter>;
  leases: number;
}

/**
 * One net on one engine for all sessions: a painter per size, opened by the first who needs it, closed by the last who
 * returns it. The engine's `Schedule` decides what is painted next, and what together.
 */
export class Batcher {
  /** Shared by all batchers of an engine. */
  readonly schedule: Schedule;
  readonly #entries = new Map<string, Entry>();
  readonly #most: number | undefined;

  /** @param open an engine's painter of one net. */
  constructor(
    readonly open: (size: Size) => Promise<Painter>,
    { schedule = new Schedule(), most }: BatcherOptions = {},
  ) {
    this.schedule = schedule;
    this.#most = most;
  }

  /**
   * A painter for one size, to be disposed like one of one's own. Sides must be multiples of the net's stride.
   * @param owner to whose share of the engine it counts, such as a session with several looks; left out: its own.
   */
  async lease(size: Size, owner: object = {}): Promise<LeasedPainter> {
    const key = `${size.width}x${size.height}`;
    const entry = this.#entries.get(key) ?? this.#open(key, size);
    entry.leases++;
    try {
      const asker = new Asker(await entry.shared, owner);
      return lease(asker, this.schedule, () => this.#release(key, entry));
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }

  #open(key: string, size: Size): Entry {
    const shared = this.open(size).then((painter) => {
      const single = this.schedule.lanes > 1 && (painter.batch ?? 1) === 1;
      return new SharedPainter(painter, this.#most ?? (single ? 1 : undefined));
    });
    const entry = { shared, leases: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  async #release(key: string, entry: Entry): Promise<void> {
    if (--entry.leases > 0) return;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    await (await entry.shared).painter[Symbol.asyncDispose]();
  }
}

function lease(asker: Asker, schedule: Schedule, release: () => Promise<void>): LeasedPainter {
  const { shared } = asker;
  const { painter } = shared;
  const open = new Set<Promise<unknown>>();
  let returned: Promise<void> | undefined;
  shared.askers.add(asker);
  const give = async () => {
    shared.askers.delete(asker);
    // What is in line is painted yet.
    await Promise.allSettled(open);
    await release();
  };
  return {
    size: painter.size,
    get room() {
      return schedule.roomFor(asker);
    },
    get fill() {
      return schedule.fillFor(asker);
    },
    bind: (style) => painter.bind(style),
    paint(batch, { deadline, lapses } = { deadline: schedule.now() + PATIENCE }) {
      const all = Promise.all(
        batch.map(
          (job) =>
            new Promise<Pixels>((resolve, reject) =>
              schedule.add({ ...job, asker, deadline, lapses, resolve, reject }),
            ),
        ),
      );
      open.add(all);
      all.then(
        () => open.delete(all),
        () => open.delete(all),
      );
      return all;
    },
    [Symbol.asyncDispose]() {
      returned ??= give();
      return returned;
    },
  };
}
