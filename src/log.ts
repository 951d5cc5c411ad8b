import { pino } from 'pino';

/**
 * The program's log: JSON lines on standard error, silent below `warn` unless `LIVEBRUSH_LOG` says otherwise
 * (`debug`, `info`, `warn`, `error`, `silent`). Results and progress of commands do not go through it.
 */
export const log = pino(
  {
    level: process.env.LIVEBRUSH_LOG ?? 'warn',
    base: null,
    redact: ['token', 'authorization', 'cookie', '*.token', '*.authorization', '*.cookie', '*.tokens'],
  },
  pino.destination({ dest: 2, sync: true }),
);

/** Writes one line of a command's result to standard output. */
export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Writes one line for the person at the terminal to standard error. */
export function tell(line = ''): void {
  process.stderr.write(`${line}\n`);
}
