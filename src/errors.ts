/**
 * One class for each thing a caller can decide. `message` is one sentence that says what and why;
 * `hint`, where there is one, says what to do about it. The command line maps them to exit codes.
 */
export class LivebrushError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** The command line was used wrongly: exit code 2. */
export class Usage extends LivebrushError {}
/** What was given cannot be read as what it should be: a broken video, a picture that is none, damaged weights. */
export class BadInput extends LivebrushError {}
/** What was given is larger than is allowed. */
export class TooLarge extends BadInput {}
/** Something named does not exist: a file, a style, a model. */
export class NotFound extends LivebrushError {}
/** This machine, build or net cannot do it: a missing engine, codec or package. */
export class Unsupported extends LivebrushError {}
/** Something is in the way of the output: it exists, cannot be written, the disk is full. */
export class CannotWrite extends LivebrushError {}
/** Someone else holds what was asked for: a second publisher of a stream, a name that is taken. */
export class Conflict extends LivebrushError {}
/** Who asks may not do it: no token, a wrong one, one for less than this. */
export class Denied extends LivebrushError {}
/** Nobody may do it this way, whatever token they show: from a page elsewhere, under a name that is none of ours. */
export class Forbidden extends Denied {}
/** There is no room for one more: ask again after a while. */
export class Overloaded extends LivebrushError {
  /** Seconds after which asking again makes sense. */
  readonly retryAfterS: number;
  constructor(message: string, options: { hint?: string; cause?: unknown; retryAfterS?: number } = {}) {
    super(message, options);
    this.retryAfterS = options.retryAfterS ?? 2;
  }
}
/** Who asks has asked too often: others are served meanwhile. */
export class TooMany extends Overloaded {}
/** What was asked for came to its turn too late to be of use: the newest is asked for next. */
export class Late extends LivebrushError {}
/** The user or the program asked to stop: exit code 130. */
export class Interrupted extends LivebrushError {
  constructor(message = 'Interrupted.', options: { hint?: string; cause?: unknown } = {}) {
    super(message, options);
  }
}

/** The system's error code (`ENOENT`, `ENOSPC`, …) of whatever was thrown, if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
