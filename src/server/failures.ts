import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import {
  BadInput,
  CannotWrite,
  Conflict,
  codeOf,
  Denied,
  Forbidden,
  Interrupted,
  LivebrushError,
  NotFound,
  Overloaded,
  TooLarge,
  TooMany,
  Unsupported,
  Usage,
} from '../errors.js';
import { log } from '../log.js';
import type { ErrorBody, ErrorCode } from './protocol.js';

/** What an error is over HTTP; the first class that fits counts. */
const statuses = [
  [TooLarge, 413, 'too-large'],
  [BadInput, 400, 'bad-request'],
  [Usage, 400, 'bad-request'],
  [NotFound, 404, 'not-found'],
  [Conflict, 409, 'conflict'],
  [TooMany, 429, 'too-many'],
  [Overloaded, 503, 'overloaded'],
  [Interrupted, 503, 'overloaded'],
  [Unsupported, 501, 'unsupported'],
] as const;

const FULL = ['ENOSPC', 'EDQUOT'];

/** Status and code of an error. @param known whether who asks has shown a token. */
export function statusOf(error: unknown, known = false): [status: number, code: ErrorCode] {
  if (error instanceof Denied) return [known || error instanceof Forbidden ? 403 : 401, 'denied'];
  if (error instanceof CannotWrite)
    return FULL.includes(codeOf(error.cause) ?? '') ? [507, 'failed'] : [409, 'conflict'];
  for (const [kind, status, code] of statuses) if (error instanceof kind) return [status, code];
  if (error instanceof HTTPException) return [error.status, error.status < 500 ? 'bad-request' : 'failed'];
  return [500, 'failed'];
}

/** The body that tells of an error; what is none of ours stays in the log, since it may tell of this machine. */
export function bodyOf(error: unknown, code: ErrorCode): ErrorBody {
  if (error instanceof LivebrushError)
    return { error: { code, message: error.message, ...(error.hint ? { hint: error.hint } : {}) } };
  if (error instanceof HTTPException)
    return { error: { code, message: error.message || 'The request is wrong.' } };
  return { error: { code, message: 'Something went wrong here.', hint: "The server's log says more." } };
}

/** Answers a request that failed. */
export function answerFailure(error: unknown, c: Context): Response {
  const [status, code] = statusOf(error, c.get('known') === true);
  if (status === 500) log.error({ err: error, path: c.req.path }, 'a request failed');
  if (error instanceof Overloaded) c.header('Retry-After', String(Math.max(1, Math.ceil(error.retryAfterS))));
  if (status === 401) c.header('WWW-Authenticate', 'Bearer realm="livebrush"');
  return c.json(bodyOf(error, code), status as 400);
}
