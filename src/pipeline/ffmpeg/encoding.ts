import { availableParallelism } from 'node:os';
import { Interrupted, Unsupported } from '../../errors.js';
import type { Size } from '../../models/pixels.js';
import type { Container } from '../containers.js';
import type { MediaSinkOptions, VideoCodec } from '../media.js';
import { type Ffmpeg, hasEncoder } from './tool.js';

/** How a codec is encoded, as the in-process backend does: good looks at a pace that leaves the processor to the painter. */
export interface Settings {
  readonly encoder: string;
  readonly options: readonly string[];
  /** Whether both sides must be even, as 4:2:0 asks of H.264 and H.265. */
  readonly even: boolean;
  /** Pictures with a shorter side it does not take. */
  readonly leastSide?: number;
}

/** By codec, the preferred one first. */
const settings: Readonly<Record<VideoCodec, readonly Settings[]>> = {
  h264: [{ encoder: 'libx264', options: ['-preset:0', 'veryfast', '-crf:0', '18'], even: true }],
  h265: [
    {
      encoder: 'libx265',
      options: ['-preset:0', 'veryfast', '-crf:0', '22', '-x265-params:0', 'log-level=error'],
      even: true,
    },
  ],
  vp9: [
    {
      encoder: 'libvpx-vp9',
      options: [
        ...['-crf:0', '30', '-b:0', '0', '-deadline:0', 'realtime', '-cpu-used:0', '6'],
        ...['-row-mt:0', '1', '-tile-columns:0', '2'],
      ],
      even: false,
    },
  ],
  av1: [
    // Older builds refuse pictures that are smaller.
    { encoder: 'libsvtav1', options: ['-preset:0', '9', '-crf:0', '30'], even: false, leastSide: 64 },
    {
      encoder: 'libaom-av1',
      options: ['-cpu-used:0', '8', '-crf:0', '30', '-b:0', '0', '-row-mt:0', '1', '-lag-in-frames:0', '0'],
      even: false,
    },
  ],
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

/**
 * The encoder for a codec and size that this build has.
 * @throws Unsupported when it has none.
 */
export async function encoderFor(
  tool: Ffmpeg,
  path: string,
  codec: VideoCodec,
  { width, height, signal }: Size & { readonly signal?: AbortSignal },
): Promise<Settings> {
  for (const candidate of settings[codec]) {
    if (Math.min(width, height) < (candidate.leastSide ?? 1)) continue;
    if (await hasEncoder(tool, candidate.encoder, signal)) return candidate;
  }
  if (signal?.aborted) throw new Interrupted();
  const names = settings[codec].map(({ encoder }) => encoder).join(' or ');
  throw new Unsupported(
    `${path}: this ffmpeg (${tool.version}) cannot encode ${codec} of ${width}x${height}.`,
    {
      hint: `It takes ${names}. Choose another --codec, use another build of ffmpeg, or leave out --media ffmpeg.`,
    },
  );
}

/** The size that an encoder stores a picture in: 4:2:0 of H.264 and H.265 knows only even sides. */
export function codedSize({ even }: Settings, { width, height }: Size): Size {
  return even ? { width: width + (width % 2), height: height + (height % 2) } : { width, height };
}

/** From planes in the order red, green, blue, which ffmpeg believes to be green, blue, red, to what encoders take. */
function toYuv(settings: Settings, size: Size): string {
  const coded = codedSize(settings, size);
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
export function videoOptions(settings: Settings, container: Container, options: MediaSinkOptions): string[] {
  const { encoder, options: own } = settings;
  const { num, den } = options.frameRate ?? { num: 25, den: 1 };
  const gop = Math.max(1, Math.min(600, Math.round((KEY_SECONDS * num) / den)));
  const reorder = container.edits || container.format === 'matroska' || container.format === 'webm';
  return [
    ...['-filter:0', toYuv(settings, options), '-c:0', encoder, ...own, ...COLORS, '-g:0', `${gop}`],
    ...['-threads:0', `${Math.min(MAX_THREADS, availableParallelism())}`],
    ...['-fps_mode:0', 'passthrough', '-enc_time_base:0', `${options.timeBase.num}:${options.timeBase.den}`],
    ...(reorder ? [] : ['-bf:0', '0']),
    // Apple's players take H.265 only under this name.
    ...(container.edits && encoder === 'libx265' ? ['-tag:0', 'hvc1'] : []),
  ];
}

/** Output options for the file as a whole: the index at its front, the source's ticks, its clock untouched. */
export function containerOptions(
  { edits, format }: Container,
  { timeBase: { den } }: MediaSinkOptions,
): string[] {
  // Edit lists, which hold a late start, count in ticks of the whole file: whole parts of the picture's, and not coarse.
  const movieTicks = den * Math.ceil(1000 / den);
  return [
    ...(edits
      ? ['-movflags', '+faststart', '-video_track_timescale', `${den}`, '-movie_timescale', `${movieTicks}`]
      : []),
    // Sound that starts a little before 0, to prime its decoder, must not move all the rest.
    ...(format === 'matroska' || format === 'webm' ? ['-avoid_negative_ts', 'disabled'] : []),
    ...['-muxdelay', '0', '-muxpreload', '0', '-copyts', '-y', '-f', format],
  ];
}
