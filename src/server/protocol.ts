import { z } from 'zod';

export type * from './training-protocol.js';
export * from './tuning-protocol.js';

/**
 * Everything that passes between the server and its clients, as zod schemas: the control socket and the REST API.
 * The panel imports the types of this file, and nothing else of the server.
 */

/** Names of streams: a part of a URL, without escapes. */
export const STREAM_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/i;
export const streamName = z.string().regex(STREAM_NAME, 'is 1 to 64 letters, digits, _ and -');
const styleName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'is not the name of a style');

const unit = z.number().min(0).max(1);

/** A style and its share of a mix; shares count against their sum. */
export const share = z.strictObject({ style: styleName, weight: z.number().positive().max(1e6).default(1) });
export type Share = z.infer<typeof share>;

const mix = z.array(share).min(1).max(64);

/** A new style every so many frames, from the frame at which it begins, until the style is changed in another way. */
export const cycle = z.strictObject({
  styles: z.array(styleName).min(2).max(64),
  /** 1 paints every frame in another style. */
  everyFrames: z.int().min(1).max(100_000),
});
export type Cycle = z.infer<typeof cycle>;

/** How a stream looks: what the session's state holds. */
export const look = z.object({
  /** Shares that add up to 1. */
  mix,
  /** 0 leaves the source as it is, 1 is the painting alone. */
  strength: unit,
  /** 0 takes the painting's colours, 1 the source's. */
  keepColor: unit,
  /** 0 paints every frame afresh, 1 holds what does not move. */
  steady: unit,
  /** `paint`, `bypass` (the source, unpainted) or `blackout` (black). */
  show: z.enum(['paint', 'bypass', 'blackout']),
});
export type LookState = z.infer<typeof look>;

/** What a change may name; what it does not name stays. */
const changed = {
  style: z.union([styleName, mix]).optional(),
  cycle: cycle.optional(),
  strength: unit.optional(),
  keepColor: z.union([z.boolean(), unit]).optional(),
  steady: unit.optional(),
  show: look.shape.show.optional(),
  /** Milliseconds over which the old look becomes the new one, in weight space. A cycle and `show` do not fade. */
  fadeMs: z.number().min(0).max(86_400_000).default(0),
  /** The frame to begin at, as `applied` and `stats` count them; without it and `atTimestamp`, the next one. */
  atFrame: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  /** Or the first frame at or after this time, in microseconds of the stream's clock. */
  atTimestamp: z.number().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
};

const something = ({ style, cycle: turns, strength, keepColor, steady, show }: Record<string, unknown>) =>
  [style, turns, strength, keepColor, steady, show].some((it) => it !== undefined);
const NOTHING = 'changes nothing: it names no style, cycle, strength, keepColor, steady or show';
const oneStyle = ({ style, cycle: turns }: Record<string, unknown>) => !(style && turns);
const TWO_STYLES = 'names both a style and a cycle';
const oneTime = ({ atFrame, atTimestamp }: Record<string, unknown>) =>
  atFrame === undefined || atTimestamp === undefined;
const TWO_TIMES = 'names both a frame and a time';

/** A change of the look, as the REST API takes it. */
export const change = z
  .strictObject(changed)
  .refine(something, NOTHING)
  .refine(oneStyle, TWO_STYLES)
  .refine(oneTime, TWO_TIMES);
export type Change = z.infer<typeof change>;
/** A change as a client writes it, defaults left out. */
export type ChangeInput = z.input<typeof change>;

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

const changeMessage = z
  .strictObject({ type: z.literal('change'), id: id.optional(), ...changed })
  .refine(something, NOTHING)
  .refine(oneStyle, TWO_STYLES)
  .refine(oneTime, TWO_TIMES);

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

/** What publishes a stream at the moment. */
export interface InputInfo {
  /** `whip`, `rtmp`, `rtsp`, `srt`, `hls`, `file`, `pattern`, `demo`; `card` while nobody publishes. */
  readonly kind: string;
  readonly codec?: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly bitrate: number;
  readonly keyIntervalMs?: number;
  readonly sound?: string;
}

