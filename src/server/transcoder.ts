import { runApart } from './apart.js';

/** How far a transcode has come. */
export interface Step {
  readonly frames: number;
  readonly total?: number;
  readonly fps: number;
}

/** A transcode to run. */
export interface Run {
  /** Of `livebrush transcode`. */
  readonly args: readonly string[];
  /** Working folder: one of its own, since names of styles are looked for in it too. */
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onStep: (step: Step) => void;
}

/** Runs a transcode to its end. @throws BadInput with what stood in the way, Interrupted. */
export type Transcode = (run: Run) => Promise<void>;

/** Of 0 to 19: streams go first. */
const NICENESS = 10;

interface Line {
  readonly progress?: { readonly frames?: number; readonly of?: number; readonly fps?: number };
  readonly frames?: number;
}

/** Runs `livebrush transcode` as a process of its own. */
export const transcodeApart: Transcode = async ({ args, cwd, signal, onStep }) => {
  let painted: number | undefined;
  const onLine = ({ progress, frames }: Line) => {
    if (progress) {
      const { frames: done = 0, of, fps = 0 } = progress;
      onStep({ frames: done, fps, ...(of === undefined ? {} : { total: of }) });
    } else painted = frames ?? painted;
  };
  await runApart({ args: ['transcode', ...args], cwd, signal, niceness: NICENESS, onLine });
  if (painted !== undefined) onStep({ frames: painted, total: painted, fps: 0 });
};
