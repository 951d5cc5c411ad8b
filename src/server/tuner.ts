import { runApart } from './apart.js';

/** How far a tuning has come. */
export interface TuneStep {
  readonly step: number;
  /** Seconds that the rest will take. */
  readonly left?: number;
}

/** A tuning to run. */
export interface TuneRun {
  /** Of `livebrush train style`. */
  readonly args: readonly string[];
  /** Working folder: one of its own, since a style's name may be a file there. */
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onStep: (step: TuneStep) => void;
}

/** Runs a tuning to its end. @throws BadInput with what stood in the way, Interrupted. */
export type Tune = (run: TuneRun) => Promise<void>;

/** Of 0 to 19: a tuning takes what nothing else wants. */
const NICENESS = 19;

interface Line {
  readonly event?: string;
  readonly step?: number;
  readonly left?: number;
}

/** Runs `livebrush train style` as a process of its own. */
export const tuneApart: Tune = ({ args, cwd, signal, onStep }) => {
  const onLine = ({ event, step = 0, left }: Line) => {
    if (event === 'step') onStep({ step, ...(left === undefined ? {} : { left }) });
  };
  return runApart({ args: ['train', 'style', ...args], cwd, signal, niceness: NICENESS, onLine });
};
