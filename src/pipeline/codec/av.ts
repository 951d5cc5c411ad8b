import type * as Constants from 'node-av/constants';
import type * as Lib from 'node-av/lib';
import { Unsupported } from '../../errors.js';

/** node-av: FFmpeg in this process. `C` holds FFmpeg's constants. */
export type Av = typeof Lib & { readonly C: typeof Constants };

let loading: Promise<Av> | undefined;

/**
 * Loads node-av on first use.
 * @throws Unsupported where the package or its build for this machine is missing.
 */
export function loadAv(): Promise<Av> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Av> {
  // SVT-AV1 writes to standard error past FFmpeg's log; 1 keeps it to errors.
  process.env.SVT_LOG ??= '1';
  polyfillWithResolvers();
  try {
    const [lib, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')]);
    // What goes wrong reaches the user as a sentence of ours; FFmpeg's own lines would tear the progress bar.
    lib.Log.setLevel(constants.AV_LOG_QUIET);
    return { ...lib, C: constants };
  } catch (cause) {
    throw new Unsupported('The media library node-av does not load on this machine.', {
      cause,
      hint: 'Install it with `npm install node-av`, or use the system’s ffmpeg with --media ffmpeg.',
    });
  }
}

/** node-av calls `Promise.withResolvers`, which Node 20 lacks, and swallows the TypeError. */
function polyfillWithResolvers(): void {
  const promise = Promise as { withResolvers?: unknown };
  promise.withResolvers ??= <T>() => {
    let resolve!: (value: T | PromiseLike<T>) => void;
    let reject!: (reason?: unknown) => void;
    const made = new Promise<T>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    return { promise: made, resolve, reject };
  };
}

/** FFmpeg's numbers for what a caller tells apart. */
export const code = {
  again: -11,
  eof: -541478725,
  invalidData: -1094995529,
  noPts: -9223372036854775808n,
} as const;

/** Whether the call has nothing more to give for now: it wants input, or it is at its end. */
export const isDry = (result: number): boolean =>
  result === code.again || result === code.eof || result === -35;

/** A failed call of FFmpeg: `number` is its (negative) return value. */
export class AvFailure extends Error {
  readonly number: number;
  /** In FFmpeg's words. */
  readonly reason: string;
  constructor(av: Av, number: number, what: string) {
    const words = reason(av, number);
    super(`${what}: ${words}`);
    this.name = 'AvFailure';
    this.number = number;
    this.reason = words;
  }

  /** The system's error code, where the number is one. */
  get system(): string | undefined {
    return system[this.number];
  }
}

/** Negative return values of FFmpeg that are the system's error numbers (Linux, macOS, Windows alike). */
const system: Readonly<Record<number, string>> = {
  [-2]: 'ENOENT',
  [-5]: 'EIO',
  [-13]: 'EACCES',
  [-27]: 'EFBIG',
  [-28]: 'ENOSPC',
  [-30]: 'EROFS',
  [-122]: 'EDQUOT',
};

/** What FFmpeg says about a return value, in its words: `Invalid data found when processing input`. */
export function reason(av: Av, result: number): string {
  return av.FFmpegError.strerror(result);
}

/** @throws AvFailure when `result` is negative. */
export function check(av: Av, result: number, what: string): number {
  if (result < 0) throw new AvFailure(av, result, what);
  return result;
}
