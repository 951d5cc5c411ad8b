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

/** Frames between source and sink at any moment, the one being decoded among them: bounds memory. */
const IN_FLIGHT = 4;
/** How long a stopped run waits for a source, stage or sink that does not heed its signal, in milliseconds. */
const GRACE_MS = 1500;

interface Step {
  readonly name: string;
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

/** Runs a step on a frame once the frame before it is through that step; the input is let go of either way. */
async function inTurn(
  turn: Promise<unknown>,
  input: Promise<Frame | undefined>,
  run: (frame: Frame) => Promise<Frame | undefined>,
  halt: AbortSignal,
): Promise<Frame | undefined> {
  using frame = await input;
  await turn;
  halt.throwIfAborted();
  return frame && (await run(frame));
}

/** Steps one after the other for each frame, side by side for successive frames, which keep their order at every step. */
class AssemblyLine {
  /** The last frame's passage through each step. */
  readonly #lanes: Promise<unknown>[];

  constructor(
    readonly steps: readonly Step[],
    readonly meter: Meter,
    readonly halt: AbortSignal,
  ) {
    this.#lanes = steps.map(() => Promise.resolve());
  }

  /** Sends a frame, taken over, through all steps. */
  async send(frame: Frame): Promise<void> {
    let at: Promise<Frame | undefined> = Promise.resolve(frame);
    for (const [i, step] of this.steps.entries()) {
      const timed = (input: Frame) => this.meter.measure(step.name, () => step.run(input));
      at = inTurn(this.#lanes[i]!, at, timed, this.halt);
      this.#lanes[i] = at;
    }
    (await at)?.[Symbol.dispose]();
  }

  /** Resolves when the last frame has left a step. */
  async free(step: number): Promise<void> {
    await this.#lanes[step]?.catch(() => undefined);
  }
}

/** Pulls frames and sends them off, at most `IN_FLIGHT` at a time, until the source ends or `halt` aborts. */
async function pull(
  frames: AsyncIterator<Frame>,
  line: AssemblyLine,
  { halt, fail, live }: { halt: AbortSignal; fail: (error: unknown) => void; live: boolean },
): Promise<void> {
  const flights: Promise<void>[] = [];
  while (!halt.aborted) {
    // A live frame is taken only when the stages are free for it: until then a newer one may replace it.
    if (live) await unlessAborted(line.free(Math.max(0, line.steps.length - 2)), halt);
    const pending = line.meter.measure('decode', () => frames.next());
    const next = await unlessAborted(pending, halt);
    if (!next) await withinGrace(pending.then(({ value }) => value?.[Symbol.dispose]()));
    if (!next || next.done) break;
    flights.push(line.send(next.value).catch(fail));
    while (flights.length >= IN_FLIGHT) await unlessAborted(flights.shift()!, halt);
  }
  const landed = Promise.all(flights);
  await unlessAborted(landed, halt);
  if (halt.aborted) await withinGrace(landed);
}

/**
 * The only loop: pulls every frame of the source through the stages into the sink, in order, then finishes the
 * sink. While one frame is painted the next is decoded and the one before is written. A live source goes through
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
  const line = new AssemblyLine([...stages, write], meter, halt);
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
