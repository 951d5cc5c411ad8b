import { Conflict, LivebrushError, Overloaded, TooLarge, Unsupported } from '../errors.js';
import { log } from '../log.js';
import { bodyOf, statusOf } from './failures.js';
import type { Peer } from './peer.js';
import type { IceServer } from './peer-settings.js';
import type { ErrorBody } from './protocol.js';

export const SDP = 'application/sdp';
export const FRAGMENT = 'application/trickle-ice-sdpfrag';

/** A status that the RFCs name and no class of error stands for. */
export class Refused extends LivebrushError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** 201: the answer, where its session is, and which servers help to reach us. */
export function created(
  request: Request,
  peer: Peer,
  answer: string,
  servers: readonly IceServer[],
): Response {
  const { pathname } = new URL(request.url);
  const headers = new Headers({
    'content-type': SDP,
    location: `${pathname}/${peer.id}`,
    etag: peer.etag,
    'cache-control': 'no-store',
  });
  for (const server of servers) headers.append('link', linkOf(server));
  return new Response(answer, { status: 201, headers });
}

const quoted = (text: string): string => `"${text.replace(/[^\x20-\x7e]|["\\]/g, '')}"`;

function linkOf({ urls, username, credential }: IceServer): string {
  const secret =
    username !== undefined && credential !== undefined
      ? `; username=${quoted(username)}; credential=${quoted(credential)}; credential-type="password"`
      : '';
  return `<${urls.replace(/[<>\s]/g, '')}>; rel="ice-server"${secret}`;
}

/** 204 for OPTIONS; without servers and their credentials, since nobody has shown a token yet. */
export function preflight(methods: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      allow: methods,
      'accept-post': SDP,
      'access-control-allow-methods': methods,
      'access-control-allow-headers': 'authorization, content-type, if-match',
      'access-control-max-age': '600',
    },
  });
}

/** Answers a method that an address does not have. */
export function notAllowed(methods: string): Response {
  const body: ErrorBody = { error: { code: 'bad-request', message: `Only ${methods} work here.` } };
  return Response.json(body, { status: 405, headers: { allow: methods } });
}

/** Lets pages of other sites read an answer; undefined: none. */
export function withOrigin(response: Response, origin: string | undefined): Response {
  if (origin === undefined) return response;
  response.headers.set('access-control-allow-origin', origin);
  response.headers.set('access-control-expose-headers', 'location, etag, link, retry-after');
  if (origin !== '*') response.headers.append('vary', 'origin');
  return response;
}

/** @throws Refused: 415 where the request has another content type. */
export function needType(request: Request, type: string): void {
  const given = (request.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  if (given !== type) throw new Refused(415, `The content type here is ${type}.`);
}

/** The body as text, not read further than it may be. @throws TooLarge */
export async function textOf(request: Request, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > most) throw new TooLarge(`The body is longer than ${most} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What an error is here: as everywhere, but that what cannot be negotiated is 406, and all who may ask again are told when. */
export function refusal(error: unknown, request: Request): Response {
  const [usual, code] = statusOf(error, request.headers.has('authorization'));
  const status = error instanceof Refused ? error.status : error instanceof Unsupported ? 406 : usual;
  const headers = new Headers({ 'cache-control': 'no-store' });
  if (error instanceof Overloaded) headers.set('retry-after', String(Math.ceil(error.retryAfterS)));
  if (error instanceof Conflict) headers.set('retry-after', '2');
  if (status === 401) headers.set('www-authenticate', 'Bearer');
  if (status === 500) log.warn({ err: error }, 'a WebRTC session could not be set up');
  return Response.json(bodyOf(error, error instanceof Refused ? 'bad-request' : code), { status, headers });
}
