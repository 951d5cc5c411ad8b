import { z } from 'zod';
import { mix, unit } from './look-protocol.js';
import { styleName } from './names-protocol.js';

/** A transcode to start. */
export const jobRequest = z.strictObject({
  /** Id of an upload, or a file below `media.folder`. */
  input: z.string().min(1).max(400),
  style: z.union([styleName, mix]).optional(),
  strength: unit.default(1),
  keepColor: z.boolean().default(false),
  /** How much of the painting is held where nothing moves. */
  steady: unit.default(0),
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
