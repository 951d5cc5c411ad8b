import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { BadInput, LivebrushError } from '../../errors.js';
import type { Bound, Engine, Painter, PainterOptions, Styler } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { type Answered, type Asked, ENGINE, type Method, type Reply, revive } from './aside-protocol.js';
import { refuseBound, refuseClosed } from './checks.js';

const script = new URL('./aside-worker.js', import.meta.url);

/** Whether engines can run in a thread of their own: not from sources, which only a compiler's loader can read. */
export const canRunAside = (): boolean => existsSync(fileURLToPath(script));

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A thread with one engine. It keeps the process alive only while something is asked of it. */
class Thread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #count = 0;
  #ended: Error | undefined;

  constructor(program: URL) {
    this.#worker = new Worker(program);
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#end(new LivebrushError('The engine failed.', { cause })));
    this.#worker.on('exit', () => this.#end(new BadInput('This engine is closed.')));
  }

  ask<M extends Method>(method: M, args: Asked[M]): Promise<Answered[M]> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise<Answered[M]>((resolve, reject) => {
      const id = ++this.#count;
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, method, args });
    });
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  async close(): Promise<void> {
    this.#end(new BadInput('This engine is closed.'));
    await this.#worker.terminate();
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('error' in reply) pending?.reject(revive(reply.error));
    else pending?.resolve(reply.value);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}

/** A painter's part in one thread: what goes by which number there. */
class Lane {
  /** Pictures that wait or are painted there. */
  open = 0;

  constructor(
    readonly thread: Thread,
    readonly painter: number,
  ) {}

  dispose(what: number): Promise<void> {
    // A thread that has ended holds nothing any more.
    return this.thread.ask('dispose', { what }).catch(() => undefined);
  }
}

class AsideBound implements Bound {
  #disposed = false;

  /** @param ids its number in each lane. */
  constructor(
    readonly painter: AsidePainter,
    readonly ids: ReadonlyMap<Lane, number>,
  ) {}

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const [lane, id] of this.ids) void lane.dispose(id);
  }

  get disposed(): boolean {
    return this.#disposed;
  }
}

class AsidePainter implements Painter {
  #closing: Promise<unknown> | undefined;

  constructor(
    readonly size: Size,
    readonly lanes: readonly Lane[],
  ) {}

