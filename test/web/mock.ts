import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import type {
  ClientMessageInput,
  JobInfo,
  LookState,
  OutputInfo,
  RecordingInfo,
  Role,
  ServerInfo,
  ServerMessage,
  Stats,
  StreamInfo,
  StyleInfo,
  TuningInfo,
} from '../../src/server/protocol.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp',
};
/** As strict as the server's own. */
const CSP =
  "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; object-src 'none'; base-uri 'none'";

const presets = JSON.parse(readFileSync(join(root, 'scripts/presets.json'), 'utf8')) as StyleInfo[];

const allStyles: StyleInfo[] = presets.map(({ name, title, artist, year }) => ({
  ...{ name, title, artist, year },
  source: 'preset',
  picture: `/api/styles/${name}/picture`,
  painted: `/api/styles/${name}/painted`,
}));

allStyles.push({
  ...{ name: 'mine', title: 'My wall', source: 'user', tuned: false },
  ...{ picture: '/api/styles/wave/picture', painted: '/api/styles/wave/painted' },
});

const info: ServerInfo = {
  version: '0.2.0',
  engine: 'onnx/cpu',
  model: 'fast',
  auth: false,
  role: 'admin',
  urls: true,
  publicUrl: 'http://192.168.1.20:8080',
  iceServers: [],
  limits: { imageBytes: 20e6, videoBytes: 2e9 },
};

const recordings: RecordingInfo[] = [
  {
    ...{
      id: 'r1',
      stream: 'main',
      what: 'painted',
      began: '2026-03-01T20:15:00Z',
      seconds: 754,
      bytes: 184e6,
    },
    ...{ running: false, url: '/api/recordings/r1/file', cues: '/api/recordings/r1/cues' },
  },
];
const jobs: JobInfo[] = [
  {
    id: 'j1',
    input: 'dance.mp4',
    state: 'done',
    frames: 900,
    total: 900,
    fps: 24,
    created: '2026-03-01T20:00:00Z',
  },
];

const RECORDING: OutputInfo = {
  ...{ id: 'o1', kind: 'record', target: 'main.mp4', state: 'running' },
  ...{ frames: 0, dropped: 0, seconds: 12, bytes: 3e6 },
};
const DENIED = { error: { code: 'denied', message: 'This needs a token.' } };

/** The file behind an address, if there is one. */
function fileOf(pathname: string): string | undefined {
  const web = join(root, 'dist/web');
  const style = /^\/api\/styles\/([a-z-]+)\/(picture|painted)$/.exec(pathname)?.[1];
  if (style) return join(root, 'models/fast', `${style}.webp`);
  if (pathname === '/mock/tiles.webp') return join(root, 'docs/painted.webp');
  if (pathname === '/') return join(web, 'index.html');
  if (pathname.startsWith('/watch/')) return join(web, 'watch.html');
  return /^\/(assets\/[\w.-]+|favicon\.svg)$/.test(pathname) ? join(web, pathname) : undefined;
}

/** A server with the panel's files and just enough behind them; it keeps what it was told. */
export class Mock {
  readonly heard: ClientMessageInput[] = [];
  readonly requests: string[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #streams = new WeakMap<WebSocket, string>();
  readonly #sockets = new WebSocketServer({ server: this.#server, verifyClient: () => !this.#away });
  #away = false;
  #frame = 1200;
  #outputs: OutputInfo[] = [];
  #tunings: TuningInfo[] = [];
  #styles = allStyles;
  /** Steps of a tuning that is under way; so many as it has end it. */
  tunedSteps = 0;
  /** What feeds the stream. */
  input: StreamInfo['input']['kind'] = 'whip';
  /** Why the stream's input does not come. */
  problem = '';
  #look: LookState = {
    mix: [{ style: 'wave', weight: 1 }],
    strength: 0.85,
    keepColor: 0.2,
    steady: 0.5,
    show: 'paint',
  };
  /** The token that is asked for; none when empty. */
  token = '';
  /** Whether the token allows to publish and nothing else. */
  publishOnly = false;
  /** Whether control sockets may only watch. */
  watchOnly = false;
  /** Control sockets that were refused, while they are. */
  refused: number | undefined;

