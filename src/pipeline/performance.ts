import { beginCue, type Cue, type CueChange, type CueState, moodAt, openCues, stylesOf } from './cues.js';
import type { Mix, Mood } from './look.js';

/** A change of the look that waits for its frame. */
export interface PlannedChange {
  readonly id: string;
  /** What it changes; a change may begin a cycle as well, or instead. */
  readonly change?: CueChange;
  readonly cycle?: Turns;
  /** The frame to begin at, or the first one at or after a time in microseconds; neither: the next one. */
  readonly atFrame?: number;
  readonly atTimestamp?: number;
}

/** A new style every so many frames, until the style is changed in another way. */
export interface Turns {
  readonly styles: readonly string[];
  readonly everyFrames: number;
}

/** A change that took effect. */
export interface AppliedChange {
  readonly id: string;
  readonly frame: number;
  /** Of that frame, in microseconds of the live clock. */
  readonly timestamp: number;
  /** What holds once its fade is over. */
  readonly mood: Mood;
  readonly cycle: Turns | undefined;
}

/** One line of the log: a change, or a step of a cycle, at the frame it took effect on. */
interface Played {
  readonly timestamp: number;
  readonly change: CueChange;
}

/** Changes that wait at once, and steps that the log keeps; the oldest go. */
const MOST_PLANNED = 1000;
const MOST_PLAYED = 9990;
/** By how much a cue may precede its frame, in seconds: containers round times, by up to half a millisecond. */
const EARLY_S = 0.0005;

/** How a stream shall look, frame by frame, as people change it while it runs; and what they played. */
export class Performance {
  #state: CueState;
  #planned: PlannedChange[] = [];
  #cycle: (Turns & { readonly start: number }) | undefined;
  readonly #log: Played[] = [];
  /** How things stood before the first line of the log. */
  #opening: Mood;
  #frame = -1;
  #timestamp = 0;

  /** @param onApplied told of every change, on its frame; not of the steps of a cycle. */
  constructor(
    mood: Mood,
    readonly onApplied: (applied: AppliedChange) => void = () => {},
  ) {
    this.#opening = mood;
    this.#state = openCues([], mood);
  }

  /** Number of the newest frame; -1 before the first. */
  get frame(): number {
    return this.#frame;
  }

  /** Time of the newest frame. */
  get timestamp(): number {
    return this.#timestamp;
  }

  get cycle(): Turns | undefined {
    return this.#cycle && { styles: this.#cycle.styles, everyFrames: this.#cycle.everyFrames };
  }

