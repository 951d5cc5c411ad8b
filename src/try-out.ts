import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Interrupted, Unsupported } from './errors.js';

const LONGEST_MS = 60_000;

/** What ends a trial before it is over. */
export interface TrialLimits {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that it may take; left out: a minute. */
  readonly longestMs?: number;
}

/**
 * Runs a module in a process of its own and reads the JSON it prints: native libraries may crash or print what
 * they like when they load.
 * @throws Unsupported with the last line of its errors, when it fails; Interrupted.
 */
export async function tryOut(
  code: string,
  what: string,
  { signal, longestMs = LONGEST_MS }: TrialLimits = {},
): Promise<unknown> {
  try {
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
      timeout: longestMs,
      signal,
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: process.env.TF_CPP_MIN_LOG_LEVEL ?? '2' },
    });
    const lines = (await run).stdout.trim().split('\n');
    return JSON.parse(lines.at(-1) ?? '');
  } catch (cause) {
    if (signal?.aborted) throw new Interrupted();
    const { killed, stderr = '' } = cause as { killed?: boolean; stderr?: string };
    const error = stderr
      .split('\n')
      .findLast((line) => /error/i.test(line))
      ?.trim();
    const why = killed ? `it took longer than ${longestMs / 1000} seconds` : (error ?? 'its process died');
    throw new Unsupported(`${what} does not work here: ${why}`, { cause });
  }
}
