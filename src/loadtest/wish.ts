import { Conflict, Denied, Interrupted, LivebrushError, NotFound, Overloaded, TooMany } from '../errors.js';

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
  readonly headers: Headers;
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
  const retryAfterS = Math.min(3600, Math.max(0, Number(answer.headers.get('retry-after')) || 0));
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

async function once({ url, token }: Access, path: string, ask: Ask): Promise<Answer> {
  const { method = 'GET', type, body, signal } = ask;
  const late = AbortSignal.timeout(PATIENCE_MS);
  try {
    const response = await fetch(new URL(path, url), {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(type === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body }),
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    const text = (await response.text()).slice(0, MOST_TEXT);
    return { status: response.status, text, headers: response.headers };
  } catch (cause) {
    if (signal?.aborted) throw signal.reason ?? new Interrupted();
    const why = late.aborted ? `within ${PATIENCE_MS / 1000} s` : `(${reasonOf(cause)})`;
    throw new LivebrushError(`The server at ${url} does not answer ${why}.`, {
      hint: 'Check the address, start one with livebrush serve, or add --start.',
      cause,
    });
  }
}

/** Why a request failed: the system's code where there is one. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
  return cause?.code ?? cause?.message ?? message ?? 'unknown';
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