  async bind(style: Weights): Promise<Bound> {
    if (this.#closing) refuseClosed('painter');
    const binds = this.#working.map(
      async (lane) => [lane, await lane.thread.ask('bind', { painter: lane.painter, style })] as const,
    );
    return new AsideBound(this, new Map(await all(binds, ([lane, id]) => void lane.dispose(id))));
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    if (this.#closing) refuseClosed('painter');
    const jobs = batch.map(({ pixels, style }) => {
      if (!(style instanceof AsideBound) || style.painter !== this) refuseBound('foreign');
      if (style.disposed) refuseBound('disposed');
      return { pixels, style };
    });
    const [only, ...others] = this.lanes;
    if (others.length === 0) return this.#paint(only!, jobs);
    return (await Promise.all(jobs.map((job) => this.#paint(this.#freest, [job])))).flat();
  }

  /** The lanes whose threads have not failed; all, where all have, so that whoever asks is told. */
  get #working(): readonly Lane[] {
    const working = this.lanes.filter(({ thread }) => !thread.ended);
    return working.length > 0 ? working : this.lanes;
  }

  /** The lane with the least to do. */
  get #freest(): Lane {
    return this.#working.reduce((a, b) => (b.open < a.open ? b : a));
  }

  async #paint(lane: Lane, jobs: readonly { pixels: Pixels; style: AsideBound }[]): Promise<Pixels[]> {
    lane.open += jobs.length;
    const batch = jobs.map(({ pixels, style }) => ({ pixels, style: style.ids.get(lane)! }));
    try {
      return await lane.thread.ask('paint', { painter: lane.painter, batch });
    } finally {
      lane.open -= jobs.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= Promise.all(this.lanes.map((lane) => lane.dispose(lane.painter)));
    await this.#closing;
  }
}

class AsideStyler implements Styler {
  #closing: Promise<void> | undefined;

  constructor(
    readonly thread: Thread,
    readonly id: number,
  ) {}

  async weights(picture: Pixels): Promise<Weights> {
    if (this.#closing) refuseClosed('styler');
    return this.thread.ask('weights', { styler: this.id, picture });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.thread.ask('dispose', { what: this.id }).catch(() => undefined);
    await this.#closing;
  }
}

/** Pixels that are painted at the same time at most, unless one picture has more: each lane has memory of its own. */
const MOST_PIXELS = 1920 * 1088;

class AsideEngine implements Engine {
  readonly #threads: Promise<Thread>[];
  #closing: Promise<unknown> | undefined;

  /** @param threads of the lanes, with an engine each, perhaps on its way. */
  constructor(
    readonly name: string,
    threads: readonly Promise<Thread>[],
    readonly start: () => Promise<Thread>,
  ) {
    this.#threads = [...threads];
  }

  get lanes(): number {
    return this.#threads.length;
  }

  /** A lane's thread; one that did not start, or failed at its work, is started anew. */
  #thread(lane: number): Promise<Thread> {
    const thread = this.#threads[lane]!.then((known) => (known.ended ? this.start() : known), this.start);
    this.#threads[lane] = thread;
    return thread;
  }

  async painter(net: NetSpec, base: Weights, size: Size, options: PainterOptions = {}): Promise<Painter> {
    if (this.#closing) refuseClosed('engine');
    const most = Math.min(this.lanes, Math.floor(MOST_PIXELS / (size.width * size.height)));
    // A size that is none is refused by the engine.
    const lanes = Math.max(1, Math.min(most, options.lanes ?? this.lanes) || 1);
    const opening = Array.from({ length: lanes }, async (_, lane) => {
      const thread = await this.#thread(lane);
      return new Lane(thread, await thread.ask('painter', { net, base, size, options: { lanes } }));
    });
    return new AsidePainter(size, await all(opening, (lane) => void lane.dispose(lane.painter)));
  }

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    if (this.#closing) refuseClosed('engine');
    const thread = await this.#thread(0);
    return new AsideStyler(thread, await thread.ask('styler', { net, base }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= Promise.all(this.#threads.map((starting) => starting.then(end).catch(() => undefined)));
    await this.#closing;
  }
}

/** What all promises yield. When one rejects, what the others yield is undone. @throws the first that rejected. */
async function all<T>(promises: readonly Promise<T>[], undo: (value: T) => void): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  const failed = settled.find((one) => one.status === 'rejected');
  if (!failed) return settled.map((one) => (one as PromiseFulfilledResult<T>).value);
  for (const one of settled) if (one.status === 'fulfilled') undo(one.value);
  throw failed.reason;
}

/** Starts a thread and opens the engine in it. @throws as `openEngine`. */
async function begin(name: string, program: URL): Promise<{ thread: Thread; opened: Answered['open'] }> {
  const thread = new Thread(program);
  try {
    return { thread, opened: await thread.ask('open', { name }) };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

/** Ends a thread. The runtime's memory goes first: a thread that is ended at work may take the process with it. */
async function end(thread: Thread): Promise<void> {
  await thread.ask('dispose', { what: ENGINE }).catch(() => undefined);
  await thread.close();
}

/** How to run an engine in threads of its own. */
export interface AsideOptions {
  /** The compiled aside-worker. */
  readonly program?: URL;
  /** How many pictures to paint at the same time, each in a thread with an engine. */
  readonly lanes?: number;
}

/**
 * An engine in threads of its own, for runtimes that block the thread they are called on: frames are decoded and
 * encoded while others are painted. Same contract and errors as the engine itself.
 * @throws as `openEngine`.
 */
export async function openAside(
  name: string,
  { program = script, lanes = 1 }: AsideOptions = {},
): Promise<Engine> {
  const beginnings = Array.from({ length: lanes }, () => begin(name, program));
  const threads = beginnings.map(async (beginning) => (await beginning).thread);
  // The first tells what goes wrong; another that fails is started anew when it is needed.
  for (const thread of threads) thread.catch(() => undefined);
  const start = async () => (await begin(name, program)).thread;
  try {
    const { opened } = await beginnings[0]!;
    return new AsideEngine(opened.name, threads, start);
  } catch (error) {
    await Promise.allSettled(threads.map(async (thread) => end(await thread)));
    throw error;
  }
}
