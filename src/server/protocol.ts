/**
 * Everything that passes between the server and its clients, as zod schemas: the control socket and the REST API.
 * The panel imports the types of this file, and nothing else of the server. What a look is, what feeds a stream and
 * where it goes, transcodes, tunings and trainings have files of their own.
 */
import { z } from 'zod';
import type { InputInfo, OutputInfo } from './feed-protocol.js';
import { type Cycle, changed, type LookState, sensible } from './look-protocol.js';

export * from './feed-protocol.js';
export * from './job-protocol.js';
export {
  type Change,
  type ChangeInput,
  type Cycle,
  change,
  cycle,
  type LookState,
  look,
  type Share,
  share,
} from './look-protocol.js';
export { STREAM_NAME, streamName } from './names-protocol.js';
export type * from './training-protocol.js';
export * from './tuning-protocol.js';

/** Chosen by the client; comes back in every answer to its message. */
const id = z.string().min(1).max(64);

/** The oldest that a frame may be allowed to be, in milliseconds, and the youngest. */
export const MAX_AGE = [20, 10_000] as const;

/** Settings of a stream beside its look; what is not named stays. */
const set = {
  /**
   * How old a frame may be when its turn to be painted comes, in milliseconds from its arrival here: an older one is
   * dropped as `late`, and the newest takes its place. Streams with less to spare are painted first.
   */
  maxAge: z.number().min(MAX_AGE[0]).max(MAX_AGE[1]).optional(),
};
const anySetting = ({ maxAge }: Record<string, unknown>) => maxAge !== undefined;
const NO_SETTING = 'sets nothing: it names no maxAge';

/** Settings of a stream, as the REST API takes them. */
export const streamSettings = z.strictObject(set).refine(anySetting, NO_SETTING);
export type StreamSettings = z.infer<typeof streamSettings>;

const changeMessage = sensible(z.strictObject({ type: z.literal('change'), id: id.optional(), ...changed }));

