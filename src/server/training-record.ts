import { Curves } from './training-curves.js';
import type { TrainingProgress, TrainingRow, TrainingRun, TrainingState } from './training-protocol.js';

/** Points of a curve that a page is given. */
const MOST_POINTS = 2000;
/** Names of numbers, and characters of one. */
const MOST_NAMES = 64;
const LONGEST_NAME = 80;
const MOST_RUNS = 200;
const MOST_SKIPPED = 50;
/** What tells how the training stands rather than what it learns. */
const ABOUT = new Set(['event', 'step', 'steps', 'seconds', 'left', 'skips', 'at', 'time']);

type Event = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Event =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const finite = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/**
 * The numbers of an event, those of a group within it as `group/name`. JSON writes null for what is not finite.
 * @param names those known so far; as many more are taken as there is room for.
 */
function numbersOf(event: Event, names: Set<string>): Record<string, number | null> {
  const flat = Object.entries(event).flatMap(([name, value]) =>
    isRecord(value)
      ? Object.entries(value).map(([inner, one]) => [`${name}/${inner}`, one] as const)
      : [[name, value] as const],
  );
  const numbers = flat.filter(([name, value]) => {
    if (typeof value !== 'number' && value !== null) return false;
    if (ABOUT.has(name) || name.length > LONGEST_NAME || name in Object.prototype) return false;
    if (names.size < MOST_NAMES) names.add(name);
    return names.has(name);
  });
  return Object.fromEntries(numbers.map(([name, value]) => [name, finite(value)]));
}

/** A line as an event; one that a cut-off line stands before, too. */
function parse(line: string): Event | undefined {
  for (const from of new Set([0, line.lastIndexOf('{"event"')])) {
    try {
      const value: unknown = JSON.parse(line.slice(Math.max(0, from)));
      if (isRecord(value)) return value;
    } catch {
      // It is no event.
    }
  }
  return undefined;
}

/** What the log of a training tells, line by line; runs that went on from one another are joined. */
export class TrainingRecord {
  training = new Curves(MOST_POINTS);
  heldOut = new Curves(MOST_POINTS);
  runs: TrainingRun[] = [];
  readonly #names = new Set<string>();
  #unreadable = 0;
  #last = 0;
  #rows = 0;
  #steps: number | null = null;
  #latest: Event = {};
  #pace: number | null = null;
  #saved: number | null = null;
  #skips = 0;
  #skipped: number[] = [];
  #ended: TrainingState | undefined;

  /**
   * Takes a line. @returns the row that it adds; 'anew' where rows before it no longer count; undefined when it adds
   * none.
   */
  take(line: string | undefined): TrainingRow | 'anew' | undefined {
    if (line?.trim() === '') return undefined;
    const event = line === undefined ? undefined : parse(line);
    const step = finite(event?.step);
    if (!event || typeof event.event !== 'string' || step === null || step < 0 || !Number.isInteger(step)) {
      this.#unreadable++;
      return undefined;
    }
    if (event.event === 'begin') return this.#begin(step, event);
    const back = step < this.#last;
    if (back) this.#rewind(step - 1);
    if (back) this.runs = [...this.runs, { step: step - 1, at: null, options: {} }].slice(-MOST_RUNS);
    this.#last = step;
    const row = this.#row(step, event);
    return back ? 'anew' : row;
  }

  #row(step: number, event: Event): TrainingRow | undefined {
    this.#ended = undefined;
    if (event.event === 'saved') this.#saved = step;
    if (event.event === 'end') this.#end(event.reason);
    if (event.event === 'skipped') this.#skipped = [...this.#skipped, step].slice(-MOST_SKIPPED);
    const learns = event.event === 'step' || event.event === 'skipped';
    if (!learns && event.event !== 'evaluation') return undefined;
    if (learns) this.#advance(step, event);
    const kind = learns ? 'training' : 'heldOut';
    const values = numbersOf(event, this.#names);
    this[kind].push(step, values);
    this.#rows++;
    return { kind, step, values };
  }

  #advance(step: number, event: Event): void {
    const between = (finite(event.seconds) ?? 0) - (finite(this.#latest.seconds) ?? 0);
    if (between > 0) this.#pace = between;
    this.#skips = finite(event.skips) ?? this.#skips + Number(event.event === 'skipped');
    this.#latest = { ...this.#latest, ...event, step };
  }

  #begin(step: number, event: Event): 'anew' {
    const options = isRecord(event.options) ? event.options : {};
    const at = typeof event.at === 'string' ? event.at.slice(0, 40) : null;
    this.#rewind(step);
    // A run that made no steps before the next one began leaves nothing behind.
    this.runs = [...this.runs.filter((run) => run.step < step), { step, at, options }].slice(-MOST_RUNS);
    this.#steps = finite(event.steps) ?? finite(options.steps);
    this.#last = step;
    this.#ended = undefined;
    return 'anew';
  }

  #rewind(step: number): void {
    this.training.rewind(step);
    this.heldOut.rewind(step);
    this.#skipped = this.#skipped.filter((skipped) => skipped <= step);
    if (this.#saved !== null && this.#saved > step) this.#saved = null;
  }

  #end(reason: unknown): void {
    this.#ended = reason === 'done' || reason === 'stopped' ? reason : 'failed';
  }

  /** Steps of the whole; reckoned from the time left where the log does not tell. */
  #whole(): number | null {
    if (this.#steps !== null) return this.#steps;
    const [step, left, rate] = [this.#latest.step, this.#latest.left, this.#latest.stepsPerSecond].map(
      finite,
    );
    return step == null || left == null || rate == null ? null : Math.round(step + left * rate);
  }

  /** @param changed when the log last grew and @param now, both in milliseconds. */
  progress(changed: number | undefined, now: number): TrainingProgress {
    const steps = this.#whole();
    const { seconds, stepsPerSecond, left } = this.#latest;
    return {
      state: this.#state(steps, changed, now),
      step: this.#last,
      steps,
      ...{ seconds: finite(seconds), stepsPerSecond: finite(stepsPerSecond), left: finite(left) },
      ...{ saved: this.#saved, skips: this.#skips, skipped: this.#skipped },
      ...{ changed: changed ?? null, unreadable: this.#unreadable },
    };
  }

  #state(steps: number | null, changed: number | undefined, now: number): TrainingState {
    if (this.#ended) return this.#ended;
    if (changed === undefined || (this.#rows === 0 && this.runs.length === 0)) return 'waiting';
    if (steps !== null && this.#last >= steps && this.#saved === this.#last) return 'done';
    const patienceMs = 1000 * Math.max(120, 6 * (this.#pace ?? 0));
    return now - changed > patienceMs ? 'quiet' : 'running';
  }
}
