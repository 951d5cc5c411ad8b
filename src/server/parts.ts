import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { WebSocket } from 'ws';
import type { Pixels } from '../models/pixels.js';
import type { Cue } from '../pipeline/cues.js';
import type { Auth } from './auth.js';
import type { Jobs } from './jobs.js';
import type { MediaFiles } from './media-files.js';
import type { Metrics } from './metrics.js';
import type {
  Change,
  InputRequest,
  OutputInfo,
  OutputRequest,
  Role,
  ServerMessage,
  Stats,
  StreamInfo,
  StreamSettings,
} from './protocol.js';
import type { Recordings } from './recordings.js';
import type { Settings } from './settings.js';
import type { Styles } from './styles.js';
import type { Tunings } from './tunings.js';
import type { Uploads } from './uploads.js';
import type { UrlRules } from './urls.js';

/** What the API does with a stream. */
export interface StreamSession {
  readonly name: string;
  /** Resolves to the change's id once its styles are at hand. @throws NotFound, BadInput */
  change(change: Change, id?: string): Promise<string>;
  set(settings: StreamSettings): void;
  /** Where the HLS output that runs keeps its playlist and segments, if there is one. */
  readonly hls: string | undefined;
  info(): StreamInfo;
  stats(): Stats;
  on(listen: (message: ServerMessage) => void): Disposable;
  /** What was changed so far, as a cue list. */
  cues(): readonly Cue[];
  addOutput(request: OutputRequest): Promise<OutputInfo>;
  removeOutput(id: string): Promise<unknown>;
  setInput(request: InputRequest): Promise<void>;
  clearInput(): Promise<void>;
  /** The newest painted picture, if there is one. */
  snapshot(): Promise<Pixels | undefined>;
}

/** What the API does with streams. */
export interface StreamSessions {
  find(name: string): StreamSession | undefined;
  /** Finds or creates; what is kept ends by `close` alone. @throws Overloaded */
  keep(name: string): StreamSession;
  list(): StreamSession[];
  close(name: string): Promise<void>;
}

/** Serves a control socket until it closes; its errors are its own. */
export type OpenControl = (
  socket: WebSocket,
  context: {
    readonly stream: string;
    readonly version: string;
    /** By the token of the handshake or a cookie, or what needs none. */
    readonly role: Role;
    /** Whether the handshake had a token, so that none has to follow. */
    readonly shown: boolean;
    /** What a token of an `auth` message allows. @throws Denied, TooMany after too many wrong ones. */
    checkToken(token: string): Role;
  },
) => void;

/** How the server stands, for `/readyz` and for whoever wants in. */
export interface ServerState {
  /** Models are warm and streams run. */
  ready: boolean;
  /** On its way down: nobody new is let in. */
  draining: boolean;
}

/** Where the server keeps files. */
export interface ServerFolders {
  /** The built panel; a server without one says how to build it. */
  readonly web: string;
  /** The page that shows the API. */
  readonly docs: string;
}

/** All that the HTTP server is made of. */
export interface Parts {
  readonly settings: Settings;
  readonly about: { readonly version: string; readonly engine: string; readonly model: string };
  readonly state: ServerState;
  readonly auth: Auth;
  readonly sessions: StreamSessions;
  readonly styles: Styles;
  readonly uploads: Uploads;
  readonly media: MediaFiles;
  readonly jobs: Jobs;
  readonly tunings: Tunings;
  readonly recordings: Recordings;
  readonly urls: UrlRules;
  readonly metrics: Metrics;
  readonly folders: ServerFolders;
  readonly control?: OpenControl;
  /** Control sockets that are open. */
  readonly sockets?: () => Iterable<{ readonly bufferedAmount: number }>;
  /** WebRTC connections. */
  readonly peers?: { readonly size: number };
  /** Routes `/{stream}/whip…` and `/{stream}/whep…`; tokens and limits are checked before they are asked. */
  readonly whip?: Hono;
  readonly whep?: Hono;
}

/** What handlers find in their context. */
export interface Env {
  Bindings: HttpBindings;
  Variables: {
    /** What the request's token allows. */
    role: Role;
    /** Whether a token, or the cookie that stands for one, was shown. */
    known: boolean;
    /** Who asks. */
    address: string;
  };
}

export type Ctx = Context<Env>;
