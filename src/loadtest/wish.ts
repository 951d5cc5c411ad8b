import { type IncomingHttpHeaders, request } from 'node:http';
import { request as requestTls } from 'node:https';
import {
  Conflict,
  codeOf,
  Denied,
  Interrupted,
  LivebrushError,
  NotFound,
  Overloaded,
  TooMany,
} from '../errors.js';

/** How long a request may take, in milliseconds. */
const PATIENCE_MS = 20_000;
/** How long a request that comes too often is asked again for, in milliseconds, and how long it waits at least and most. */
const AGAIN_MS = 60_000;
const [SHORTEST_S, LONGEST_S] = [0.25, 10];
/** An answer is read no further than this, in characters. */
const MOST_TEXT = 8e6;

/** Where requests go, and what they show. */
export interface Access {
  readonly url: string;
  readonly token: string | undefined;
}

/** A request to the server. */
export interface Ask {
  readonly method?: string;
  readonly type?: string;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

/** An answer: its text is there. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

/** Says what stands in the body of a refusal: the sentence of our API, or what a stranger wrote, cut. */
function told({ status, text }: Answer, what: string): [message: string, hint: string | undefined] {
  try {
    const { error } = JSON.parse(text) as { error: { message: unknown; hint?: unknown } };
    if (typeof error.message === 'string')
      return [
        error.message.slice(0, 400),
        typeof error.hint === 'string' ? error.hint.slice(0, 400) : undefined,
      ];
  } catch {
    // A proxy, or something else that listens there.
  }
  return [`${what} was answered with status ${status}.`, undefined];
}

/** A refusal as an error of the class that the server threw. */
function refusal(answer: Answer, what: string): LivebrushError {
  const [message, hint] = told(answer, what);
  const retryAfterS = Math.min(3600, Math.max(0, Number(answer.headers['retry-after']) || 0));
  const options = { ...(hint === undefined ? {} : { hint }), retryAfterS };
  switch (answer.status) {
    case 401:
    case 403:
      return new Denied(message, options);
    case 404:
      return new NotFound(message, options);
    case 409:
      return new Conflict(message, options);
    case 429:
      return new TooMany(message, options);
    case 503:
      return new Overloaded(message, options);
    default:
      return new LivebrushError(message, options);
  }
}

/** Waits, unless `signal` aborts. @throws its reason */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, ms);
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}

/** Sends a request over a connection of its own, so that none of ours stays open and counts at the server. */
function send({ url, token }: Access, path: string, ask: Ask, signal: AbortSignal): Promise<Answer> {
  const { method = 'GET', type, body } = ask;
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(type === undefined ? {} : { 'content-type': type }),
  };
  return new Promise((resolve, reject) => {
    const to = new URL(path, url);
    const open = to.protocol === 'https:' ? requestTls : request;
    const sent = open(to, { method, headers, signal, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => {
        if (text.length < MOST_TEXT) text += more;
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
      );
    });
    sent.on('error', reject).end(body);
  });
}

async function once(access: Access, path: string, ask: Ask): Promise<Answer> {
  const { signal } = ask;
  const late = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await send(access, path, ask, signal ? AbortSignal.any([signal, late]) : late);
  } catch (cause) {
    if (signal?.aborted) throw signal.reason ?? new Interrupted();
    const why = late.aborted ? `within ${PATIENCE_MS / 1000} s` : `(${codeOf(cause) ?? String(cause)})`;
    throw new LivebrushError(`The server at ${access.url} does not answer ${why}.`, {
      hint: 'Check the address, start one with livebrush serve, or add --start.',
      cause,
    });
  }
}

/**
 * Asks the server. What comes too often (429) is asked again when the server says so, for a minute at most.
 * @throws Denied, NotFound, Conflict, TooMany, Overloaded, LivebrushError (unreachable, or any other refusal), the
 * signal's reason.
 */
export async function asked(access: Access, path: string, ask: Ask = {}): Promise<Answer> {
  const end = performance.now() + AGAIN_MS;
  for (;;) {
    const answer = await once(access, path, ask);
    if (answer.status < 300) return answer;
    const error = refusal(answer, `${ask.method ?? 'GET'} ${path}`);
    if (!(error instanceof TooMany) || performance.now() > end) throw error;
    await pause(1000 * Math.min(LONGEST_S, Math.max(SHORTEST_S, error.retryAfterS)), ask.signal);
  }
}
