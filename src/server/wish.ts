import type { Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { BadInput, Conflict, Denied, LivebrushError, NotFound, Overloaded, Unsupported } from '../errors.js';
import { log } from '../log.js';
import type { Peer } from './peer.js';
import type { Part } from './peer-offer.js';
import type { PeerSettings } from './peer-settings.js';
import type { ErrorBody, ErrorCode } from './protocol.js';
import { STREAM_NAME } from './protocol.js';
import { FRAGMENT_BYTES, OFFER_BYTES, parseFragment } from './sdp.js';

/** What both WHIP and WHEP are told of the server around them. */
export interface WishOptions {
  /** Decides whether a request may publish or read a stream. @throws Denied */
  readonly authorise: (request: Request, stream: string, part: Part) => void | Promise<void>;
  /** Holds back who asks too often; called before anything else. @throws Overloaded, HTTPException */
  readonly limit?: (request: Request, part: Part) => void | Promise<void>;
  /** Address that a request came from; left out: that of its socket. */
  readonly address?: (context: Context) => string | undefined;
  /** Which page of another site may read the answer: the value of Access-Control-Allow-Origin. Left out: any. */
  readonly allowOrigin?: (request: Request) => string | undefined;
}

/** An offer whose stream is checked, and who it came from. */
export interface OfferRequest {
  readonly stream: string;
  readonly text: string;
  readonly client: string | undefined;
  readonly query: URLSearchParams;
}

/** A session that was opened. */
export interface Opened {
  readonly peer: Peer;
  readonly answer: string;
  /** Settles once the stream is free of it, after its peer closed. */
  readonly left: Promise<void>;
}

/** One of the two protocols: what is done with an offer. */
export interface Wish {
  readonly part: Part;
  /** `whip` or `whep`. */
  readonly name: string;
  readonly settings: PeerSettings;
  /** Called before the offer is read. @throws Conflict where the stream cannot be published or watched. */
  admit(stream: string): void;
  /** Answers the offer and joins the stream. */
  open(request: OfferRequest): Promise<Opened>;
}

class TooLarge extends LivebrushError {}
/** A status that the RFCs name and no class of error stands for. */
class Refused extends LivebrushError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const ENDPOINT_METHODS = 'POST, OPTIONS';
const SESSION_METHODS = 'PATCH, DELETE, OPTIONS';

/** Adds the endpoint and the sessions of one protocol to `app`: `/{stream}/whip` and `/{stream}/whip/{id}`. */
export function addWish(app: Hono, wish: Wish, options: WishOptions): void {
  const sessions = new Map<string, Opened & { readonly stream: string }>();
  const endpoint = `/:stream/${wish.name}`;
  const session = `${endpoint}/:id`;
  const answered = (work: (c: Context) => Promise<Response>) => async (c: Context) => {
    try {
      if (!STREAM_NAME.test(c.req.param('stream') ?? ''))
        throw new NotFound('There is no stream of this name.');
      return withOrigin(await work(c), c.req.raw, options);
    } catch (error) {
      if (error instanceof HTTPException) throw error;
      return withOrigin(refusal(error, c.req.raw), c.req.raw, options);
    }
  };
  const enter = async (c: Context) => {
    const stream = c.req.param('stream') ?? '';
    await options.limit?.(c.req.raw, wish.part);
    await options.authorise(c.req.raw, stream, wish.part);
    return stream;
  };
  const known = (c: Context, stream: string): Opened => {
    const found = sessions.get(c.req.param('id') ?? '');
    if (found?.stream !== stream) throw new NotFound('There is no such session.');
    return found;
  };
  const client = (c: Context) => (options.address ?? socketAddress)(c);

  app.on(
    'OPTIONS',
    endpoint,
    answered(async () => preflight(ENDPOINT_METHODS, SDP)),
  );
  app.on(
    'OPTIONS',
    session,
    answered(async () => preflight(SESSION_METHODS, SDP)),
  );
  app.post(
    endpoint,
    answered(async (c) => {
      const stream = await enter(c);
      needType(c.req.raw, SDP);
      wish.admit(stream);
      const text = await textOf(c.req.raw, OFFER_BYTES);
      const query = new URL(c.req.url).searchParams;
      const opened = await wish.open({ stream, text, client: client(c), query });
      const { peer, answer } = opened;
      sessions.set(peer.id, { ...opened, stream });
      void peer.closed.then(() => sessions.delete(peer.id));
      return created(c, peer, answer, wish.settings);
    }),
  );
  app.patch(
    session,
    answered(async (c) => {
      const { peer } = known(c, await enter(c));
      needType(c.req.raw, FRAGMENT);
      return patched(c.req.raw, peer, client(c));
    }),
  );
  app.delete(
    session,
    answered(async (c) => {
      const { peer, left } = known(c, await enter(c));
      await peer.close('Its client ended it.');
      await left;
      return new Response(null, { status: 200 });
    }),
  );
  app.all(
    endpoint,
    answered(async () => notAllowed(ENDPOINT_METHODS)),
  );
  app.all(
    session,
    answered(async () => notAllowed(SESSION_METHODS)),
  );
}

function created(c: Context, peer: Peer, answer: string, settings: PeerSettings): Response {
  const { pathname } = new URL(c.req.url);
  const headers = new Headers({
    'content-type': SDP,
    location: `${pathname.replace(/\/$/, '')}/${peer.id}`,
    etag: peer.etag,
    'cache-control': 'no-store',
  });
  for (const server of settings.iceServersForClients) headers.append('link', linkOf(server));
  return new Response(answer, { status: 201, headers });
}

const quoted = (text: string): string => `"${text.replace(/[^\x20-\x7e]|["\\]/g, '')}"`;

function linkOf({ urls, username, credential }: PeerSettings['iceServersForClients'][number]): string {
  const secret =
    username !== undefined && credential !== undefined
      ? `; username=${quoted(username)}; credential=${quoted(credential)}; credential-type="password"`
      : '';
  return `<${urls.replace(/[<>\s]/g, '')}>; rel="ice-server"${secret}`;
}

/** Trickled candidates, or a restart of ICE. */
async function patched(request: Request, peer: Peer, client: string | undefined): Promise<Response> {
  const match = request.headers.get('if-match');
  if (match === null) throw new Refused(428, 'A PATCH needs If-Match with the ETag of the session.');
  const tags = match.split(',').map((tag) => tag.trim());
  if (match !== '*' && !tags.includes(peer.etag))
    throw new Refused(412, 'The ICE session has been restarted since: its ETag is another.');
  const fragment = parseFragment(await textOf(request, FRAGMENT_BYTES));
  if (match !== '*' || !peer.wantsRestart(fragment)) {
    await peer.trickle(fragment, client);
    return new Response(null, { status: 204 });
  }
  const lines = await peer.restart(fragment, client);
  return new Response(`${lines.join('\r\n')}\r\n`, {
    status: 200,
    headers: { 'content-type': FRAGMENT, etag: peer.etag },
  });
}

function preflight(methods: string, accept: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      allow: methods,
      'accept-post': accept,
      'access-control-allow-methods': methods,
      'access-control-allow-headers': 'authorization, content-type, if-match',
      'access-control-max-age': '600',
    },
  });
}

