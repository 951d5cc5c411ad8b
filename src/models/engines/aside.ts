import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Engine, Painter, PainterOptions, Styler } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { AsidePainter, Lane } from './aside-painter.js';
import { begin, end, type Thread } from './aside-thread.js';
import { refuseClosed } from './checks.js';

const script = new URL('./aside-worker.js', import.meta.url);

/** Whether engines can run in a thread of their own: not from sources, which only a compiler's loader can read. */
export const canRunAside = (): boolean => existsSync(fileURLToPath(script));

/** A styler in a thread, opened anew where that thread has failed. */
class AsideStyler implements Styler {
  #at: Promise<{ readonly thread: Thread; readonly id: number }>;
  #closing: Promise<void> | undefined;

  constructor(readonly open: () => Promise<{ readonly thread: Thread; readonly id: number }>) {
    this.#at = open();
  }

  async ready(): Promise<this> {
    await this.#at;
    return this;
  }

  async weights(picture: Pixels): Promise<Weights> {
    if (this.#closing) refuseClosed('styler');
    this.#at = this.#at.then((at) => (at.thread.ended ? this.open() : at), this.open);
    const { thread, id } = await this.#at;
    return thread.ask('weights', { styler: id, picture });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#at
      .then(({ thread, id }) => thread.ask('dispose', { what: id }))
      .catch(() => undefined);
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
    readonly batch: number | undefined,
    threads: readonly Promise<Thread>[],
    readonly start: () => Promise<Thread>,
    readonly onClose: () => void,
  ) {
    this.#threads = [...threads];
  }

  get lanes(): number {
    return this.#threads.length;
  }

  /** A lane's thread; one that did not start, or failed at its work, is started anew. */
  async #thread(lane: number): Promise<Thread> {
    if (this.#closing) refuseClosed('engine');
    const thread = this.#threads[lane]!.then((known) => (known.ended ? this.start() : known), this.start);
    this.#threads[lane] = thread;
    return thread;
  }

  async painter(net: NetSpec, base: Weights, size: Size, options: PainterOptions = {}): Promise<Painter> {
    if (this.#closing) refuseClosed('engine');
    const most = Math.min(this.lanes, Math.floor(MOST_PIXELS / (size.width * size.height)));
    // A size that is none is refused by the engine.
    const lanes = Math.max(1, Math.min(most, options.lanes ?? this.lanes) || 1);
    const open = async (place: number) => {
      const thread = await this.#thread(place);
      const { id, batch } = await thread.ask('painter', { net, base, size, options: { lanes } });
      return new Lane(thread, id, batch);
    };
    const opened = await Promise.allSettled(Array.from({ length: lanes }, (_, place) => open(place)));
    const failed = opened.find((one) => one.status === 'rejected');
    const working = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (!failed) return new AsidePainter(net, size, working, open);
    for (const lane of working) void lane.dispose();
    throw failed.reason;
  }

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    if (this.#closing) refuseClosed('engine');
    const open = async () => {
      const thread = await this.#thread(0);
      return { thread, id: await thread.ask('styler', { net, base }) };
    };
    return new AsideStyler(open).ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= Promise.all(
      this.#threads.map((starting) => starting.then(end).catch(() => undefined)),
    ).then(this.onClose);
    await this.#closing;
  }
}

/** How to run an engine in threads of its own. */
export interface AsideOptions {
  /** The compiled aside-worker. */
  readonly program?: URL;
  /** How many pictures to paint at the same time, each in a thread with an engine. */
  readonly lanes?: number;
  /** Called when it is closed and its threads have ended. */
  readonly onClose?: () => void;
}

/**
 * An engine in threads of its own, for runtimes that block the thread they are called on: frames are decoded and
 * encoded while others are painted. Same contract and errors as the engine itself.
 * @throws as `openEngine`.
 */
export async function openAside(
  name: string,
  { program = script, lanes = 1, onClose = () => {} }: AsideOptions = {},
): Promise<Engine> {
  const beginnings = Array.from({ length: lanes }, () => begin(name, program));
  const threads = beginnings.map(async (beginning) => (await beginning).thread);
  // The first tells what goes wrong; another that fails is started anew when it is needed.
  for (const thread of threads) thread.catch(() => undefined);
  const start = async () => (await begin(name, program)).thread;
  try {
    const { opened } = await beginnings[0]!;
    return new AsideEngine(opened.name, opened.batch, threads, start, onClose);
  } catch (error) {
    await Promise.allSettled(threads.map(async (thread) => end(await thread)));
    throw error;
  }
}
