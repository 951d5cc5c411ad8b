import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { BadInput, LivebrushError } from '../../errors.js';
import type { Bound, Engine, Painter, Styler } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { type Answered, type Asked, type Method, type Reply, revive } from './aside-protocol.js';
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

class AsideBound implements Bound {
  #disposed = false;

  constructor(
    readonly thread: Thread,
    readonly painter: AsidePainter,
    readonly id: number,
  ) {}

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    // Nobody waits for it, and a thread that has ended holds nothing any more.
    this.thread.ask('dispose', { what: this.id }).catch(() => undefined);
  }

  get disposed(): boolean {
    return this.#disposed;
  }
}

class AsidePainter implements Painter {
  #closing: Promise<void> | undefined;

  constructor(
    readonly thread: Thread,
    readonly size: Size,
    readonly id: number,
  ) {}

  async bind(style: Weights): Promise<Bound> {
    if (this.#closing) refuseClosed('painter');
    return new AsideBound(this.thread, this, await this.thread.ask('bind', { painter: this.id, style }));
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    if (this.#closing) refuseClosed('painter');
    const posted = batch.map(({ pixels, style }) => {
      if (!(style instanceof AsideBound) || style.painter !== this) refuseBound('foreign');
      if (style.disposed) refuseBound('disposed');
      return { pixels, style: style.id };
    });
    return this.thread.ask('paint', { painter: this.id, batch: posted });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.thread.ask('dispose', { what: this.id }).catch(() => undefined);
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

class AsideEngine implements Engine {
  #closing: Promise<void> | undefined;

  constructor(
    readonly thread: Thread,
    readonly name: string,
    readonly id: number,
  ) {}

  async painter(net: NetSpec, base: Weights, size: Size): Promise<Painter> {
    if (this.#closing) refuseClosed('engine');
    return new AsidePainter(this.thread, size, await this.thread.ask('painter', { net, base, size }));
  }

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    if (this.#closing) refuseClosed('engine');
    return new AsideStyler(this.thread, await this.thread.ask('styler', { net, base }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The runtime's memory goes first: a thread that is ended at work may take the process with it.
    this.#closing ??= this.thread
      .ask('dispose', { what: this.id })
      .catch(() => undefined)
      .then(() => this.thread.close());
    await this.#closing;
  }
}

/**
 * An engine in a thread of its own, for runtimes that block the thread they are called on: frames are decoded and
 * encoded while one is painted. Same contract and errors as the engine itself.
 * `program` is the compiled aside-worker.
 * @throws as `openEngine`.
 */
export async function openAside(name: string, program: URL = script): Promise<Engine> {
  const thread = new Thread(program);
  try {
    const opened = await thread.ask('open', { name });
    return new AsideEngine(thread, opened.name, opened.engine);
  } catch (error) {
    await thread.close();
    throw error;
  }
}
