import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { Forbidden, Overloaded, TooMany } from '../errors.js';
import { log } from '../log.js';
import { statusOf } from './failures.js';
import { foreign, knownHost, type Reach } from './guard.js';
import { Buckets, limitKey, plainAddress } from './limits.js';
import type { Env, Parts } from './parts.js';
import { withOrigin } from './wish-answers.js';

/** Paths of WHIP and WHEP, which pages elsewhere may use with a token. */
const SIGNALLING = /^\/[^/]+\/(whip|whep)(\/|$)/;

/** Who asks: the other end of the connection, or whom a trusted proxy names. */
function addressOf(c: Context, trusted: ReadonlySet<string>): string {
  let address = 'unknown';
  try {
    address = plainAddress(getConnInfo(c).remote.address ?? address);
  } catch {
    // Requests that came over no connection, in tests.
  }
  const hops = (c.req.header('x-forwarded-for') ?? '').split(',').map((hop) => plainAddress(hop.trim()));
  while (trusted.has(address) && hops.length > 0) address = hops.pop() || address;
  return address;
}

/** Tells refusals and, at the level `info`, every request; never a query or a header, which may hold a token. */
export function watched({ metrics, settings }: Parts): MiddlewareHandler<Env> {
  const trusted = new Set(settings.listen.trustedProxies);
  return async (c, next) => {
    c.set('role', 'none');
    c.set('known', false);
    c.set('address', addressOf(c, trusted));
    const began = performance.now();
    await next();
    const { status } = c.res;
    metrics.request(status);
    if (c.error && status < 500) metrics.reject(statusOf(c.error)[1]);
    const ms = Math.round(performance.now() - began);
    log.info({ method: c.req.method, path: c.req.path, status, ms, address: c.get('address') }, 'request');
  };
}

/** Keeps out what comes from pages elsewhere, or under a name that is none of ours. */
export function guarded(reach: Reach, { auth }: Parts): MiddlewareHandler<Env> {
  return async (c, next) => {
    const host = c.req.header('host');
    if (!knownHost(host, reach))
      throw new Forbidden('This server is not known under that name.', {
        hint: 'Who runs it can add the name to listen.hosts, or set publicUrl.',
      });
    const come = {
      ...{ method: c.req.method, host, origin: c.req.header('origin') },
      ...{ site: c.req.header('sec-fetch-site'), mode: c.req.header('sec-fetch-mode') },
      dest: c.req.header('sec-fetch-dest'),
    };
    // With a token, which no page has unless a person gave it one, WHIP and WHEP are open to all pages.
    const preflight = c.req.method === 'OPTIONS';
    const shown = !auth.open && (preflight || c.req.header('authorization') !== undefined);
    if (foreign(come, reach) && !(shown && SIGNALLING.test(c.req.path)))
      throw new Forbidden('Requests from pages elsewhere are not allowed.', {
        hint: 'Who runs this server can allow the page: listen.origins.',
      });
    await next();
  };
}

/**
 * Lets pages read answers (CORS): all pages those of WHIP and WHEP, whose routes say so themselves and answer their
 * preflights (RFC 9725); pages of listed origins all others.
 */
export function shared({ origins }: Reach): MiddlewareHandler<Env> {
  const listed = cors({
    origin: (origin) => (origins.has(origin) ? origin : null),
    exposeHeaders: ['Location', 'ETag', 'Link', 'Retry-After'],
  });
  return async (c, next) => {
    if (!SIGNALLING.test(c.req.path)) return listed(c, next);
    await next();
    // What was refused before it came to those routes: a page shall learn that its token is wrong, or when to ask again.
    if (c.error && c.req.header('origin') !== undefined) withOrigin(c.res, '*');
  };
}

/** Holds every address to its share, and lets nobody new in on the way down. */
export function limited({ settings, state }: Parts): MiddlewareHandler<Env> {
  const { requestsPerSecond: all, signallingPerSecond: some } = settings.limits;
  const requests = new Buckets({ perSecond: all, burst: 4 * all });
  const signalling = new Buckets({ perSecond: some, burst: 2 * some });
  return async (c, next) => {
    const key = limitKey(c.get('address'));
    const posts = SIGNALLING.test(c.req.path) && c.req.method !== 'OPTIONS';
    const wait = Math.max(requests.take(key), posts ? signalling.take(key) : 0);
    if (wait > 0)
      throw new TooMany('Too many requests came from this address.', { retryAfterS: Math.ceil(wait) });
    const changes = !['GET', 'HEAD', 'OPTIONS', 'DELETE'].includes(c.req.method);
    if (state.draining && (changes || c.req.header('upgrade')))
      throw new Overloaded('The server is shutting down.', { retryAfterS: 10 });
    await next();
  };
}
