import { Hono } from 'hono';
import { Conflict } from '../errors.js';
import type { LiveCodec } from '../pipeline/live.js';
import type { Viewer } from '../pipeline/sinks/webrtc.js';
import { type OwnLook, ownLookOf } from './own-look.js';
import { readOffer } from './peer-offer.js';
import type { Peers } from './peers.js';
import { addWish, type OfferRequest, type Opened, type WishOptions } from './wish.js';

/** What watching needs of the streams. */
export interface WatchSessions {
  find(name: string):
    | {
        /** Aborts when the stream is over. */
        readonly over?: AbortSignal;
        /** @throws NotFound (style), Overloaded */
        watch(codec: LiveCodec, viewer: Viewer, look?: OwnLook): Promise<Disposable>;
      }
    | undefined;
}

/** What the routes of WHEP need. */
export interface WhepOptions extends WishOptions {
  readonly sessions: WatchSessions;
  readonly peers: Peers;
}

/**
 * Watching over WHEP (draft-ietf-wish-whep): `POST /{stream}/whep` with an offer begins, `DELETE` of the address it
 * answers with ends it, and so does vanishing. `?style=…&strength=…&keepColor=…` asks for a look of one's own.
 */
export function whepRoutes(options: WhepOptions): Hono {
  const app = new Hono();
  addWish(
    app,
    {
      part: 'read',
      name: 'whep',
      settings: options.peers.settings,
      admit: (stream) => void streamOf(options, stream),
      open: (request) => open(options, request),
    },
    options,
  );
  return app;
}

function streamOf({ sessions }: WhepOptions, name: string) {
  const session = sessions.find(name);
  if (!session) throw new Conflict(`Nobody publishes ${name} yet.`, { hint: 'Ask again in a moment.' });
  return session;
}

async function open(options: WhepOptions, { stream, text, client, query }: OfferRequest): Promise<Opened> {
  const { peers } = options;
  const look = ownLookOf(query);
  const offer = readOffer(text, { part: 'read', client, tcp: peers.settings.tcp });
  const { it, peer, answer } = await peers.watch(offer);
  try {
    const session = streamOf(options, stream);
    const seat = await session.watch(offer.codec, it, look);
    const end = () => void peer.close('The stream is over.');
    session.over?.addEventListener('abort', end);
    const left = peer.closed.then(() => {
      session.over?.removeEventListener('abort', end);
      seat[Symbol.dispose]();
    });
    return { peer, answer, left };
  } catch (error) {
    await peer.close('The stream did not take it.');
    throw error;
  }
}
