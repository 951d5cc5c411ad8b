import { z } from 'zod';
import { BadInput, Interrupted, Unsupported } from '../../errors.js';
import { allowedOnly, fileUrl } from './allow.js';
import { type Captured, capture } from './capture.js';
import type { Ffmpeg } from './tool.js';

const count = z.coerce.number().finite().optional().catch(undefined);
const text = z.string().max(200).optional().catch(undefined);

const sideData = z.object({
  displaymatrix: z.string().max(1000).optional(),
  crop_top: count,
  crop_bottom: count,
  crop_left: count,
  crop_right: count,
  dv_profile: count,
});

const stream = z.object({
  index: z.number().int().min(0).max(10_000),
  codec_type: text,
  codec_name: text,
  codec_tag_string: text,
  channels: count,
  sample_rate: count,
  pix_fmt: text,
  field_order: text,
  width: count,
  height: count,
  sample_aspect_ratio: text,
  time_base: text,
  r_frame_rate: text,
  avg_frame_rate: text,
  start_pts: count,
  duration_ts: count,
  nb_frames: count,
  bit_rate: count,
  color_range: text,
  color_space: text,
  color_transfer: text,
  color_primaries: text,
  disposition: z.record(z.string(), z.number()).optional().catch(undefined),
  side_data_list: z.array(sideData).max(64).optional().catch(undefined),
  tags: z.record(z.string(), z.string()).optional().catch(undefined),
});

const frame = z.object({
  stream_index: z.number().int(),
  interlaced_frame: count,
  pix_fmt: text,
  width: count,
  height: count,
  color_range: text,
  color_space: text,
  color_transfer: text,
  color_primaries: text,
  chroma_location: text,
});

const answer = z.object({
  streams: z.array(stream).max(10_000).default([]),
  frames: z.array(frame).default([]),
  format: z.object({
    format_name: z.string().max(200),
    start_time: count,
    duration: count,
    tags: z.record(z.string(), z.string()).optional().catch(undefined),
  }),
});

export type ProbedStream = z.infer<typeof stream>;
export type ProbedFrame = z.infer<typeof frame>;
export type Probed = z.infer<typeof answer>;

interface ProbeOptions {
  readonly signal?: AbortSignal;
  /** Also what the first frames are like: of all streams, or of the one with this index. */
  readonly look?: 'all' | number;
}

/** Packets to look at: a decoder may keep back the first pictures until it has seen some. */
const LOOK_PACKETS = { all: 24, one: 8 } as const;

function lookOptions(look: ProbeOptions['look']): string[] {
  if (look === undefined) return [];
  const packets = look === 'all' ? LOOK_PACKETS.all : LOOK_PACKETS.one;
  const only = look === 'all' ? [] : ['-select_streams', `${look}`];
  return ['-show_frames', '-read_intervals', `%+#${packets}`, ...only];
}

/**
 * Asks ffprobe what a local file holds.
 * @throws BadInput when it is no media file, or one of a kind that is not allowed; Unsupported; Interrupted.
 */
export async function probe(tool: Ffmpeg, path: string, { signal, look }: ProbeOptions = {}) {
  const shown = ['-of', 'json', '-show_streams', '-show_format', ...lookOptions(look)];
  const args = ['-hide_banner', '-loglevel', 'level+error', ...allowedOnly, '-threads', '1', ...shown];
  const said = await capture(tool.ffprobe, [...args, '-i', fileUrl(path)], { signal });
  if (signal?.aborted) throw new Interrupted();
  const { errors } = said.ended;
  if (errors.has(/exceeds max_streams/)) throw new Unsupported(`${path} holds too many streams.`);
  const parsed = answer.safeParse(jsonOf(said.text));
  if (said.ended.code !== 0 || !parsed.success) throw refused(path, said, parsed.error);
  return { ...parsed.data, errors };
}

function jsonOf(said: string): unknown {
  try {
    return JSON.parse(said);
  } catch {
    return undefined;
  }
}

/** Why ffprobe would not have a file, in a sentence. */
export function refused(path: string, { ended }: Pick<Captured, 'ended'>, cause?: unknown): Error {
  const { errors, overtime, failure } = ended;
  if (failure) return new Unsupported('ffprobe cannot be started.', { cause: failure });
  if (overtime) return new BadInput(`${path} could not be read in time.`);
  const codec = errors.lines.map((line) => /Codec \((\S+)\) not on whitelist/.exec(line)?.[1]).find(Boolean);
  if (codec)
    return new Unsupported(`${path} holds a stream of a kind that --media ffmpeg does not open (${codec}).`, {
      hint: 'Leave out --media ffmpeg for files that you trust.',
    });
  if (errors.has(/Format not on whitelist/i))
    return new BadInput(`${path} is not a video file of a kind that --media ffmpeg opens.`, {
      hint: 'It opens MP4, MOV, Matroska, WebM, AVI, MPEG, FLV and Ogg files with usual codecs.',
    });
  if (errors.has(/permission denied/i)) return new BadInput(`${path} may not be read: permission denied.`);
  if (errors.has(/invalid data|moov atom not found/i))
    return new BadInput(`${path} is not a video, or is damaged beyond reading.`, { cause });
  return new BadInput(`${path} cannot be read as a video: ${errors.last ?? 'ffprobe says nothing'}.`, {
    cause,
  });
}