  /** What holds once every fade under way is over. */
  get mood(): Mood {
    return moodAt(this.#state, Number.POSITIVE_INFINITY);
  }

  /** Styles of how it looks, and of changes that wait, by name. */
  get styles(): string[] {
    const { from, to } = this.#state.mix;
    const changes = this.#planned.flatMap(({ change }) => change ?? []);
    const cycles = [this.#cycle, ...this.#planned.map(({ cycle }) => cycle)];
    return [
      ...[...from.keys(), ...to.keys(), ...stylesOf(changes)],
      ...cycles.flatMap((cycle) => cycle?.styles ?? []),
    ];
  }

  /** Whether there is room for one more change. */
  get full(): boolean {
    return this.#planned.length >= MOST_PLANNED;
  }

  /** Whether frames would change something by themselves. */
  get waiting(): boolean {
    return this.#planned.length > 0 || this.#cycle !== undefined;
  }

  /** Puts a change in line; one without a time takes effect on the next frame. */
  plan(change: PlannedChange): void {
    this.#planned.push(change);
  }

  /** Takes back a change that has not begun. @returns whether there was one. */
  cancel(id: string): boolean {
    const left = this.#planned.filter((planned) => planned.id !== id);
    const found = left.length < this.#planned.length;
    this.#planned = left;
    return found;
  }

  /** The look of the next frame: everything that is due begins, in the order it was asked for. */
  next({ timestamp }: { readonly timestamp: number }): Mood {
    this.#frame++;
    this.#timestamp = timestamp;
    const due = this.#planned.filter((planned) => this.#due(planned));
    if (due.length > 0) this.#planned = this.#planned.filter((planned) => !this.#due(planned));
    for (const planned of due) this.#begin(planned);
    this.#turn();
    return moodAt(this.#state, timestamp);
  }

  /**
   * What was played between two times, as a cue list for a recording whose first frame is at `from`: how things stood
   * there, then every change and every step of a cycle.
   */
  cues(from: number, to = Number.POSITIVE_INFINITY): Cue[] {
    const played = this.#log.filter(({ timestamp }) => timestamp < to);
    const next = played.findIndex(({ timestamp }) => timestamp > from);
    const split = next < 0 ? played.length : next;
    const opening = this.#standing(played.slice(0, split), from);
    const later = played.slice(split);
    const cuts = new Set(later.filter(({ change }) => change.fadeMs === 0).map(({ timestamp }) => timestamp));
    const rest = later.map(({ timestamp, change }) => {
      const at = (timestamp - from) / 1e6;
      // A fade counts from its own time, which has to be exact: it begins with the old look, on any frame nearby.
      // Changes of one frame stay together, though, so that they keep their order.
      return { at: cuts.has(timestamp) ? Math.max(0, at - EARLY_S) : at, ...change };
    });
    return [...opening, ...rest];
  }

  /** The changes that make the look at a time, as cues at 0. */
  #standing(before: readonly Played[], from: number): Cue[] {
    let state = openCues([], this.#opening);
    for (const { timestamp, change } of before) state = beginCue(state, change, timestamp);
    return [{ at: 0, ...cueOf(moodAt(state, from)) }, ...fadesLeft(state, from)];
  }

  #due({ atFrame, atTimestamp }: PlannedChange): boolean {
    return (atFrame ?? 0) <= this.#frame && (atTimestamp ?? 0) <= this.#timestamp;
  }

  #begin({ id, change, cycle }: PlannedChange): void {
    if (cycle) this.#cycle = { ...cycle, start: this.#frame };
    else if (change?.style !== undefined) this.#cycle = undefined;
    if (change) this.#play(change);
    if (cycle) this.#turn();
    this.onApplied({
      ...{ id, frame: this.#frame, timestamp: this.#timestamp, mood: this.mood, cycle: this.cycle },
    });
  }

  #turn(): void {
    if (!this.#cycle) return;
    const { start, everyFrames, styles } = this.#cycle;
    const turns = (this.#frame - start) / everyFrames;
    if (!Number.isInteger(turns)) return;
    const style = styles[turns % styles.length]!;
    const { mix } = this.mood;
    if (mix.size !== 1 || !mix.has(style)) this.#play({ style, fadeMs: 0 });
  }

  #play(change: CueChange): void {
    this.#state = beginCue(this.#state, change, this.#timestamp);
    this.#log.push({ timestamp: this.#timestamp, change });
    if (this.#log.length > MOST_PLAYED) this.#forget();
  }

  #forget(): void {
    const oldest = this.#log.shift()!;
    const state = beginCue(openCues([], this.#opening), oldest.change, oldest.timestamp);
    this.#opening = moodAt(state, Number.POSITIVE_INFINITY);
  }
}

/** A mood as what a cue changes: all of it. */
const cueOf = ({ mix, ...rest }: Mood): CueChange => ({ style: styleOf(mix), ...rest, fadeMs: 0 });

const styleOf = (mix: Mix) =>
  [...mix].filter(([, share]) => share > 0).map(([style, weight]) => ({ style, weight }));

/** What is left of the fades under way at a time, as cues at 0: a part of a straight line is one. */
function fadesLeft({ mix, strength, keepColor, steady }: CueState, time: number): Cue[] {
  const left = ({ startUs, fadeUs }: { startUs: number; fadeUs: number }) => (startUs + fadeUs - time) / 1000;
  const fades = [
    { fadeMs: left(mix), style: styleOf(mix.to) },
    { fadeMs: left(strength), strength: strength.to },
    { fadeMs: left(keepColor), keepColor: keepColor.to },
    { fadeMs: left(steady), steady: steady.to },
  ];
  return fades.filter(({ fadeMs }) => fadeMs > 0).map((fade) => ({ at: 0, ...fade }));
}