/** What a client says on the control socket, `GET /api/streams/{stream}/control`. */
export const clientMessage = z.discriminatedUnion('type', [
  /** The first message, where a token is needed: browsers cannot put one into the handshake. */
  z.strictObject({ type: z.literal('auth'), token: z.string().min(1).max(512) }),
  changeMessage,
  /** Changes settings of the stream, for everyone and at once; `stream` then tells of it. */
  z.strictObject({ type: z.literal('set'), id: id.optional(), ...set }).refine(anySetting, NO_SETTING),
  /** Takes back a change that still waits for its frame. */
  z.strictObject({ type: z.literal('cancel'), id }),
  /** Whether to send `stats` once a second. */
  z.strictObject({ type: z.literal('stats'), on: z.boolean() }),
  /** Answered with `pong` and the server's clock. */
  z.strictObject({ type: z.literal('ping'), id: id.optional() }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;
export type ClientMessageInput = z.input<typeof clientMessage>;

/** A stream as the API shows it. */
export interface StreamInfo {
  readonly name: string;
  /** Whether someone publishes. */
  readonly live: boolean;
  readonly input: InputInfo;
  readonly look: LookState;
  readonly cycle?: Cycle;
  /** How old a frame may be when its turn to be painted comes, in milliseconds. */
  readonly maxAge: number;
  readonly viewers: number;
  readonly outputs: readonly OutputInfo[];
  /** What is painted at, and whether that is less than wished. */
  readonly degraded: Degraded;
}

/** How far the painter has stepped down under load. */
export interface Degraded {
  /** 0: not at all. */
  readonly level: number;
  /** Size painted at. */
  readonly width: number;
  readonly height: number;
  readonly model: string;
  /** One sentence for people where `level` is above 0. */
  readonly reason?: string;
}

/** Milliseconds, over the last seconds. */
export interface Timing {
  readonly p50: number;
  readonly p95: number;
}

/** What happens in a stream, once a second. */
export interface Stats {
  readonly type: 'stats';
  /** Number of the newest painted frame, and its time in microseconds of the stream's clock. */
  readonly frame: number;
  readonly timestamp: number;
  readonly input: InputInfo;
  /** Painted frames a second. */
  readonly fps: number;
  readonly viewers: number;
  /** Milliseconds per frame of each stage: `decode`, `resize`, `paint`, `steady`, `encode`. */
  readonly stages: Readonly<Record<string, Timing>>;
  /** From a frame's arrival here to its packets' leaving, in milliseconds. */
  readonly latency: Timing;
  /**
   * Frames so far, by what became of them. `in` is the sum of `painted` and all of `dropped`, and what is on its way;
   * `onTime` are those of `painted` that were handed on before they were older than `maxAge`, `unsent` those that an
   * encoder for viewers left out, once for each encoder.
   */
  readonly frames: {
    readonly in: number;
    readonly painted: number;
    readonly onTime: number;
    readonly unsent: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
  /** Of the frames that came to be painted over the last seconds, the share handed on in time; null: none came. */
  readonly hitRate: number | null;
  /** Bits a second that the shared encoders aim at. */
  readonly bitrate: number;
  readonly degraded: Degraded;
  readonly outputs: readonly OutputInfo[];
}

/** What the server says on the control socket. */
export type ServerMessage =
  /** The first message: what this is, and how the stream stands. */
  | { readonly type: 'hello'; readonly version: string; readonly role: Role; readonly stream: StreamInfo }
  /** The stream changed in a way that is no look: publisher, outputs, viewers, load. */
  | { readonly type: 'stream'; readonly stream: StreamInfo }
  /** A change is understood and waits for its frame. */
  | { readonly type: 'accepted'; readonly id: string }
  /** A change took effect: on which frame, at which time, and what holds from there on (after its fade). */
  | {
      readonly type: 'applied';
      readonly id: string;
      readonly frame: number;
      readonly timestamp: number;
      readonly look: LookState;
      readonly cycle?: Cycle;
    }
  /** Styles were added or removed. */
  | { readonly type: 'styles' }
  /** Something a person should read. */
  | { readonly type: 'notice'; readonly level: 'info' | 'warning'; readonly text: string }
  | { readonly type: 'pong'; readonly id?: string; readonly timestamp: number }
  /** Exactly one for each message that cannot be done; the state is as before. */
  | {
      readonly type: 'error';
      readonly id?: string;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint?: string;
    }
  | Stats;

/** Reasons, for programs. */
export type ErrorCode =
  | 'bad-request'
  | 'denied'
  | 'not-found'
  | 'conflict'
  | 'too-large'
  | 'too-many'
  | 'overloaded'
  | 'unsupported'
  | 'failed';

/** What every failed REST request answers. */
export interface ErrorBody {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint?: string };
}

/** What a token allows: each includes the ones before it, but `publish` and `read` are apart. */
export type Role = 'none' | 'read' | 'publish' | 'admin';

/** A style as the gallery shows it. */
export interface StyleInfo {
  readonly name: string;
  readonly title: string;
  readonly artist?: string;
  readonly year?: string;
  readonly source: 'preset' | 'user';
  /** Of one's own: whether it was tuned for the server's model. */
  readonly tuned?: boolean;
  /** URL of a small picture of the style, and of a sample painted in it. */
  readonly picture: string;
  readonly painted: string;
}

/** What the panel needs to know of the server. */
export interface ServerInfo {
  readonly version: string;
  readonly engine: string;
  readonly model: string;
  /** Whether requests need a token, and what the one at hand allows. */
  readonly auth: boolean;
  readonly role: Role;
  /** Whether addresses may be used as inputs and outputs. */
  readonly urls: boolean;
  /** Base of the URLs to hand to other programs, as they reach this server: `http://192.168.1.20:8080`. */
  readonly publicUrl: string;
  readonly iceServers: readonly {
    readonly urls: string;
    readonly username?: string;
    readonly credential?: string;
  }[];
  readonly limits: { readonly imageBytes: number; readonly videoBytes: number };
  /** For an admin to hand to others, where tokens are needed: to publish (OBS), and to watch. */
  readonly tokens?: { readonly publish?: string; readonly read?: string };
}
