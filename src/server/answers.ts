import { z } from '@hono/zod-openapi';
import {
  cycle,
  type ErrorBody,
  type InputInfo,
  type JobInfo,
  look,
  type OutputInfo,
  type RecordingInfo,
  type ServerInfo,
  type StreamInfo,
  type StyleInfo,
  type TuningInfo,
  type UploadInfo,
} from './protocol.js';

/** What the API answers, as schemas for its description; their types are those of `protocol.ts`. */

const text = z.string();
const count = z.number();

export const errorBody = z
  .object({
    error: z.object({
      code: z.enum([
        'bad-request',
        'denied',
        'not-found',
        'conflict',
        'too-large',
        'too-many',
        'overloaded',
        'unsupported',
        'failed',
      ]),
      message: text.describe('One sentence for people.'),
      hint: text.optional().describe('What to do about it.'),
    }),
  })
  .openapi('Error') satisfies z.ZodType<ErrorBody>;

const inputInfo = z
  .object({
    kind: text.describe('whip, rtmp, rtsp, srt, hls, file, pattern, demo; card while nobody publishes'),
    codec: text.optional(),
    width: count,
    height: count,
    fps: count,
    bitrate: count,
    keyIntervalMs: count.optional(),
    sound: text.optional(),
    problem: text.optional().describe('Why what is to feed the stream does not, while it is tried again.'),
  })
  .openapi('Input') satisfies z.ZodType<InputInfo>;

export const outputInfo = z
  .object({
    id: text,
    kind: z.enum(['record', 'hls', 'rtmp', 'srt']),
    target: text.describe('Where it goes; keys are masked.'),
    state: z.enum(['starting', 'running', 'retrying', 'ended', 'failed']),
    frames: count,
    dropped: count,
    seconds: count,
    bytes: count,
    problem: text.optional(),
  })
  .openapi('Output') satisfies z.ZodType<OutputInfo>;

export const lookState = z.object(look.shape).openapi('Look');

export const streamInfo = z
  .object({
    name: text,
    live: z.boolean().describe('Whether someone publishes.'),
    input: inputInfo,
    look: lookState,
    cycle: cycle.optional(),
    maxAge: count.describe('Milliseconds that a frame may be old when its turn to be painted comes.'),
    viewers: count,
    outputs: z.array(outputInfo),
    degraded: z.object({
      level: count.describe('How far the painter has stepped down under load; 0: not at all.'),
      width: count,
      height: count,
      model: text,
      reason: text.optional(),
    }),
  })
  .openapi('Stream') satisfies z.ZodType<StreamInfo>;

export const styleInfo = z
  .object({
    name: text,
    title: text,
    artist: text.optional(),
    year: text.optional(),
    source: z.enum(['preset', 'user']),
    tuned: z.boolean().optional().describe('Of one’s own: whether it was tuned for the server’s model.'),
    picture: text.describe('URL of a small picture of the style.'),
    painted: text.describe('URL of a sample painted in it.'),
  })
  .openapi('Style') satisfies z.ZodType<StyleInfo>;

export const serverInfo = z
  .object({
    version: text,
    engine: text,
    model: text,
    auth: z.boolean().describe('Whether requests need a token.'),
    role: z.enum(['none', 'read', 'publish', 'admin']).describe('What the one at hand allows.'),
    urls: z.boolean().describe('Whether addresses may be used as inputs and outputs.'),
    publicUrl: text,
    iceServers: z.array(z.object({ urls: text, username: text.optional(), credential: text.optional() })),
    limits: z.object({ imageBytes: count, videoBytes: count }),
    tokens: z.object({ publish: text.optional(), read: text.optional() }).optional(),
  })
  .openapi('Server') satisfies z.ZodType<ServerInfo>;

export const uploadInfo = z
  .object({ id: text, name: text, bytes: count })
  .openapi('Upload') satisfies z.ZodType<UploadInfo>;

export const jobInfo = z
  .object({
    id: text,
    input: text,
    state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
    frames: count,
    total: count.optional(),
    fps: count,
    created: text,
    problem: text.optional(),
    output: text.optional().describe('Where to fetch the result once it is done.'),
  })
  .openapi('Job') satisfies z.ZodType<JobInfo>;

export const tuningInfo = z
  .object({
    id: text,
    style: text,
    stream: text.describe('Whose pictures are learnt on.'),
    state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
    step: count.describe('0 too while pictures are gathered.'),
    steps: count,
    left: count.optional().describe('Seconds that the rest will take.'),
    created: text,
    problem: text.optional(),
  })
  .openapi('Tuning') satisfies z.ZodType<TuningInfo>;

export const recordingInfo = z
  .object({
    id: text,
    stream: text,
    what: z.enum(['painted', 'source']),
    began: text,
    seconds: count,
    bytes: count,
    running: z.boolean(),
    url: text,
    cues: text,
  })
  .openapi('Recording') satisfies z.ZodType<RecordingInfo>;
