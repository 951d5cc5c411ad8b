import type { Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { NotFound } from '../errors.js';
import type { Peer } from './peer.js';
import type { Part } from './peer-offer.js';
import type { PeerSettings } from './peer-settings.js';
import { STREAM_NAME } from './protocol.js';
import { FRAGMENT_BYTES, OFFER_BYTES, parseFragment } from './sdp.js';
import {
  created,
  FRAGMENT,
  needType,
  notAllowed,
  preflight,
  Refused,
  refusal,
  SDP,
  textOf,
  withOrigin,
} from './wish-answers.js';

/** What both WHIP and WHEP are told of the server around them. */
export interface WishOptions {
  /** Decides whether a request may publish or read a stream. @throws Denied */
  readonly authorise: (request: Request, stream: string, part: Part) => void | Promise<void>;
  /** Holds back who asks too often; called before anything else. @throws TooMany, Overloaded */
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

type Work = (c: Context) => Response | Promise<Response>;

const ENDPOINT_METHODS = 'POST, OPTIONS';
const SESSION_METHODS = 'PATCH, DELETE, OPTIONS';

/** Adds the endpoint and the sessions of one protocol to `app`: `/{stream}/whip` and `/{stream}/whip/{id}`. */
export function addWish(app: Hono, wish: Wish, options: WishOptions): void {
  const routes = new Routes(wish, options);
  const endpoint = `/:stream/${wish.name}`;
  const session = `${endpoint}/:id`;
  const on = (methods: string[], path: string, work: Work) =>
    app.on(methods, path, (c) => answered(c, work, options));
  on(['OPTIONS'], endpoint, () => preflight(ENDPOINT_METHODS));
  on(['OPTIONS'], session, () => preflight(SESSION_METHODS));
  on(['POST'], endpoint, (c) => routes.post(c));
  on(['PATCH'], session, (c) => routes.patch(c));
  on(['DELETE'], session, (c) => routes.remove(c));
  app.all(endpoint, (c) => answered(c, () => notAllowed(ENDPOINT_METHODS), options));
  app.all(session, (c) => answered(c, () => notAllowed(SESSION_METHODS), options));
}

/** Runs `work`; whatever it throws becomes an answer in one sentence. */
async function answered(c: Context, work: Work, { allowOrigin }: WishOptions): Promise<Response> {
  const request = c.req.raw;
  const foreign = request.headers.has('origin');
  const origin = foreign ? (allowOrigin ? allowOrigin(request) : '*') : undefined;
  try {
    if (!STREAM_NAME.test(c.req.param('stream') ?? '')) throw new NotFound('No stream can have this name.');
    return withOrigin(await work(c), origin);
  } catch (error) {
    if (error instanceof HTTPException) throw error;
    return withOrigin(refusal(error, request), origin);
  }
}

/** What the requests of one protocol do. */
class Routes {
  readonly #wish: Wish;
  readonly #options: WishOptions;
  readonly #sessions = new Map<string, Opened & { readonly stream: string }>();

  constructor(wish: Wish, options: WishOptions) {
    this.#wish = wish;
    this.#options = options;
  }

  async post(c: Context): Promise<Response> {
    const stream = await this.#enter(c);
    needType(c.req.raw, SDP);
    this.#wish.admit(stream);
    const text = await textOf(c.req.raw, OFFER_BYTES);
    const query = new URL(c.req.url).searchParams;
    const opened = await this.#wish.open({ stream, text, client: this.#client(c), query });
    const { peer, answer } = opened;
    this.#sessions.set(peer.id, { ...opened, stream });
    void peer.closed.then(() => this.#sessions.delete(peer.id));
    return created(c.req.raw, peer, answer, this.#wish.settings.iceServersForClients);
  }

  /** Trickled candidates, or a restart of ICE. */
  async patch(c: Context): Promise<Response> {
    const { peer } = this.#known(c, await this.#enter(c));
    const request = c.req.raw;
    needType(request, FRAGMENT);
    const match = request.headers.get('if-match');
    if (match === null) throw new Refused(428, 'A PATCH needs If-Match with the ETag of the session.');
    const tags = match.split(',').map((tag) => tag.trim());
    if (match !== '*' && !tags.includes(peer.etag))
      throw new Refused(412, 'The ICE session has been restarted since: its ETag is another.');
    const fragment = parseFragment(await textOf(request, FRAGMENT_BYTES));
    if (match !== '*' || !peer.wantsRestart(fragment)) {
      await peer.trickle(fragment, this.#client(c));
      return new Response(null, { status: 204 });
    }
    const lines = await peer.restart(fragment, this.#client(c));
    const headers = { 'content-type': FRAGMENT, etag: peer.etag };
    return new Response(`${lines.join('\r\n')}\r\n`, { status: 200, headers });
  }

  async remove(c: Context): Promise<Response> {
    const { peer, left } = this.#known(c, await this.#enter(c));
    await peer.close('Its client ended it.');
    await left;
    return new Response(null, { status: 200 });
  }

  /** The stream that a request is about, once it may ask at all. */
  async #enter(c: Context): Promise<string> {
    const stream = c.req.param('stream') ?? '';
    await this.#options.limit?.(c.req.raw, this.#wish.part);
    await this.#options.authorise(c.req.raw, stream, this.#wish.part);
    return stream;
  }

  #known(c: Context, stream: string): Opened {
    const found = this.#sessions.get(c.req.param('id') ?? '');
    if (found?.stream !== stream) throw new NotFound('There is no such session.');
    return found;
  }

  #client(c: Context): string | undefined {
    const { address } = this.#options;
    if (address) return address(c);
    const bindings = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
    return bindings?.incoming?.socket?.remoteAddress;
  }
}
