import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { Conflict } from '../../src/errors.js';
import type { Frame } from '../../src/pipeline/frame.js';
import type { LiveCodec, LiveSource } from '../../src/pipeline/live.js';
import { liveNow } from '../../src/pipeline/live.js';
import { type Viewer, WebrtcSink } from '../../src/pipeline/sinks/webrtc.js';
import type { OwnLook } from '../../src/server/own-look.js';
import type { PeerSettings } from '../../src/server/peer-settings.js';
import { Peers } from '../../src/server/peers.js';
import { whepRoutes } from '../../src/server/whep.js';
import type { Publication } from '../../src/server/whip.js';
import { whipRoutes } from '../../src/server/whip.js';

/** A stream that shows its publisher as it is: what sessions do, without painting. */
export class LoopSession {
  readonly sinks = new Map<LiveCodec, WebrtcSink>();
  readonly looks: (OwnLook | undefined)[] = [];
  source: LiveSource | undefined;
  frames = 0;
  sounds = 0;
  /** Milliseconds from a frame's time to its packets' leaving. */
  lag: number[] = [];
  /** Whether the last publisher's frames ended. */
  ended = false;

  get live(): boolean {
    return this.source !== undefined;
  }

  publish(source: LiveSource): Publication {
    if (this.source) throw new Conflict('Someone publishes already.');
    this.source = source;
    this.ended = false;
    const abort = new AbortController();
    const hearing = source.onSound((packet) => {
      this.sounds++;
      for (const sink of this.sinks.values()) sink.sound(packet);
    });
    const closed = this.#run(source, abort.signal).finally(async () => {
      hearing[Symbol.dispose]();
      await source[Symbol.asyncDispose]();
      if (this.source === source) this.source = undefined;
      this.ended = true;
    });
    return {
      closed,
      [Symbol.asyncDispose]: async () => {
        abort.abort();
        await closed;
      },
    };
  }

  async #run(source: LiveSource, signal: AbortSignal): Promise<void> {
    for await (const frame of source.frames(signal)) {
      this.frames++;
      const shown: Frame[] = [...this.sinks.values()].map(() => frame.clone());
      await Promise.all([...this.sinks.values()].map((sink, index) => sink.write(shown[index]!)));
      this.lag.push((liveNow() - frame.timestamp) / 1000);
      frame[Symbol.dispose]();
    }
  }

  async watch(codec: LiveCodec, viewer: Viewer, look?: OwnLook): Promise<Disposable> {
    this.looks.push(look);
    let sink = this.sinks.get(codec);
    if (!sink) {
      sink = new WebrtcSink({ codec, bitrate: { min: 200_000, start: 1_500_000, max: 4_000_000 } });
      this.sinks.set(codec, sink);
    }
    return sink.join(viewer);
  }

  async close(): Promise<void> {
    for (const sink of this.sinks.values()) await sink[Symbol.asyncDispose]();
  }
}

/** WHIP and WHEP on a port of their own, over streams that loop back. */
export async function startLoop(settings: Partial<PeerSettings> = {}, page = '') {
  const streams = new Map<string, LoopSession>();
  const sessions = {
    find: (name: string) => streams.get(name),
    open: (name: string) => {
      const stream = streams.get(name) ?? new LoopSession();
      streams.set(name, stream);
      return stream;
    },
  };
  const peers = new Peers({ bindAddress: '127.0.0.1', udpPorts: [23_000, 23_400], ...settings });
  const app = new Hono();
  app.get('/', (c) => c.html(page));
  const options = { sessions, peers, authorise: () => {} };
  app.route('/', whipRoutes(options));
  app.route('/', whepRoutes(options));
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    app,
    peers,
    sessions,
    streams,
    async close(): Promise<void> {
      await peers[Symbol.asyncDispose]();
      for (const stream of streams.values()) await stream.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type Loop = Awaited<ReturnType<typeof startLoop>>;
