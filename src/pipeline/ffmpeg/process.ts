import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Unsupported } from '../../errors.js';
import { StderrTail } from './stderr-tail.js';

/** How a program is confined, fed and ended. */
export interface ProcessOptions {
  /** It may write no files and use no more than 8 GiB of memory, where the system can see to that. */
  readonly confined?: boolean;
  /** Whether we write to its standard input; else it has none. */
  readonly stdin?: boolean;
  /** Milliseconds after which it is killed, by the clock on the wall. */
  readonly limitMs?: number;
  /** Ends it when it aborts. */
  readonly signal?: AbortSignal;
}

/** How a process ended. */
export interface Ended {
  /** Its exit status; undefined when a signal ended it. */
  readonly code: number | undefined;
  /** It was killed because its time was over. */
  readonly overtime: boolean;
  /** What it wrote to standard error, first and last lines. */
  readonly errors: StderrTail;
  /** Why it could not be started at all. */
  readonly failure: Error | undefined;
}

/** Time between asking a process to end and ending it, in milliseconds. */
const GRACE_MS = 500;
/** Of our environment, what ffmpeg and its drivers need; nothing secret and no FFREPORT, which writes files. */
const ENVIRONMENT =
  /^(PATH|HOME|TMPDIR|TEMP|TMP|SYSTEMROOT|WINDIR|LANG|LC_ALL|DISPLAY|(DY)?LD_LIBRARY_PATH|XDG_RUNTIME_DIR)$|^(LIBVA|VDPAU|CUDA|NVIDIA|VK|MFX|ONEVPL)_/i;

/**
 * Sets limits, as far as the system lets it, and becomes the program given after it. `-v` counts KiB, `-f` blocks.
 */
const CONFINE = '{ ulimit -c 0; ulimit -f 0; ulimit -v 8388608; } 2>/dev/null; exec "$@"';

/** Processes alive, each with its folder: none outlives this program, however it exits. */
const alive = new Map<ChildProcess, string>();
process.on('exit', () => {
  for (const [child, folder] of alive) {
    kill(child, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});

function launch([file, ...args]: readonly string[], cwd: string, stdin: boolean): ChildProcess {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name)));
  try {
    return spawn(file!, args, {
      cwd,
      env: { ...env, AV_LOG_FORCE_NOCOLOR: '1', SVT_LOG: '1' },
      detached: process.platform !== 'win32',
      stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
  } catch (cause) {
    rmSync(cwd, { recursive: true, force: true });
    throw new Unsupported(`${file} cannot be started.`, { cause });
  }
}

/** Signals the process, unless it has ended, and everything that it started. */
function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) signalGroup(child, signal);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // None of them is left.
  }
}

/**
 * A program in a process group of its own, its arguments read by no shell, in an empty folder, with little of our environment.
 * Disposing ends it and waits until it is gone.
 */
export class IsolatedProcess implements AsyncDisposable {
  /** Resolves, never rejects, when the process is gone and all it wrote to standard error is read. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #overtime = false;

  private constructor(child: ChildProcess, folder: string, { limitMs, signal }: ProcessOptions) {
    this.#child = child;
    const errors = new StderrTail(child.stderr!);
    const stop = () => this.stop();
    const late = () => {
      this.#overtime = true;
      stop();
    };
    const timer = limitMs === undefined ? undefined : setTimeout(late, limitMs);
    signal?.addEventListener('abort', stop, { once: true });
    // A broken pipe means that the process is gone, which `ended` tells.
    child.stdin?.on('error', () => {});
    this.ended = new Promise<Error | undefined>((resolve) => {
      child.once('error', resolve);
      child.once('exit', () => {
        // What it left running would keep its pipes open.
        signalGroup(child, 'SIGKILL');
        errors.closed.then(() => resolve(undefined));
      });
    }).then(async (failure) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      alive.delete(child);
      await rm(folder, { recursive: true, force: true });
      const code = failure ? undefined : (child.exitCode ?? undefined);
      return { code, overtime: this.#overtime, errors, failure };
    });
    if (signal?.aborted) stop();
  }

  static async start(file: string, args: readonly string[], options: ProcessOptions = {}) {
    const cwd = await mkdtemp(join(tmpdir(), 'livebrush-'));
    const confined = options.confined && process.platform !== 'win32';
    const command = confined ? ['/bin/sh', '-c', CONFINE, 'sh', file, ...args] : [file, ...args];
    const child = launch(command, cwd, options.stdin ?? false);
    alive.set(child, cwd);
    return new IsolatedProcess(child, cwd, options);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Only with the option `stdin`. */
  get stdin(): Writable {
    return this.#child.stdin!;
  }

  get stdout(): Readable {
    return this.#child.stdout!;
  }

  /** Closes its pipes, so that it blocks on none of them, and ends it. */
  stop(): void {
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    kill(this.#child, 'SIGTERM');
    const timer = setTimeout(() => kill(this.#child, 'SIGKILL'), GRACE_MS);
    void this.ended.then(() => clearTimeout(timer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.ended;
  }
}
