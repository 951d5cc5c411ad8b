import { setTimeout as sleep } from 'node:timers/promises';
import { Interrupted, LivebrushError } from '../errors.js';
import { Tap } from './fanout.js';
import type { Frame } from './frame.js';
import { Latest } from './latest.js';
import { Meter } from './meter.js';
import type { FrameSink } from './sink.js';
import type { FrameSource } from './source.js';
import type { Stage } from './stage.js';

/** What a run connects, and who watches it. */
export interface RunOptions {
  readonly source: FrameSource;
  readonly stages: readonly Stage[];
  readonly sink: FrameSink;
  readonly signal: AbortSignal;
  readonly meter?: Meter;
  /** Called after each frame that reached the sink. */
  readonly onFrame?: (meter: Meter) => void;
}

/** Frames between source and sink, the one being decoded among them, beside those that the widest stage works on. */
const BESIDE = 3;
/** Frames that a stage works on at the same time at most, whatever it says: bounds memory. */
const WIDEST = 16;
/** How long a stopped run waits for a source, stage or sink that does not heed its signal, in milliseconds. */
const GRACE_MS = 1500;

interface Step {
  readonly name: string;
  readonly width?: number;
  run(frame: Frame): Promise<Frame | undefined>;
}

/** What `work` yields, or undefined as soon as the signal aborts. Leaves no listener behind. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(undefined);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

async function withinGrace(work: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  const grace = sleep(GRACE_MS, undefined, { signal: patience.signal });
  await Promise.race([work, grace].map((promise) => promise.catch(() => undefined)));
  patience.abort();
}

/** A frame on its way to a step. */
interface Passage {
  readonly input: Promise<Frame | undefined>;
  /** Settled when the step has room for it. */
  readonly turn: Promise<unknown>;
  /** To be called when the step has begun with it, or never will. */
  readonly begun: () => void;
}

/** Runs a step on a frame once its turn has come; the input is let go of either way. */
async function inTurn(
  { input, turn, begun }: Passage,
  run: (frame: Frame) => Promise<Frame | undefined>,
  halt: AbortSignal,
): Promise<Frame | undefined> {
  try {
    using frame = await input;
    await turn;
    halt.throwIfAborted();
    const running = frame && run(frame);
    begun();
    return await running;
  } finally {
    begun();
  }
}

const settled = (work: Promise<unknown>): Promise<void> =>
  work.then(
    () => undefined,
    () => undefined,
  );

/** A step with the frames that were sent to it, in order. */
class Station {
  /** Settled when the frame has left the step, and all before it have; of the last few frames. */
  readonly #left: Promise<void>[] = [];
  #begun: Promise<unknown> = Promise.resolve();

  /** @param spare frames that stand ready where a step works on several. */
  constructor(
    readonly step: Step,
    readonly spare: number,
  ) {}

  /** How many frames may be in the step at the same time. */
  get width(): number {
    const { width } = this.step;
    return width === undefined ? 1 : Math.min(WIDEST, Math.max(1, width) + this.spare);
  }

  /** Settled when the step has room for one more frame. */
  get free(): Promise<void> {
    return this.#left.at(-this.width) ?? Promise.resolve();
  }

