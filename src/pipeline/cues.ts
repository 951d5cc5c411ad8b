import { z } from 'zod';
import { BadInput } from '../errors.js';
import { type Mix, type Mood, mixOf, type Show } from './look.js';

const share = z.strictObject({
  style: z.string().min(1),
  weight: z.number().positive().max(1e6).default(1),
});

/** One entry of a cue list. What it does not name stays as it is. */
const cue = z
  .strictObject({
    /** Seconds from the first painted frame: the cue begins with the first frame at or after it. */
    at: z.number().nonnegative().max(1e8).optional(),
    /** Or the painted frame it begins with, counted from 0. */
    frame: z.int().nonnegative().optional(),
    style: z.union([z.string().min(1), z.array(share).min(1).max(64)]).optional(),
    strength: z.number().min(0).max(1).optional(),
    /** `true` is 1: all of the source's colours. */
    keepColor: z.union([z.boolean(), z.number().min(0).max(1)]).optional(),
    /** How much of the painting is held where nothing moves, 0 to 1. */
    steady: z.number().min(0).max(1).optional(),
    /** The painting, the source as it is, or black; never fades. */
    show: z.enum(['paint', 'bypass', 'blackout']).optional(),
    /** Milliseconds over which the old look becomes the new one, linearly in time. */
    fadeMs: z.number().nonnegative().max(86_400_000).default(0),
  })
  .refine(({ at, frame }) => (at === undefined) !== (frame === undefined), {
    message: 'needs either "at" (seconds) or "frame"',
  })
  .refine(
    ({ style, strength, keepColor, steady, show }) =>
      [style, strength, keepColor, steady, show].some((it) => it !== undefined),
    { message: 'changes nothing: it names no style, strength, keepColor, steady or show' },
  );
export type Cue = z.infer<typeof cue>;

const MAX_CUES = 10_000;

