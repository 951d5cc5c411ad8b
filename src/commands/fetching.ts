import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Unsupported } from '../errors.js';

/** One way to native libraries that an npm package wants: what a person is told before, and the program that does it. */
export interface Way {
  /** What is fetched, as people call it. */
  readonly what: string;
  /** The package's folder. */
  readonly folder: string;
  /** Files and folders that are fetched, from there. */
  readonly parts: readonly string[];
  readonly plan: readonly string[];
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly hint: string;
}

/** The folders with programs of packages, nearest first, as npm puts them on the PATH of install scripts. */
function binFolders(folder: string): string[] {
  const bins: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    bins.push(join(at, 'node_modules', '.bin'));
    if (dirname(at) === at) return bins.filter((bin) => existsSync(bin));
  }
}

/** Runs its program in the package's folder, its output on standard error. @throws Unsupported when it fails. */
export async function run(
  { what, folder, program, args, env, hint }: Way,
  signal: AbortSignal,
): Promise<void> {
  const path = [...binFolders(folder), process.env.PATH ?? ''].join(delimiter);
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...env, PATH: path },
    signal,
  });
  const ended = new Promise<string | undefined>((resolve, reject) => {
    child.on('error', (error) => (signal.aborted ? undefined : reject(error)));
    child.on('close', (code, killer) =>
      resolve(code === 0 ? undefined : killer ? `was stopped by ${killer}` : `ended with code ${code}`),
    );
  });
  const why = await ended.catch((cause) => {
    throw new Unsupported(`The program ${program} could not be started.`, { hint, cause });
  });
  signal.throwIfAborted();
  if (why)
    throw new Unsupported(
      `${what} could not be fetched: its installation ${why}; what it said stands above.`,
      { hint },
    );
}

/**
 * Keeps what was there before aside while `work` runs, and puts it back unless `work` succeeds. What an earlier run
 * that was killed has left aside is what was there before.
 */
export async function orAsBefore<T>(
  { folder, parts: names }: Pick<Way, 'folder' | 'parts'>,
  work: () => Promise<T>,
): Promise<T> {
  const description = join(folder, 'package.json');
  const before = readFileSync(description);
  const parts = names.map((part) => ({
    part: join(folder, part),
    aside: join(folder, `${part}.before`),
  }));
  const restore = () => {
    for (const { part, aside } of parts)
      if (existsSync(aside)) {
        rmSync(part, { recursive: true, force: true });
        renameSync(aside, part);
      }
  };
  restore();
  for (const { part, aside } of parts) if (existsSync(part)) renameSync(part, aside);
  try {
    const done = await work();
    for (const { aside } of parts) rmSync(aside, { recursive: true, force: true });
    return done;
  } catch (error) {
    writeFileSync(description, before);
    for (const { part } of parts) rmSync(part, { recursive: true, force: true });
    restore();
    throw error;
  }
}
