import { Hono } from 'hono';
import { Conflict } from '../errors.js';
import { log } from '../log.js';
import type { LiveSource } from '../pipeline/live.js';
import { readOffer } from './peer-offer.js';
import type { Peers } from './peers.js';
import { addWish, type OfferRequest, type Opened, type WishOptions } from './wish.js';

/** A publisher's hold on a stream. */
export interface Publication extends AsyncDisposable {
  /** Settles once the stream let go of it. */
  readonly closed: Promise<void>;
}

/** What publishing needs of the streams. */
export interface PublishSessions {
  find(name: string): { readonly live: boolean } | undefined;
  /** @throws Overloaded */
  open(name: string): { publish(source: LiveSource): Publication };
}

/** What the routes of WHIP need. */
export interface WhipOptions extends WishOptions {
  readonly sessions: PublishSessions;
  readonly peers: Peers;
}

/**
 * Publishing over WHIP (RFC 9725): `POST /{stream}/whip` with an offer begins, `DELETE` of the address it answers with
 * ends it, and so does vanishing.
 */
export function whipRoutes(options: WhipOptions): Hono {
  const app = new Hono();
  const { sessions, peers } = options;
  addWish(
    app,
    {
      part: 'publish',
      name: 'whip',
      settings: peers.settings,
      admit: (stream) => {
        if (sessions.find(stream)?.live) throw taken(stream);
      },
      open: (request) => open(options, request),
    },
    options,
  );
  return app;
}

const taken = (stream: string): Conflict =>
  new Conflict(`Someone publishes ${stream} already.`, { hint: 'Publish under another name, or wait.' });

async function open(
  { sessions, peers }: WhipOptions,
  { stream, text, client }: OfferRequest,
): Promise<Opened> {
  const offer = readOffer(text, { part: 'publish', client, tcp: peers.settings.tcp });
  const { it, peer, answer } = await peers.publish(offer);
  try {
    const publication = sessions.open(stream).publish(it.source);
    void publication.closed.catch(() => {}).then(() => peer.close('The stream let go of it.'));
    const left = peer.closed.then(async () => {
      try {
        await publication[Symbol.asyncDispose]();
      } catch (error) {
        log.warn({ err: error, stream }, 'a publication did not end well');
      }
    });
    return { peer, answer, left };
  } catch (error) {
    await peer.close('The stream did not take it.');
    await it.source[Symbol.asyncDispose]();
    throw error;
  }
}
