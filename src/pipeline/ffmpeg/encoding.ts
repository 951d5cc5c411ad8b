import { availableParallelism } from 'node:os';
import { Unsupported } from '../../errors.js';
import type { Size } from '../../models/pixels.js';
import type { Container } from '../containers.js';
import type { MediaSinkOptions, VideoCodec } from '../media.js';
import { type Ffmpeg, hasEncoder } from './tool.js';

/** How a codec is encoded, as the in-process backend does: good looks at a pace that leaves the processor to the painter. */
interface Settings {
  readonly encoder: string;
  readonly options: readonly string[];
  /** Whether both sides must be even, as 4:2:0 asks of H.264 and H.265. */
  readonly even: boolean;
}

const settings: Readonly<Record<VideoCodec, Settings>> = {
  h264: { encoder: 'libx264', options: ['-preset:0', 'veryfast', '-crf:0', '18'], even: true },
  h265: {
    encoder: 'libx265',
    options: ['-preset:0', 'veryfast', '-crf:0', '22', '-x265-params:0', 'log-level=error'],
    even: true,
  },
  vp9: {
    encoder: 'libvpx-vp9',
    options: [
      ...['-crf:0', '30', '-b:0', '0', '-deadline:0', 'realtime', '-cpu-used:0', '6'],
      ...['-row-mt:0', '1', '-tile-columns:0', '2'],
    ],
    even: false,
  },
  av1: { encoder: 'libsvtav1', options: ['-preset:0', '9', '-crf:0', '30'], even: false },
};

/** Seconds between key pictures, at most: how far a player seeks. */
const KEY_SECONDS = 5;
/** Encoders gain nothing from more threads at the sizes that are painted. */
const MAX_THREADS = 16;
/** Limited BT.709, which is what players expect. */
const COLORS = [
  ...[
    '-colorspace:0',
    'bt709',
    '-color_range:0',
    'tv',
    '-color_primaries:0',
    'bt709',
    '-color_trc:0',
    'bt709',
  ],
  ...['-chroma_sample_location:0', 'left'],
];

/** @throws Unsupported when this build lacks the encoder. */
export async function checkEncoder(
  tool: Ffmpeg,
  path: string,
  codec: VideoCodec,
  signal?: AbortSignal,
): Promise<void> {
  const { encoder } = settings[codec];
  if (await hasEncoder(tool, encoder, signal)) return;
  throw new Unsupported(`${path}: this ffmpeg (${tool.version}) has no ${encoder} to encode ${codec} with.`, {
    hint: 'Choose another --codec, use another build of ffmpeg, or leave out --media ffmpeg.',
  });
}

/** The size that a codec stores a picture in: 4:2:0 of H.264 and H.265 knows only even sides. */
export function codedSize(codec: VideoCodec, { width, height }: Size): Size {
  if (!settings[codec].even) return { width, height };
  return { width: width + (width % 2), height: height + (height % 2) };
}

/** From planes in the order red, green, blue, which ffmpeg believes to be green, blue, red, to what encoders take. */
function toYuv(codec: VideoCodec, size: Size): string {
  const coded = codedSize(codec, size);
  const [right, bottom] = [coded.width - size.width, coded.height - size.height];
  const grown = [
    `pad=${coded.width}:${coded.height}`,
    `fillborders=right=${right}:bottom=${bottom}:mode=smear`,
  ];
  return [
    'shuffleplanes=1:2:0',
    'format=gbrp',
    ...(right + bottom > 0 ? grown : []),
    'scale=out_color_matrix=bt709:out_range=tv:flags=bicubic',
    'format=yuv420p',
    'setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709',
  ].join(',');
}

/** Output options for the pictures, which are stream 0 of the file. */
export function videoOptions(codec: VideoCodec, container: Container, options: MediaSinkOptions): string[] {
  const { encoder, options: own } = settings[codec];
  const { num, den } = options.frameRate ?? { num: 25, den: 1 };
  const gop = Math.max(1, Math.min(600, Math.round((KEY_SECONDS * num) / den)));
  const reorder = container.edits || container.format === 'matroska' || container.format === 'webm';
  return [
    ...['-filter:0', toYuv(codec, options), '-c:0', encoder, ...own, ...COLORS, '-g:0', `${gop}`],
    ...['-threads:0', `${Math.min(MAX_THREADS, availableParallelism())}`],
    ...['-fps_mode:0', 'passthrough', '-enc_time_base:0', `${options.timeBase.num}:${options.timeBase.den}`],
    ...(reorder ? [] : ['-bf:0', '0']),
    // Apple's players take H.265 only under this name.
    ...(container.edits && codec === 'h265' ? ['-tag:0', 'hvc1'] : []),
  ];
}

/** Output options for the file as a whole: the index at its front, the source's ticks, its clock untouched. */
export function containerOptions({ edits, format }: Container, { timeBase }: MediaSinkOptions): string[] {
  return [
    ...(edits ? ['-movflags', '+faststart', '-video_track_timescale', `${timeBase.den}`] : []),
    ...['-muxdelay', '0', '-muxpreload', '0', '-copyts', '-y', '-f', format],
  ];
}
