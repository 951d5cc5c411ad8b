import { Late } from '../errors.js';
import { type Asker, type Job, type SharedPainter, soonest } from './asker.js';
import { FairShares } from './fair-shares.js';
import { type Call, holdUntil } from './hold.js';
import { liveNow } from './live.js';

/** Time, in microseconds of the live clock. */
export interface Clock {
  now(): number;
  /** Calls `ring` once so many microseconds have passed, unless it is disposed before. */
  after(us: number, ring: () => void): Disposable;
}

const liveClock: Clock = {
  now: liveNow,
  after(us, ring) {
    const timer = setTimeout(ring, Math.ceil(us / 1000));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/**
 * A call this quick, in microseconds, is followed by the next one before it has ended: the engine never waits for this
 * thread then, and whoever comes up meanwhile and is more urgent waits no longer than that.
 */
const QUICK = 15_000;

/** What a schedule is told of its engine. */
export interface ScheduleOptions {
  /** Calls that it works on at the same time; 1 if left out. */
  readonly lanes?: number;
  readonly clock?: Clock;
}

/**
 * What one engine paints next, for all painters that it has open. Earliest deadline first; who had more than its share
 * while others waited goes after them; a call takes along as many pictures for the same painter as it gains by, and
 * waits for more of them no longer than that gains and the earliest deadline allows.
 */
export class Schedule {
  readonly lanes: number;
  readonly #clock: Clock;
  readonly #shares = new FairShares();
  /** In the order they were made: those beyond the lanes wait in the engine. */
  readonly #running = new Set<Call>();
  /** In the order they were asked for. */
  #waiting: Job[] = [];
  #planned = false;
  /** Rings when the next deadline is over. */
  #lapsing: Disposable | undefined;
  /** A call that waits for more pictures: since when, and what rings when it has waited enough. */
  #held: { readonly since: number; readonly alarm: Disposable } | undefined;

  constructor({ lanes = 1, clock = liveClock }: ScheduleOptions = {}) {
    this.lanes = lanes;
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  /** How many pictures one may have open at a time without keeping others' waiting: the lanes that those leave. */
  roomFor(asker: Asker): number {
    const waiting = this.#waiting.filter((job) => job.asker !== asker).length;
    const running = [...this.#running].filter(({ askers }) => !askers.has(asker)).length;
    return Math.max(1, this.lanes - waiting - running);
  }

  /** How many pictures one may have open at a time to fill the engine's calls, less those of others in line. */
  fillFor(asker: Asker): number {
    const { batch = 1 } = asker.shared.painter;
    const room = this.roomFor(asker);
    if (batch === 1) return room;
    const waiting = this.#waiting.filter((job) => job.asker !== asker).length;
    return Math.max(room, (this.lanes + 1) * batch - waiting);
  }

  /** Puts a picture in line; what is asked for within the same tick is looked at together. */
  add(job: Job): void {
    const { asker } = job;
    if (asker.open++ === 0) asker.ask(this.now());
    this.#shares.enter(asker.owner);
    this.#waiting.push(job);
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      this.#go();
    });
  }

  #go(): void {
    this.#lapse();
    while (this.#free) {
      const batch = this.#next();
      if (batch.length === 0) break;
      this.#release();
      void this.#paint(batch);
    }
    if (this.#running.size === 0 && this.#waiting.length === 0) this.#shares.clear();
    this.#watch();
  }

  /** Whether a call can be made now. */
  get #free(): boolean {
    const { size } = this.#running;
    if (size !== this.lanes) return size < this.lanes;
    return [...this.#running].every(({ expected }) => expected !== undefined && expected < QUICK);
  }

  /** Refuses what is too late to be painted, so that whoever asked has something newer in line when their turn comes. */
  #lapse(): void {
    const now = this.now();
    const lapsed = new Set(this.#waiting.filter(({ lapses, deadline }) => deadline < now && lapses?.()));
    this.#waiting = this.#waiting.filter((job) => !lapsed.has(job));
    for (const { asker, deadline, reject } of lapsed) {
      asker.open--;
      asker.owed = Math.min(asker.owed ?? deadline, deadline);
      reject(new Late('A frame was too old when its turn to be painted came.'));
    }
  }

  /** Looks again when the next deadline of a picture in line is over. */
  #watch(): void {
    this.#lapsing?.[Symbol.dispose]();
    this.#lapsing = undefined;
    const now = this.now();
    const deadlines = this.#waiting.flatMap(({ lapses, deadline }) => (lapses ? [deadline] : []));
    const next = Math.min(...deadlines.filter((deadline) => deadline >= now));
    if (next < Number.POSITIVE_INFINITY)
      this.#lapsing = this.#clock.after(Math.ceil(next - now) + 1, () => this.#go());
  }

  /** The pictures of the next call; none where nothing waits, or where the call waits for more. */
  #next(): Job[] {
    const ahead = this.#shares.ahead(new Set(this.#waiting.map(({ asker }) => asker.owner)));
    const first = soonest(this.#waiting, ahead, new Map());
    if (!first) return [];
    const { shared } = first.asker;
    const { most } = shared.cost;
    const left = new Set(this.#waiting.filter(({ asker }) => asker.shared === shared));
    const taken = new Map<object, number>();
    const batch: Job[] = [];
    for (let job: Job | undefined = first; job; job = soonest(left, ahead, taken)) {
      if (batch.push(job) === most) break;
      left.delete(job);
      taken.set(job.asker.owner, (taken.get(job.asker.owner) ?? 0) + 1);
    }
    if (batch.length < most && this.#hold(shared, batch)) return [];
    const chosen = new Set(batch);
    this.#waiting = this.#waiting.filter((job) => !chosen.has(job));
    return batch;
  }

  /** Whether a call that is not full waits. It is looked at again when anything happens, and when the wait is over. */
  #hold(shared: SharedPainter, batch: readonly Job[]): boolean {
    const now = this.now();
    const since = this.#held?.since ?? now;
    const [running] = this.#running;
    const end = Math.ceil(holdUntil({ shared, batch, now, since, running }));
    this.#release();
    if (end <= now) return false;
    this.#held = { since, alarm: this.#clock.after(end - now, () => this.#go()) };
    return true;
  }

  #release(): void {
    this.#held?.alarm[Symbol.dispose]();
    this.#held = undefined;
  }

  async #paint(batch: readonly Job[]): Promise<void> {
    const { painter, cost } = batch[0]!.asker.shared;
    const call: Call = {
      ...{ began: this.now(), expected: cost.expected(batch.length) },
      askers: new Set(batch.map(({ asker }) => asker)),
    };
    this.#running.add(call);
    for (const { asker } of batch) asker.owed = undefined;
    try {
      const painted = await painter.paint(batch.map(({ pixels, style }) => ({ pixels, style })));
      cost.record(batch.length, this.#end(call, batch));
      for (const [i, { resolve }] of batch.entries()) resolve(painted[i]!);
    } catch (error) {
      this.#end(call, batch);
      for (const { reject } of batch) reject(error);
    }
    this.#go();
  }

  /** @returns how long the engine worked on the call, in microseconds: not while it waited for a lane. */
  #end(call: Call, batch: readonly Job[]): number {
    const now = this.now();
    const us = now - call.began;
    this.#running.delete(call);
    const next = [...this.#running][this.lanes - 1];
    if (next) next.began = now;
    for (const { asker } of batch) {
      asker.open--;
      this.#shares.charge(asker.owner, us / batch.length / this.lanes, now);
    }
    return us;
  }
}
