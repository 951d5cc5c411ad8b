import { Hono } from 'hono';
import { Conflict, Denied, NotFound } from '../../src/errors.js';
import type { LiveCodec, LiveSource } from '../../src/pipeline/live.js';
import type { Viewer } from '../../src/pipeline/sinks/webrtc.js';
import type { OwnLook } from '../../src/server/own-look.js';
import type { PeerSettings } from '../../src/server/peer-settings.js';
import { Peers } from '../../src/server/peers.js';
import { whepRoutes } from '../../src/server/whep.js';
import { whipRoutes } from '../../src/server/whip.js';

/** A stream that only remembers who publishes and who watches. */
export class FakeSession {
  publishers = new Set<LiveSource>();
  viewers = new Set<Viewer>();
  looks: (OwnLook | undefined)[] = [];
  codecs: LiveCodec[] = [];
  /** Throws the publisher out. */
  kick: () => void = () => {};

  get live(): boolean {
    return this.publishers.size > 0;
  }

  publish(source: LiveSource) {
    if (this.live) throw new Conflict('Someone publishes already.');
    this.publishers.add(source);
    const closed = new Promise<void>((resolve) => {
      this.kick = resolve;
    });
    return {
      closed,
      [Symbol.asyncDispose]: async () => {
        this.publishers.delete(source);
        await source[Symbol.asyncDispose]();
        this.kick();
      },
    };
  }

  async watch(codec: LiveCodec, viewer: Viewer, look?: OwnLook): Promise<Disposable> {
    if (look?.mix?.some(({ style }) => style === 'unknown')) throw new NotFound('There is no style unknown.');
    this.viewers.add(viewer);
    this.looks.push(look);
    this.codecs.push(codec);
    return { [Symbol.dispose]: () => this.viewers.delete(viewer) };
  }
}

export const TOKEN = 'Bearer right';
export const OFFER = { 'content-type': 'application/sdp', authorization: TOKEN };
export const FRAGMENT = { 'content-type': 'application/trickle-ice-sdpfrag', authorization: TOKEN };

/** Both protocols in front of fake streams, on loopback, without a server: requests go straight to `app.request`. */
export function wishApp(settings: Partial<PeerSettings> = {}) {
  const streams = new Map<string, FakeSession>();
  const sessions = {
    find: (name: string) => streams.get(name),
    open: (name: string) => {
      const stream = streams.get(name) ?? new FakeSession();
      streams.set(name, stream);
      return stream;
    },
  };
  // Ports of the tests lie below those that systems give out by themselves, and no two files share one.
  const peers = new Peers({ bindAddress: '127.0.0.1', udpPorts: [24_000, 24_800], ...settings });
  const options = {
    sessions,
    peers,
    authorise: (request: Request) => {
      if (request.headers.get('authorization') !== TOKEN) throw new Denied('This needs another token.');
    },
    address: () => '127.0.0.1',
  };
  const app = new Hono();
  app.route('/', whipRoutes(options));
  app.route('/', whepRoutes(options));
  return {
    app,
    peers,
    streams,
    sessions,
    post: (path: string, body: string, headers: Record<string, string> = OFFER) =>
      app.request(path, { method: 'POST', body, headers }),
    patch: (path: string, body: string, headers: Record<string, string>) =>
      app.request(path, { method: 'PATCH', body, headers: { ...FRAGMENT, ...headers } }),
    remove: (path: string) => app.request(path, { method: 'DELETE', headers: { authorization: TOKEN } }),
  };
}
