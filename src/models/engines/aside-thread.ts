import { Worker } from 'node:worker_threads';
import { BadInput, LivebrushError } from '../../errors.js';
import { type Answered, type Asked, ENGINE, type Method, type Reply, revive } from './aside-protocol.js';

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A thread with one engine. It keeps the process alive only while something is asked of it. */
export class Thread {
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

/** Starts a thread and opens the engine in it. @throws as `openEngine`. */
export async function begin(
  name: string,
  program: URL,
): Promise<{ thread: Thread; opened: Answered['open'] }> {
  const thread = new Thread(program);
  try {
    return { thread, opened: await thread.ask('open', { name }) };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

/** Ends a thread. The runtime's memory goes first: a thread that is ended at work may take the process with it. */
export async function end(thread: Thread): Promise<void> {
  await thread.ask('dispose', { what: ENGINE }).catch(() => undefined);
  await thread.close();
}