  constructor() {
    this.#sockets.on('connection', (socket, { url }) => {
      this.#streams.set(socket, url?.split('/')[3] ?? '');
      this.#greet(socket);
    });
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Cuts every control socket, or closes it with a code. */
  cut(code?: number): void {
    for (const socket of this.#sockets.clients) code ? socket.close(code) : socket.terminate();
  }

  /** Cuts every control socket, or closes it with a code, and takes no other until it comes back. */
  leave(code?: number): void {
    this.#away = true;
    this.cut(code);
  }

  comeBack(): void {
    this.#away = false;
  }

  /** Closes the control sockets of a stream as the server does when it is removed. */
  remove(stream = 'main'): void {
    for (const socket of this.#sockets.clients)
      if (this.#streams.get(socket) === stream) socket.close(4404, 'the stream was removed');
  }

  /** Deletes a style, as another panel may, and says that the gallery changed. */
  forget(style: string): void {
    this.#restyle(this.#styles.filter(({ name }) => name !== style));
  }

  /** Brings back every style that was deleted. */
  restore(): void {
    this.#restyle(allStyles);
  }

  #restyle(styles: StyleInfo[]): void {
    this.#styles = styles;
    const message: ServerMessage = { type: 'styles' };
    for (const socket of this.#sockets.clients) socket.send(JSON.stringify(message));
  }

  get #role(): Role {
    return this.watchOnly ? 'read' : 'admin';
  }

  #stream(): StreamInfo {
    return {
      ...{ name: 'main', live: true, look: this.#look, viewers: 3, outputs: this.#outputs },
      input: {
        kind: this.input,
        codec: 'h264',
        width: 1280,
        height: 720,
        fps: 30,
        bitrate: 3.1e6,
        keyIntervalMs: 2000,
        ...(this.problem ? { problem: this.problem } : {}),
      },
      maxAge: 250,
      degraded: { level: 0, width: 640, height: 360, model: 'fast' },
    };
  }

  #stats(): Stats {
    this.#frame += 25;
    const wave = Math.sin(this.#frame / 90);
    const timing = (p50: number) => ({ p50: p50 + wave, p95: (p50 + wave) * 1.4 });
    return {
      ...{ type: 'stats', frame: this.#frame, timestamp: this.#frame * 40_000, fps: 28.6 + wave, viewers: 3 },
      input: this.#stream().input,
      stages: {
        decode: timing(3),
        resize: timing(2),
        paint: timing(24),
        steady: timing(2),
        encode: timing(5),
      },
      latency: timing(52),
      frames: {
        ...{ in: this.#frame + 20, painted: this.#frame, onTime: this.#frame, unsent: 0 },
        dropped: { late: Math.floor(this.#frame / 60) },
      },
      hitRate: 0.97,
      bitrate: 2.4e6,
      degraded: this.#stream().degraded,
      outputs: this.#outputs,
    };
  }

  #greet(socket: WebSocket): void {
    const send = (message: ServerMessage) => socket.send(JSON.stringify(message));
    if (this.refused !== undefined) {
      this.refused++;
      send({ type: 'error', code: 'denied', message: 'No token came.' });
      socket.close(4401);
      return;
    }
    if (this.publishOnly) {
      send({ type: 'error', code: 'denied', message: 'A token to publish does not allow to control.' });
      return;
    }
    send({ type: 'hello', version: info.version, role: this.#role, stream: this.#stream() });
    const timer = setInterval(() => send(this.#stats()), 250);
    socket.on('close', () => clearInterval(timer));
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as ClientMessageInput;
      this.heard.push(message);
      if (message.type !== 'change') return;
      const id = message.id ?? 'none';
      if (this.watchOnly) {
        send({ type: 'error', id, code: 'denied', message: 'Changing a look needs an admin token.' });
        return;
      }
      const mix = typeof message.style === 'string' ? [{ style: message.style, weight: 1 }] : message.style;
      this.#look = {
        ...this.#look,
        ...(mix ? { mix: mix.map(({ style, weight = 1 }) => ({ style, weight })) } : {}),
        ...(message.strength === undefined ? {} : { strength: message.strength }),
        ...(message.show ? { show: message.show } : {}),
      };
      send({ type: 'accepted', id });
      send({ type: 'applied', id, frame: ++this.#frame, timestamp: this.#frame * 40_000, look: this.#look });
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, search } = new URL(request.url ?? '/', 'http://mock');
    this.requests.push(`${request.method} ${pathname}${search}`);
    const allowed = !this.token || request.headers.authorization === `Bearer ${this.token}`;
    const path = fileOf(pathname);
    if (path) {
      const type = TYPES[extname(path)] ?? 'application/octet-stream';
      response
        .writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': CSP })
        .end(readFileSync(path));
    } else if (/\/wh[ei]p(\/|$)/.test(pathname)) {
      const sdp = search.includes('strength=0') ? 'before' : 'painted';
      const headers = { 'Content-Type': 'application/sdp', Location: `${pathname}/${'a'.repeat(22)}` };
      response.writeHead(request.method === 'DELETE' ? 200 : 201, headers).end(sdp);
    } else {
      const [status, body] =
        allowed || pathname === '/api/info'
          ? this.#rest(request.method ?? '', pathname, allowed)
          : [401, DENIED];
      response
        .writeHead(status, { 'Content-Type': 'application/json' })
        .end(body ? JSON.stringify(body) : '');
    }
  }

  #rest(method: string, pathname: string, allowed: boolean): [status: number, body?: unknown] {
    const [, , name = '', stream, part] = pathname.split('/');
    if (name === 'info' && this.publishOnly) return [200, { ...info, auth: true, role: 'publish' }];
    if (this.publishOnly && name !== 'session') return [403, DENIED];
    if (name === 'info')
      return [200, { ...info, auth: Boolean(this.token), role: allowed ? this.#role : 'none' }];
    if (name === 'streams' && part === 'outputs') {
      this.#outputs = method === 'POST' ? [RECORDING] : [];
      return method === 'POST' ? [201, RECORDING] : [204];
    }
    if (name === 'streams' && stream) return [200, this.#stream()];
    if (name === 'styles' && method === 'DELETE') {
      this.forget(stream ?? '');
      return [204];
    }
    if (name === 'tunings' && method === 'POST') {
      const began = {
        id: 't1',
        style: 'mine',
        stream: 'main',
        state: 'running',
        step: 0,
        steps: 90,
      } as const;
      this.#tunings = [{ ...began, created: '2026-03-01T20:00:00Z' }];
      return [202, this.#tunings[0]];
    }
    if (name === 'tunings' && method === 'DELETE') this.#tunings = [];
    const tunings = this.#tunings.map((tuning) => ({
      ...{ ...tuning, step: this.tunedSteps, left: 65 },
      state: this.tunedSteps < tuning.steps ? 'running' : 'done',
    }));
    if (name === 'tunings') return [200, { tunings }];
    const lists: Record<string, unknown> = {
      styles: this.#styles,
      streams: [this.#stream(), { ...this.#stream(), name: 'other' }],
      recordings,
      jobs,
    };
    return lists[name] ? [200, { [name]: lists[name] }] : [204];
  }
}

/**
 * Takes the place of the browser's own connections: what comes back is a drawn picture. Runs in the page, before its
 * scripts do.
 */
export function fakePeers(): void {
  const tiles = new Image();
  tiles.src = '/mock/tiles.webp';
  const draw = (column: number, row: number) => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 960, height: 544 });
    const context = canvas.getContext('2d');
    setInterval(() => context?.drawImage(tiles, column * 488, row * 280, 480, 272, 0, 0, 960, 544), 100);
    return canvas.captureStream(10).getVideoTracks()[0];
  };
  class FakePeer extends EventTarget {
    connectionState = 'new';
    iceGatheringState = 'complete';
    localDescription = { type: 'offer', sdp: 'v=0' };
    ontrack: ((event: unknown) => void) | null = null;
    #frames = 0;
    addTransceiver() {
      return { setCodecPreferences() {} };
    }
    getSenders() {
      return [];
    }
    getReceivers() {
      return [];
    }
    async createOffer() {
      return this.localDescription;
    }
    async setLocalDescription() {}
    async setRemoteDescription({ sdp }: { sdp: string }) {
      const track = sdp === 'before' ? draw(0, 0) : draw(1, 0);
      this.ontrack?.({ track, receiver: {} });
      this.connectionState = 'connected';
      this.dispatchEvent(new Event('connectionstatechange'));
    }
    async getStats() {
      this.#frames += 30;
      return new Map([
        [
          'v',
          {
            ...{
              type: 'inbound-rtp',
              kind: 'video',
              timestamp: performance.now(),
              bytesReceived: this.#frames * 9000,
            },
            ...{
              framesPerSecond: 30,
              framesDecoded: this.#frames,
              packetsLost: 0,
              frameWidth: 1280,
              frameHeight: 720,
            },
          },
        ],
      ]);
    }
    close() {
      this.connectionState = 'closed';
    }
  }
  Object.assign(window, { RTCPeerConnection: FakePeer });
}
