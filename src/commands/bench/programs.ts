import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { folders } from '../../config.js';
import { LivebrushError } from '../../errors.js';
import type { ProbeMarks, ProbeRequest } from './start-probe.js';

const execute = promisify(execFile);
const probe = fileURLToPath(new URL('./start-probe.js', import.meta.url));
const livebrush = join(folders.package, 'bin', 'livebrush.cjs');
const LONGEST_MS = 120_000;

async function run(args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await execute(process.execPath, args, { signal, timeout: LONGEST_MS });
    return stdout;
  } catch (cause) {
    signal.throwIfAborted();
    const said = (cause as { stderr?: string }).stderr?.trim().split('\n').at(-1);
    throw new LivebrushError(`A process that was to be timed failed: ${said || String(cause)}`, { cause });
  }
}

/** Starts a process that paints one picture. @throws LivebrushError when it does not come to that. */
export async function runProbe(request: ProbeRequest, signal: AbortSignal): Promise<ProbeMarks> {
  const said = await run([probe, JSON.stringify(request)], signal);
  return JSON.parse(said.trim().split('\n').at(-1)!) as ProbeMarks;
}

/** Runs the command line from its start to its exit. @returns milliseconds. */
export async function runProgram(args: readonly string[], signal: AbortSignal): Promise<number> {
  const start = performance.now();
  await run([livebrush, ...args], signal);
  return performance.now() - start;
}
