import { randomBytes } from 'node:crypto';
import { LivebrushError, NotFound, Overloaded } from '../errors.js';
import { log } from '../log.js';

/** How a piece of work stands. */
export type TaskState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** A piece of work that waits, runs or is over. */
export interface Task {
  readonly id: string;
  /** When it was asked for, in ISO 8601. */
  readonly created: string;
  readonly stop: AbortController;
  state: TaskState;
  /** Why it failed: one sentence. */
  problem: string | undefined;
}

/** What a queue does with its tasks. */
export interface QueueOptions<T extends Task> {
  /** Of ids: `job` makes `job-1f…`. */
  readonly prefix: string;
  /** What it is a queue of, in the plural. */
  readonly what: string;
  /** Tasks that may run or wait. */
  readonly most: number;
  /** Rejects when the task's signal aborts. */
  readonly run: (task: T) => Promise<void>;
  /** A task is over, however it ended; one that ran is told to be over when this resolves. */
  readonly over?: (task: T, state: TaskState) => Promise<void>;
  /** A task that is over is not remembered any longer. */
  readonly forgotten?: (task: T) => Promise<void>;
  /** What clients read of a failure. */
  readonly problemOf: (error: unknown, task: T) => string;
}

/** Tasks that are over and remembered. */
const REMEMBERED = 20;

export const isOver = ({ state }: Pick<Task, 'state'>): boolean => state !== 'queued' && state !== 'running';

/** Long pieces of work, one at a time in the order they came; those that are over are remembered for a while. */
export class Queue<T extends Task> implements AsyncDisposable {
  readonly #options: QueueOptions<T>;
  readonly #tasks = new Map<string, T>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: QueueOptions<T>) {
    this.#options = options;
  }

  /** All that are known, in the order they came. */
  get all(): T[] {
    return [...this.#tasks.values()];
  }

  /** Takes a task, made of what every task has; it runs when its turn comes. @throws Overloaded when too many wait. */
  add(make: (task: Task) => T): T {
    const { prefix, what, most } = this.#options;
    const waiting = this.all.filter((task) => !isOver(task)).length;
    if (this.#closed || waiting >= most)
      throw new Overloaded(`${waiting} ${what} run or wait already.`, { retryAfterS: 30 });
    const id = `${prefix}-${randomBytes(12).toString('hex')}`;
    const created = new Date().toISOString();
    const task = make({ id, created, stop: new AbortController(), state: 'queued', problem: undefined });
    this.#tasks.set(id, task);
    this.#start();
    return task;
  }

  /** @throws NotFound */
  find(id: string): T {
    const task = this.#tasks.get(id);
    if (task) return task;
    throw new NotFound(`There is no ${this.#options.prefix} ${JSON.stringify(id.slice(0, 80))}.`);
  }

  /** Ends a task that runs or waits; forgets one that is over. @throws NotFound */
  async cancel(id: string): Promise<T> {
    const task = this.find(id);
    if (isOver(task)) await this.#forget(task);
    else {
      task.stop.abort();
      if (task.state === 'queued') {
        // At once, so that its turn does not come any more.
        task.state = 'cancelled';
        await this.#tidy(task, 'cancelled');
      }
    }
    return task;
  }

  async #tidy(task: T, state: TaskState): Promise<void> {
    await this.#options.over?.(task, state).catch((error: unknown) => {
      log.warn({ err: error, task: task.id }, `a ${this.#options.prefix} left something behind`);
    });
  }

  async #end(task: T, state: TaskState, problem?: string): Promise<void> {
    await this.#tidy(task, state);
    task.problem = problem;
    task.state = state;
  }

  #start(): void {
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      if (this.#next()) this.#start();
    });
  }

  async #work(): Promise<void> {
    for (let task = this.#next(); task; task = this.#next()) {
      await this.#run(task);
      const over = this.all.filter(isOver);
      for (const old of over.slice(0, Math.max(0, over.length - REMEMBERED))) await this.#forget(old);
    }
  }

  #next(): T | undefined {
    return this.#closed ? undefined : this.all.find(({ state }) => state === 'queued');
  }

  async #run(task: T): Promise<void> {
    const { prefix, run, problemOf } = this.#options;
    task.state = 'running';
    try {
      await run(task);
    } catch (error) {
      if (task.stop.signal.aborted) return this.#end(task, 'cancelled');
      if (!(error instanceof LivebrushError)) log.error({ err: error, task: task.id }, `a ${prefix} failed`);
      return this.#end(task, 'failed', problemOf(error, task));
    }
    return this.#end(task, 'done');
  }

  async #forget(task: T): Promise<void> {
    this.#tasks.delete(task.id);
    await this.#options.forgotten?.(task);
  }

  /** Ends what runs and waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const task of this.all) if (!isOver(task)) await this.cancel(task.id);
    await this.#running;
  }
}
