import type { Bound, Painter } from '../../src/models/engine.js';
import type { Pixels, Size } from '../../src/models/pixels.js';
import { Batcher, type BatcherOptions, type Due } from '../../src/pipeline/batcher.js';
import { type Clock, Schedule } from '../../src/pipeline/schedule.js';
import { grey, tick } from './doubles.js';

/** A clock that a test moves. Microseconds. */
export class FakeClock implements Clock {
  #time = 1_000_000;
  readonly #alarms = new Set<{ readonly at: number; readonly ring: () => void }>();

  now(): number {
    return this.#time;
  }

  after(us: number, ring: () => void): Disposable {
    const alarm = { at: this.#time + us, ring };
    this.#alarms.add(alarm);
    return { [Symbol.dispose]: () => this.#alarms.delete(alarm) };
  }

  /** When the next alarm rings; undefined: none is set. */
  get next(): number | undefined {
    return this.#alarms.size > 0 ? Math.min(...[...this.#alarms].map(({ at }) => at)) : undefined;
  }

  async advance(us: number): Promise<void> {
    const end = this.#time + us;
    for (let next = this.next; next !== undefined && next <= end; next = this.next) {
      this.#time = Math.max(this.#time, next);
      const due = [...this.#alarms].filter(({ at }) => at <= this.#time);
      for (const alarm of due) this.#alarms.delete(alarm);
      for (const { ring } of due) ring();
      await tick();
    }
    this.#time = end;
    await tick();
  }
}

/** A call of the engine that is under way: the first bytes of its pictures. */
interface Under {
  readonly values: readonly number[];
  readonly size: Size;
  resolve(): void;
  reject(error: Error): void;
}

/** An engine whose calls end when the test says, on a clock of the test. */
export class Workshop {
  readonly clock = new FakeClock();
  readonly schedule: Schedule;
  /** Every call so far, by the first bytes of its pictures. */
  readonly calls: (readonly number[])[] = [];
  readonly under: Under[] = [];
  closed = 0;
  readonly batcher: Batcher;

  /** @param batch what a call of its painters may gain by. */
  constructor(
    options: BatcherOptions = { most: 1 },
    lanes = 1,
    readonly batch?: number,
  ) {
    this.schedule = new Schedule({ lanes, clock: this.clock });
    this.batcher = this.net(options);
  }

  /** One more net on the same engine. */
  net(options: BatcherOptions = { most: 1 }): Batcher {
    return new Batcher(async (size) => this.#painter(size), { schedule: this.schedule, ...options });
  }

  /** Ends the call that was begun first, after so many microseconds; then the next one is under way, if there is one. */
  async end(us: number, error?: Error): Promise<readonly number[]> {
    await this.clock.advance(us);
    const [call] = this.under.splice(0, 1);
    if (!call) throw new Error('nothing is being painted');
    if (error) call.reject(error);
    else call.resolve();
    await tick();
    return call.values;
  }

  /** Ends every call after so many microseconds each, until nothing is in line or on its way. */
  async drain(us: number): Promise<void> {
    for (let left = 1000; left > 0; left--) {
      if (this.under.length > 0) await this.end(us);
      else if (this.clock.next !== undefined) await this.clock.advance(this.clock.next - this.clock.now());
      else return;
    }
    throw new Error('it never comes to rest');
  }

  #painter(size: Size): Painter {
    const painter: Painter = {
      size,
      batch: this.batch,
      bind: async () => ({ painter, [Symbol.dispose]() {} }) satisfies Bound,
      paint: (batch) => {
        const values = batch.map(({ pixels }) => pixels.data[0]!);
        this.calls.push(values);
        return new Promise<Pixels[]>((resolve, reject) =>
          this.under.push({
            values,
            size,
            reject,
            resolve: () => resolve(batch.map(({ pixels }) => pixels)),
          }),
        );
      },
      [Symbol.asyncDispose]: async () => {
        this.closed++;
      },
    };
    return painter;
  }
}

export const small: Size = { width: 4, height: 2 };

/** What became of each picture that was asked for. */
export interface Asked {
  readonly painted: number[];
  readonly refused: unknown[];
}

/** When a picture is wanted, and whether it lapses then. */
export interface Wanted {
  readonly deadline?: number;
  readonly lapses?: boolean;
}

/** A look of a stream: asks for pictures and notes what became of them. */
export async function look(batcher: Batcher, { size = small, owner }: { size?: Size; owner?: object } = {}) {
  const painter = await batcher.lease(size, owner);
  const style = await painter.bind(new Map());
  const asked: Asked = { painted: [], refused: [] };
  return {
    ...asked,
    painter,
    /** Asks for a picture whose first byte is `value`; it is in line afterwards, or with `whole` done. */
    async ask(value: number, due?: Wanted, whole = false): Promise<void> {
      const { deadline = Number.MAX_SAFE_INTEGER, lapses = false } = due ?? {};
      const wanted: Due | undefined = due && { deadline, lapses: () => lapses };
      const done = painter.paint([{ pixels: grey(value, size), style }], wanted).then(
        ([painted]) => void asked.painted.push(painted!.data[0]!),
        (error: unknown) => void asked.refused.push(error),
      );
      await (whole ? done : tick());
    },
  };
}