  /** Sends one more frame through the step; it leaves after those before it. */
  send(
    input: Promise<Frame | undefined>,
    run: (frame: Frame) => Promise<Frame | undefined>,
    halt: AbortSignal,
  ): Promise<Frame | undefined> {
    const turn = Promise.all([this.free, this.#begun]);
    let begun = () => {};
    this.#begun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const done = inTurn({ input, turn, begun }, run, halt);
    const left = Promise.all([this.#left.at(-1), settled(done)]).then(() => undefined);
    this.#left.push(left);
    if (this.#left.length > WIDEST) this.#left.shift();
    return left.then(() => done);
  }
}

/** Steps one after the other for each frame, side by side for successive frames, which keep their order at every step. */
class AssemblyLine {
  readonly #stations: readonly Station[];

  constructor(
    readonly steps: readonly Step[],
    readonly meter: Meter,
    readonly halt: AbortSignal,
    spare: number,
  ) {
    this.#stations = steps.map((step) => new Station(step, spare));
  }

  /** Frames under way at most, as things stand. */
  get most(): number {
    return BESIDE + Math.max(...this.#stations.map(({ width }) => width));
  }

  /** Sends a frame, taken over, through all steps. */
  async send(frame: Frame): Promise<void> {
    let at: Promise<Frame | undefined> = Promise.resolve(frame);
    for (const station of this.#stations) {
      const { name } = station.step;
      at = station.send(at, (input) => this.meter.measure(name, () => station.step.run(input)), this.halt);
    }
    (await at)?.[Symbol.dispose]();
  }

  /** Resolves when the last stage, or the only step, has room for a frame. */
  get free(): Promise<void> {
    return this.#stations.at(Math.max(-2, -this.#stations.length))!.free;
  }
}

/** Pulls frames and sends them off, a few at a time, until the source ends or `halt` aborts. */
async function pull(
  frames: AsyncIterator<Frame>,
  line: AssemblyLine,
  { halt, fail, live }: { halt: AbortSignal; fail: (error: unknown) => void; live: boolean },
): Promise<void> {
  const flights: Promise<void>[] = [];
  while (!halt.aborted) {
    // A live frame is taken only when the stages are free for it: until then a newer one may replace it.
    if (live) await unlessAborted(line.free, halt);
    const pending = line.meter.measure('decode', () => frames.next());
    const next = await unlessAborted(pending, halt);
    if (!next) await withinGrace(pending.then(({ value }) => value?.[Symbol.dispose]()));
    if (!next || next.done) break;
    flights.push(line.send(next.value).catch(fail));
    while (flights.length >= line.most) await unlessAborted(flights.shift()!, halt);
  }
  const landed = Promise.all(flights);
  await unlessAborted(landed, halt);
  if (halt.aborted) await withinGrace(landed);
}

/**
 * The only loop: pulls every frame of the source through the stages into the sink, in order, then finishes the
 * sink. While frames are painted the next is decoded and the one before is written. A live source goes through
 * `Latest`, which drops what cannot be painted in time. Source, stages and sink stay the caller's to dispose.
 * @throws Interrupted when `signal` aborts; whatever the source, a stage or the sink throws.
 */
export async function run({ source, stages, sink, signal, meter = new Meter(), onFrame }: RunOptions) {
  const stop = new AbortController();
  const halt = AbortSignal.any([signal, stop.signal]);
  const fail = (error: unknown) => {
    if (!halt.aborted) stop.abort(error);
  };
  // A tap keeps its newest frame itself; it is read without a second slot, so that every drop is counted once.
  const tapped = source instanceof Tap;
  using newest = tapped ? source.newest : source.live ? new Latest<Frame>() : undefined;
  const write: Step = {
    name: 'encode',
    async run(frame) {
      await sink.write(frame.clone());
      meter.count();
      meter.dropped = newest?.dropped ?? 0;
      onFrame?.(meter);
      return undefined;
    },
  };
  // A file's next frame stands ready when one is painted; a live one would only get older.
  const line = new AssemblyLine([...stages, write], meter, halt, source.live ? 0 : 1);
  const pumped = tapped ? undefined : newest?.pump(source.frames(halt));
  const frames = (tapped ? source.frames(halt) : (newest ?? source.frames(halt)))[Symbol.asyncIterator]();
  try {
    await pull(frames, line, { halt, fail, live: source.live }).catch(fail);
    newest?.[Symbol.dispose]();
    await withinGrace(Promise.all([pumped, frames.return?.()]));
    if (signal.aborted) throw signal.reason instanceof LivebrushError ? signal.reason : new Interrupted();
    if (halt.aborted) throw halt.reason;
    await meter.measure('finish', () => sink.finish());
  } finally {
    meter.dropped = newest?.dropped ?? 0;
    meter.stop();
  }
}
