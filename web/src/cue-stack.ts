import type { LookState, Share } from '../../src/server/protocol.js';

/** A look kept under a name, and how long it takes to come. */
export interface StackCue {
  readonly id: string;
  readonly name: string;
  readonly mix: readonly Share[];
  readonly strength: number;
  readonly keepColor: number;
  readonly steady: number;
  readonly fadeMs: number;
}

/** Cues in the order they are played in. `at` is the one that holds; -1 before the first. */
export interface CueStack {
  readonly cues: readonly StackCue[];
  readonly at: number;
}

export const EMPTY: CueStack = { cues: [], at: -1 };
const MOST = 200;

/** Puts the present look behind the cue that holds; it is the one that holds then. */
export function addCue(stack: CueStack, look: LookState, name: string, fadeMs: number, id: string): CueStack {
  if (stack.cues.length >= MOST) return stack;
  const { mix, strength, keepColor, steady } = look;
  const cue: StackCue = { id, name, mix, strength, keepColor, steady, fadeMs };
  const at = stack.at + 1;
  return { cues: [...stack.cues.slice(0, at), cue, ...stack.cues.slice(at)], at };
}

/**
 * The stack after a step forward (1) or back (-1), over cues that cannot be played; it stays at its ends. Where none
 * that can is left, it is at the next one.
 */
export function step({ cues, at }: CueStack, by: number, plays = (_: StackCue) => true): CueStack {
  const next = cues.length === 0 ? -1 : Math.max(0, Math.min(cues.length - 1, at + by));
  for (let to = at + by; ; to += by) {
    const cue = cues[to];
    if (!cue) return { cues, at: next };
    if (plays(cue)) return { cues, at: to };
  }
}

/** The styles of a cue that are not among those there are. */
export const lacking = ({ mix }: StackCue, styles: readonly string[]): string[] =>
  mix.map(({ style }) => style).filter((style) => !styles.includes(style));

export const goTo = ({ cues }: CueStack, at: number): CueStack => ({
  cues,
  at: Math.max(-1, Math.min(cues.length - 1, at)),
});

/** Takes a cue out; which one holds stays, as far as it is still there. */
export function removeCue({ cues, at }: CueStack, index: number): CueStack {
  const left = cues.filter((_, i) => i !== index);
  return { cues: left, at: Math.min(index < at ? at - 1 : at, left.length - 1) };
}

/** Moves a cue by one place; the one that holds goes with it. */
export function moveCue({ cues, at }: CueStack, index: number, by: 1 | -1): CueStack {
  const to = index + by;
  if (to < 0 || to >= cues.length || !cues[index]) return { cues, at };
  const moved = [...cues];
  const [cue] = moved.splice(index, 1);
  moved.splice(to, 0, cue as StackCue);
  return { cues: moved, at: at === index ? to : at === to ? index : at };
}

export const editCue = ({ cues, at }: CueStack, index: number, edit: Partial<StackCue>): CueStack => ({
  cues: cues.map((cue, i) => (i === index ? { ...cue, ...edit } : cue)),
  at,
});

const isCue = (it: unknown): it is StackCue => {
  const cue = it as StackCue | undefined;
  return (
    typeof cue?.id === 'string' &&
    typeof cue.name === 'string' &&
    Array.isArray(cue.mix) &&
    cue.mix.length > 0 &&
    [cue.strength, cue.keepColor, cue.steady, cue.fadeMs].every((value) => Number.isFinite(value))
  );
};

/** A stack from what the browser kept; what is no cue is left out. */
export function readStack(raw: unknown): CueStack {
  const { cues, at } = (raw ?? {}) as Partial<CueStack>;
  const good = Array.isArray(cues) ? cues.filter(isCue).slice(0, MOST) : [];
  return goTo({ cues: good, at: -1 }, Number.isInteger(at) ? (at as number) : -1);
}
