import type { ErrorBody, ErrorCode } from '../../src/server/protocol.js';

/** What went wrong, as a sentence for people and a code for programs. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    readonly code: ErrorCode | 'offline' | 'camera' | 'picture' | 'unsupported-here',
    message: string,
    readonly hint?: string,
    readonly status = 0,
    /** How long the server asks to wait, in milliseconds. */
    readonly retryMs?: number,
    /** Whether it was only looked for something, maybe by the page itself. */
    readonly reading = false,
  ) {
    super(message);
  }
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'bad-request',
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  406: 'unsupported',
  409: 'conflict',
  413: 'too-large',
  415: 'unsupported',
  429: 'too-many',
  503: 'overloaded',
};

const retryMs = (response: Response): number | undefined => {
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.min(60, Math.max(0, seconds)) * 1000 : undefined;
};

/** The problem that a failed response tells of. */
export async function problemOf(response: Response, reading = false): Promise<Problem> {
  const body = (await response.json().catch(() => undefined)) as Partial<ErrorBody> | undefined;
  const code = body?.error?.code ?? CODES[response.status] ?? 'failed';
  const message = body?.error?.message ?? `The server answered ${response.status}.`;
  return new Problem(code, message, body?.error?.hint, response.status, retryMs(response), reading);
}

/** Whatever was thrown, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof TypeError) return new Problem('offline', thrown.message);
  if (thrown instanceof DOMException && /^Not(Allowed|Found|Readable)|Overconstrained/.test(thrown.name))
    return new Problem('camera', thrown.message, thrown.name);
  return new Problem('failed', thrown instanceof Error ? thrown.message : String(thrown));
}
