import { log } from '../../log.js';
import type { Bound, Painter } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import type { Thread } from './aside-thread.js';
import { checkWeights, refuseBound, refuseClosed } from './checks.js';

/** A painter's part in one thread: what goes by which number there. */
export class Lane {
  /** Pictures that wait or are painted there. */
  open = 0;

  constructor(
    readonly thread: Thread,
    readonly painter: number,
    /** Pictures of one style that a call may gain by there. */
    readonly batch = 1,
  ) {}

  bind(style: Weights): Promise<number> {
    return this.thread.ask('bind', { painter: this.painter, style });
  }

  dispose(what = this.painter): Promise<void> {
    // A thread that has ended holds nothing any more.
    return this.thread.ask('dispose', { what }).catch(() => undefined);
  }
}

/**
 * Weights that are put in place in a lane when the first picture is painted with them there: while one style fades into
 * another, each mix of both is needed in one lane alone.
 */
class AsideBound implements Bound {
  /** Its number in each lane. */
  readonly #ids = new Map<Lane, Promise<number>>();
  disposed = false;

  constructor(
    readonly painter: AsidePainter,
    readonly style: Weights,
  ) {}

  idIn(lane: Lane): Promise<number> {
    const known = this.#ids.get(lane);
    if (known) return known;
    const id = lane.bind(this.style);
    this.#ids.set(lane, id);
    // It may work the next time.
    id.catch(() => this.#ids.delete(lane));
    return id;
  }

  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const [lane, id] of this.#ids)
      id.then(
        (known) => lane.dispose(known),
        () => undefined,
      );
    this.#ids.clear();
  }
}

/** A lane that failed is opened anew no sooner than this long after the last time, in milliseconds. */
const REST_MS = 1000;

/** A painter whose lanes are threads, each with a painter of its own. One that fails is left out and opened anew. */
export class AsidePainter implements Painter {
  readonly #lanes: Lane[];
  /** Pictures whose styles are being put in place, before they are asked for. */
  readonly #asking = new Set<Promise<unknown>>();
  /** When lanes were last opened anew. */
  readonly #mended = new Map<number, number>();
  #closing: Promise<unknown> | undefined;

  /** @param open a lane by its place, anew. */
  constructor(
    readonly net: NetSpec,
    readonly size: Size,
    lanes: readonly Lane[],
    readonly open: (place: number) => Promise<Lane>,
  ) {
    this.#lanes = [...lanes];
  }

  get batch(): number {
    return this.#lanes[0]!.batch;
  }

  async bind(style: Weights): Promise<Bound> {
    if (this.#closing) refuseClosed('painter');
    checkWeights(style, this.net, 'style');
    // The numbers stay their owner's.
    const copy = [...style].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }] as const);
    return new AsideBound(this, new Map(copy));
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    if (this.#closing) refuseClosed('painter');
    const jobs = batch.map(({ pixels, style }) => {
      if (!(style instanceof AsideBound) || style.painter !== this) refuseBound('foreign');
      if (style.disposed) refuseBound('disposed');
      return { pixels, style };
    });
    const [only, ...others] = this.#working;
    if (others.length === 0) return this.#paint(only!, jobs);
    if (this.batch > 1) return this.#paint(this.#freest, jobs);
    return (await Promise.all(jobs.map((job) => this.#paint(this.#freest, [job])))).flat();
  }

  /** The lanes whose threads have not failed; all, where all have, so that whoever asks is told. */
  get #working(): readonly Lane[] {
    const working = this.#lanes.filter(({ thread }) => !thread.ended);
    if (working.length < this.#lanes.length) this.#mend();
    return working.length > 0 ? working : this.#lanes;
  }

  /** The lane with the least to do. */
  get #freest(): Lane {
    return this.#working.reduce((a, b) => (b.open < a.open ? b : a));
  }

  async #paint(lane: Lane, jobs: readonly { pixels: Pixels; style: AsideBound }[]): Promise<Pixels[]> {
    lane.open += jobs.length;
    const ids = Promise.all(jobs.map(({ style }) => style.idIn(lane)));
    const asked = ids.then((known) => {
      const batch = jobs.map(({ pixels }, i) => ({ pixels, style: known[i]! }));
      return { painted: lane.thread.ask('paint', { painter: lane.painter, batch }) };
    });
    this.#asking.add(asked);
    try {
      return await (await asked).painted;
    } finally {
      this.#asking.delete(asked);
      lane.open -= jobs.length;
    }
  }

  /** Opens lanes anew whose threads have failed. */
  #mend(): void {
    const now = performance.now();
    for (const [place, { thread }] of this.#lanes.entries()) {
      if (!thread.ended || now - (this.#mended.get(place) ?? Number.NEGATIVE_INFINITY) < REST_MS) continue;
      this.#mended.set(place, now);
      this.#replace(place).catch((err: unknown) => log.warn({ err }, 'a lane of an engine stays closed'));
    }
  }

  async #replace(place: number): Promise<void> {
    const fresh = await this.open(place);
    if (this.#closing) return fresh.dispose();
    this.#lanes[place] = fresh;
    log.info('a lane of an engine that had failed works again');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was asked for before is painted yet.
    this.#closing ??= Promise.allSettled(this.#asking).then(() =>
      Promise.all(this.#lanes.map((lane) => lane.dispose())),
    );
    await this.#closing;
  }
}