function notAllowed(methods: string): Response {
  const body: ErrorBody = { error: { code: 'bad-request', message: `Only ${methods} work here.` } };
  return Response.json(body, { status: 405, headers: { allow: methods } });
}

function withOrigin(response: Response, request: Request, { allowOrigin }: WishOptions): Response {
  if (!request.headers.has('origin')) return response;
  const origin = allowOrigin ? allowOrigin(request) : '*';
  if (origin === undefined) return response;
  response.headers.set('access-control-allow-origin', origin);
  response.headers.set('access-control-expose-headers', 'location, etag, link, retry-after');
  if (origin !== '*') response.headers.append('vary', 'origin');
  return response;
}

function needType(request: Request, type: string): void {
  const given = (request.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  if (given !== type) throw new Refused(415, `The content type here is ${type}.`);
}

/** The body as text, not read further than it may be. @throws TooLarge */
async function textOf(request: Request, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > most) throw new TooLarge(`The body is longer than ${most} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function socketAddress(c: Context): string | undefined {
  const bindings = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  return bindings?.incoming?.socket?.remoteAddress;
}

/** What an error is as a status, by its class; `Retry-After` where asking again makes sense. */
function refusal(error: unknown, request: Request): Response {
  const [status, code] = statusOf(error, request);
  const headers = new Headers({ 'cache-control': 'no-store' });
  if (error instanceof Overloaded) headers.set('retry-after', String(Math.ceil(error.retryAfterS)));
  else if (status === 409) headers.set('retry-after', '2');
  if (status === 401) headers.set('www-authenticate', 'Bearer');
  if (status === 500) log.warn({ err: error }, 'a WebRTC session could not be set up');
  const told = error instanceof LivebrushError && status !== 500;
  const body: ErrorBody = {
    error: {
      code,
      message: told ? error.message : 'The session could not be set up.',
      ...(told && error.hint && { hint: error.hint }),
    },
  };
  return Response.json(body, { status, headers });
}

function statusOf(error: unknown, request: Request): [number, ErrorCode] {
  if (error instanceof Refused) return [error.status, 'bad-request'];
  if (error instanceof TooLarge) return [413, 'too-large'];
  if (error instanceof BadInput) return [400, 'bad-request'];
  if (error instanceof Denied) return [request.headers.has('authorization') ? 403 : 401, 'denied'];
  if (error instanceof NotFound) return [404, 'not-found'];
  if (error instanceof Unsupported) return [406, 'unsupported'];
  if (error instanceof Conflict) return [409, 'conflict'];
  if (error instanceof Overloaded) return [503, 'overloaded'];
  return [500, 'failed'];
}
