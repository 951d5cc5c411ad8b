import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { folders } from '../config.js';
import { BadInput, Interrupted } from '../errors.js';
import { log } from '../log.js';

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

const PROGRAM = join(folders.package, 'bin', 'livebrush.cjs');
/** A child that does not end by itself when asked to is ended after this time, in milliseconds. */
const PATIENCE_MS = 5000;
/** Of 0 to 19: streams go first. */
const NICE = 10;

/** The environment of a child: nothing of the server's settings, among which are tokens. */
function childEnv(): NodeJS.ProcessEnv {
  const keep = (name: string) => !name.startsWith('LIVEBRUSH_') || /^LIVEBRUSH_(CACHE|HOME)$/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => keep(name)));
}

interface Line {
  readonly progress?: { readonly frames?: number; readonly of?: number; readonly fps?: number };
  readonly frames?: number;
  readonly error?: { readonly message?: string };
}

function parse(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return {};
  }
}

/** Runs `livebrush transcode` as a process of its own, so that what a video breaks is not the server. */
export const transcodeApart: Transcode = async ({ args, cwd, signal, onStep }) => {
  if (signal.aborted) throw new Interrupted();
  const child = spawn(process.execPath, [PROGRAM, 'transcode', ...args, '--json'], {
    cwd,
    env: childEnv(),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let last: Line = {};
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = parse(text);
    const { frames = 0, of, fps = 0 } = line.progress ?? {};
    if (line.progress) onStep({ frames, fps, ...(of === undefined ? {} : { total: of }) });
    else last = line;
  });
  let force: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    force = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (child.pid !== undefined) setPriority(child.pid, NICE);
  } catch (error) {
    log.debug({ err: error }, 'a transcode keeps the usual priority');
  }
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (signal.aborted) throw new Interrupted();
    if (code !== 0) throw new BadInput(last.error?.message ?? 'The transcode failed.');
    if (last.frames !== undefined) onStep({ frames: last.frames, total: last.frames, fps: 0 });
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(force);
  }
};
