import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { folders } from '../config.js';
import { BadInput, Interrupted } from '../errors.js';
import { log } from '../log.js';

/** A command of Livebrush to run as a process of its own. */
export interface ApartOptions {
  /** The command and what it is given; `--json` is added. */
  readonly args: readonly string[];
  /** Working folder: one of its own, since names of styles are looked for in it too. */
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Of 0 to 19: how far it gives way to streams. */
  readonly niceness: number;
  /** Called with each line that is a JSON object. */
  readonly onLine: (line: Readonly<Record<string, unknown>>) => void;
}

const PROGRAM = join(folders.package, 'bin', 'livebrush.cjs');
/** A child that does not end by itself when asked to is ended after this time, in milliseconds. */
const PATIENCE_MS = 5000;

/** The environment of a child: nothing of the server's settings, among which are tokens. */
function childEnv(): NodeJS.ProcessEnv {
  const keep = (name: string) => !name.startsWith('LIVEBRUSH_') || /^LIVEBRUSH_(CACHE|HOME)$/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => keep(name)));
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null ? (line as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The sentence of a line that tells a failure, as `--json` prints it. */
function failureOf({ error }: Readonly<Record<string, unknown>>): string | undefined {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : undefined;
}

/**
 * Runs a command of Livebrush as a process of its own, so that what breaks it does not break the server.
 * @throws BadInput with the sentence it failed with, Interrupted.
 */
export async function runApart({ args, cwd, signal, niceness, onLine }: ApartOptions): Promise<void> {
  if (signal.aborted) throw new Interrupted();
  const child = spawn(process.execPath, [PROGRAM, ...args, '--json'], {
    ...{ cwd, env: childEnv(), stdio: ['ignore', 'pipe', 'pipe'] },
  });
  let failure: string | undefined;
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on('line', (text) => {
      const line = parse(text);
      if (!line) return;
      failure = failureOf(line) ?? failure;
      onLine(line);
    });
  let force: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill('SIGTERM');
    force = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (child.pid !== undefined) setPriority(child.pid, niceness);
  } catch (error) {
    log.debug({ err: error }, `a ${args[0]} keeps the usual priority`);
  }
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (signal.aborted) throw new Interrupted();
    if (code !== 0) throw new BadInput(failure ?? `The ${args[0]} failed.`);
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(force);
  }
}