/** An output of a stream beside its viewers. */
export interface OutputInfo {
  readonly id: string;
  readonly kind: 'record' | 'hls' | 'rtmp' | 'srt';
  /** Where it goes; keys and passwords in it are masked. */
  readonly target: string;
  readonly state: 'starting' | 'running' | 'retrying' | 'ended' | 'failed';
  readonly frames: number;
  readonly dropped: number;
  readonly seconds: number;
  readonly bytes: number;
  /** Why it retries or failed: one sentence. */
  readonly problem?: string;
}

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

/** What to feed a stream from, instead of a publisher over WHIP. */
export const inputRequest = z.discriminatedUnion('kind', [
  /** The built-in moving picture, with sound. */
  z.strictObject({ kind: z.literal('demo') }),
  z.strictObject({ kind: z.literal('pattern'), size: z.string().max(20).optional() }),
  /** An uploaded video, or a file below `media.folder` of the configuration. */
  z.strictObject({
    kind: z.literal('file'),
    file: z.string().min(1).max(400),
    loop: z.boolean().default(true),
  }),
  /**
   * rtmp, rtmps, rtsp, rtsps, srt, http(s) for HLS; needs `urls.allow` in the configuration. With `listen` (rtmp, srt)
   * the server waits at that address for whoever publishes there.
   */
  z.strictObject({
    kind: z.literal('url'),
    url: z.string().min(1).max(2000),
    listen: z.boolean().default(false),
  }),
]);
export type InputRequest = z.infer<typeof inputRequest>;

/** Where else to send a painted stream. */
export const outputRequest = z.discriminatedUnion('kind', [
  /** A file in the recordings folder: the painting, or the source as it came (to be painted again with the cue list). */
  z.strictObject({
    kind: z.literal('record'),
    what: z.enum(['painted', 'source']).default('painted'),
    container: z.enum(['mp4', 'mkv', 'webm']).default('mp4'),
  }),
  /** Served at `/{stream}/hls/index.m3u8`. */
  z.strictObject({ kind: z.literal('hls') }),
  /** rtmp, rtmps, srt; needs `urls.allow`. */
  z.strictObject({ kind: z.literal('push'), url: z.string().min(1).max(2000) }),
]);
export type OutputRequest = z.infer<typeof outputRequest>;

/** A finished or running recording. */
export interface RecordingInfo {
  readonly id: string;
  readonly stream: string;
  readonly what: 'painted' | 'source';
  readonly began: string;
  readonly seconds: number;
  readonly bytes: number;
  readonly running: boolean;
  /** Where to fetch the file, and the changes that were made while it ran, as a cue list. */
  readonly url: string;
  readonly cues: string;
}

/** A video that was uploaded: its id names it in inputs and jobs. */
export interface UploadInfo {
  readonly id: string;
  /** As its file was called. */
  readonly name: string;
  readonly bytes: number;
}

/** A transcode to start. */
export const jobRequest = z.strictObject({
  /** Id of an upload, or a file below `media.folder`. */
  input: z.string().min(1).max(400),
  style: z.union([styleName, mix]).optional(),
  strength: unit.default(1),
  keepColor: z.boolean().default(false),
  /** The entries of a cue list, as `transcode --cues` reads them. */
  cues: z.array(z.unknown()).max(10_000).optional(),
  container: z.enum(['mp4', 'mkv', 'webm']).default('mp4'),
  codec: z.enum(['h264', 'h265', 'vp9', 'av1']).optional(),
  /** Height to paint at; the output keeps the input's size. */
  workHeight: z.int().min(64).max(4320).optional(),
});
export type JobRequest = z.infer<typeof jobRequest>;

/** A transcode that was asked for over the API. */
export interface JobInfo {
  readonly id: string;
  readonly input: string;
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly frames: number;
  /** Frames in all, where known. */
  readonly total?: number;
  readonly fps: number;
  readonly created: string;
  readonly problem?: string;
  /** Where to fetch the result once it is done. */
  readonly output?: string;
}
