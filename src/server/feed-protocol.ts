import { z } from 'zod';

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
  /** Why what is to feed the stream does not, while it is tried again: one sentence. */
  readonly problem?: string;
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
   * the server waits at that address for whoever publishes there: the name behind it is not checked.
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
