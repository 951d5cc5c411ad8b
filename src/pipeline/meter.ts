import { performance } from 'node:perf_hooks';

/** What a run has done so far, as plain JSON. */
export interface MeterReport {
  /** Frames that reached the sink. */
  readonly frames: number;
  /** Frames of a live source that were never painted, because a newer one came. */
  readonly dropped: number;
  /** Wall-clock seconds since the run began. */
  readonly seconds: number;
  /** Frames a second over the whole run. */
  readonly fps: number;
  /** Mean milliseconds per call of each step: `decode`, the stages by name, `encode`. Steps overlap, so they do not add up. */
  readonly stages: Readonly<Record<string, number>>;
  /** Seconds in which each step worked on a frame, or on several. */
  readonly busy: Readonly<Record<string, number>>;
}

/** What is known of a step. */
interface Step {
  calls: number;
  ms: number;
  /** Calls under way, and since when there are any. */
  open: number;
  since: number;
  busyMs: number;
}

const RECENT = 48;
const round = (value: number, digits: number) => Number(value.toFixed(digits));

/** Counts and times the steps of one run. It costs two clock readings per step. */
export class Meter {
  frames = 0;
  dropped = 0;
  readonly #began = performance.now();
  #ended: number | undefined;
  readonly #steps = new Map<string, Step>();
  readonly #recent: number[] = [];

  /** @param onStep told of each call of a step and its milliseconds. */
  constructor(readonly onStep?: (step: string, ms: number) => void) {}

  /** Runs `work` and adds its time to a step, also when it throws. */
  async measure<T>(step: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const entry = this.#steps.get(step) ?? { calls: 0, ms: 0, open: 0, since: 0, busyMs: 0 };
    this.#steps.set(step, entry);
    if (entry.open++ === 0) entry.since = began;
    try {
      return await work();
    } finally {
      const now = performance.now();
      entry.calls++;
      entry.ms += now - began;
      if (--entry.open === 0) entry.busyMs += now - entry.since;
      this.onStep?.(step, now - began);
    }
  }

  /** One more frame stands in the sink. */
  count(): void {
    this.frames++;
    this.#recent.push(performance.now());
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  /** The run is over: the clock of `seconds` and `fps` stops. */
  stop(): void {
    this.#ended ??= performance.now();
  }

  /** Frames a second over the last frames; 0 before the second frame. */
  get recentFps(): number {
    const [first] = this.#recent;
    const last = this.#recent.at(-1);
    if (first === undefined || last === undefined || last <= first) return 0;
    return ((this.#recent.length - 1) * 1000) / (last - first);
  }

  report(): MeterReport {
    const seconds = ((this.#ended ?? performance.now()) - this.#began) / 1000;
    const done = [...this.#steps].filter(([, { calls }]) => calls > 0);
    const stages = done.map(([name, { calls, ms }]) => [name, round(ms / calls, 3)] as const);
    const busy = done.map(([name, { busyMs }]) => [name, round(busyMs / 1000, 3)] as const);
    return {
      frames: this.frames,
      dropped: this.dropped,
      seconds: round(seconds, 3),
      fps: seconds > 0 ? round(this.frames / seconds, 2) : 0,
      stages: Object.fromEntries(stages),
      busy: Object.fromEntries(busy),
    };
  }
}