/** Reads a cue list. @throws BadInput naming the first entry that is wrong, counted from 1. */
export function readCues(text: string, what = 'The cue list'): Cue[] {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw new BadInput(`${what} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  const hint = 'It is a list such as [{"at": 2.5, "style": "wave", "fadeMs": 500}].';
  if (!Array.isArray(raw)) throw new BadInput(`${what} is not a list of cues.`, { hint });
  if (raw.length > MAX_CUES)
    throw new BadInput(`${what} has ${raw.length} cues; at most ${MAX_CUES} are read.`);
  return raw.map((entry, i) => {
    const read = cue.safeParse(entry);
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    const where = issue?.path.length ? ` ${issue.path.join('.')}:` : '';
    throw new BadInput(`${what}, entry ${i + 1}:${where} ${issue?.message}.`, { hint });
  });
}

const partsOf = (style: NonNullable<Cue['style']>) =>
  typeof style === 'string' ? [{ style, weight: 1 }] : style;

/** Every style that cues name, once. */
export function stylesOf(cues: readonly Pick<Cue, 'style'>[]): string[] {
  return [...new Set(cues.flatMap(({ style }) => (style ? partsOf(style).map((part) => part.style) : [])))];
}

/** A value on its way from one state to another. */
interface Track<T> {
  readonly from: T;
  readonly to: T;
  readonly startUs: number;
  readonly fadeUs: number;
}

/** Where a cue list stands at a frame. */
export interface CueState {
  /** Cues that have not begun: by time, then by frame. */
  readonly timed: readonly Cue[];
  readonly framed: readonly Cue[];
  readonly mix: Track<Mix>;
  readonly strength: Track<number>;
  readonly keepColor: Track<number>;
  readonly steady: Track<number>;
  readonly show: Show;
}

const still = <T>(value: T): Track<T> => ({ from: value, to: value, startUs: 0, fadeUs: 0 });

/** The state before the first frame: the look that was asked for, all cues still to come. */
export function openCues(cues: readonly Cue[], mood: Mood): CueState {
  return {
    timed: cues.filter(({ at }) => at !== undefined).sort((a, b) => a.at! - b.at!),
    framed: cues.filter(({ frame }) => frame !== undefined).sort((a, b) => a.frame! - b.frame!),
    mix: still(mood.mix),
    strength: still(mood.strength),
    keepColor: still(mood.keepColor),
    steady: still(mood.steady),
    show: mood.show,
  };
}

type Lerp<T> = (from: T, to: T, share: number) => T;

const lerp: Lerp<number> = (from, to, share) => from + (to - from) * share;

const lerpMix: Lerp<Mix> = (from, to, share) =>
  new Map(
    [...new Set([...from.keys(), ...to.keys()])].map((name) => [
      name,
      lerp(from.get(name) ?? 0, to.get(name) ?? 0, share),
    ]),
  );

function valueAt<T>({ from, to, startUs, fadeUs }: Track<T>, timeUs: number, between: Lerp<T>): T {
  const passed = timeUs - startUs;
  if (passed >= fadeUs) return to;
  return passed <= 0 ? from : between(from, to, passed / fadeUs);
}

/** A track that leaves for `to` from wherever it is at `startUs`. */
const turned = <T>(track: Track<T>, to: T | undefined, startUs: number, fadeUs: number, between: Lerp<T>) =>
  to === undefined ? track : { from: valueAt(track, startUs, between), to, startUs, fadeUs };

/** What a cue changes, without the time that it begins at. */
export type CueChange = Omit<Cue, 'at' | 'frame'>;

/** The state once a cue has begun at a time, in microseconds. */
export function beginCue(state: CueState, cue: CueChange, startUs: number): CueState {
  const fadeUs = cue.fadeMs * 1000;
  const mix = cue.style === undefined ? undefined : mixOf(partsOf(cue.style));
  const keepColor = cue.keepColor === undefined ? undefined : Number(cue.keepColor);
  return {
    ...state,
    mix: turned(state.mix, mix, startUs, fadeUs, lerpMix),
    strength: turned(state.strength, cue.strength, startUs, fadeUs, lerp),
    keepColor: turned(state.keepColor, keepColor, startUs, fadeUs, lerp),
    steady: turned(state.steady, cue.steady, startUs, fadeUs, lerp),
    show: cue.show ?? state.show,
  };
}

const microseconds = (cue: Cue) => Math.round(cue.at! * 1e6);

/** Frames lie on whole microseconds, rounded by whoever read them; a cue meant for one may be off by that much. */
const SLACK_US = 1;

/**
 * The state at the next frame: cues that are due begin, those with a time first. A fade counts from its cue's own
 * time, or from the time of its cue's frame.
 * @param index of the frame, from 0. @param timeUs microseconds from the first frame, never less than before.
 */
export function advanceCues(state: CueState, index: number, timeUs: number): CueState {
  let next = state;
  while (next.timed.length > 0 && microseconds(next.timed[0]!) <= timeUs + SLACK_US) {
    const [cue, ...timed] = next.timed;
    next = beginCue({ ...next, timed }, cue!, Math.min(microseconds(cue!), timeUs));
  }
  while (next.framed.length > 0 && next.framed[0]!.frame! <= index) {
    const [cue, ...framed] = next.framed;
    next = beginCue({ ...next, framed }, cue!, timeUs);
  }
  return next;
}

/** The look at a time, in microseconds from the first frame. */
export function moodAt({ mix, strength, keepColor, steady, show }: CueState, timeUs: number): Mood {
  return {
    mix: valueAt(mix, timeUs, lerpMix),
    strength: valueAt(strength, timeUs, lerp),
    keepColor: valueAt(keepColor, timeUs, lerp),
    steady: valueAt(steady, timeUs, lerp),
    show,
  };
}

/** Plays a cue list over frames that come in order: the look of each. */
export function playCues(cues: readonly Cue[], mood: Mood): (frame: { timestamp: number }) => Mood {
  let state = openCues(cues, mood);
  let index = 0;
  let first: number | undefined;
  return ({ timestamp }) => {
    first ??= timestamp;
    state = advanceCues(state, index++, timestamp - first);
    return moodAt(state, timestamp - first);
  };
}
