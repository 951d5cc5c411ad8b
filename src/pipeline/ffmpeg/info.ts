import { ticksToMicros } from '../codec/ticks.js';
import { type Upright, upright } from '../codec/upright.js';
import type { MediaInfo, Ratio } from '../media.js';
import type { Probed, ProbedStream } from './probe.js';

/** The stream that is the moving picture: of those that are no cover art or thumbnail the default, then the richest. */
export function videoStream({ streams }: Probed): ProbedStream | undefined {
  const moving = streams.filter(
    ({ codec_type, width = 0, disposition }) =>
      codec_type === 'video' && width > 0 && !disposition?.attached_pic && !disposition?.timed_thumbnails,
  );
  const worth = ({ disposition, bit_rate = 0 }: ProbedStream) => (disposition?.default ? 1e15 : 0) + bit_rate;
  return moving.toSorted((a, b) => worth(b) - worth(a) || a.index - b.index)[0];
}

/** A stream for people: `audio aac`. */
export const nameOf = ({ codec_type = 'unknown', codec_name = 'unknown' }: ProbedStream): string =>
  `${codec_type} ${codec_name}`;

/** `30000/1001`, `16:9`: undefined where nothing is told. */
export function ratio(told: string | undefined): Ratio | undefined {
  const [num = 0, den = 0] = (told ?? '').split(/[/:]/).map(Number);
  return Number.isSafeInteger(num) && Number.isSafeInteger(den) && num > 0 && den > 0
    ? { num, den }
    : undefined;
}

/** How the container says that a stream's pictures stand upright. */
export function uprightOf({ width = 0, height = 0, side_data_list = [] }: ProbedStream): Upright {
  const matrix = side_data_list.find(({ displaymatrix }) => displaymatrix)?.displaymatrix;
  const cut = side_data_list.find(({ crop_top }) => crop_top !== undefined);
  const margins =
    cut && [cut.crop_top, cut.crop_bottom, cut.crop_left, cut.crop_right].map((side) => side ?? 0);
  return upright({
    width,
    height,
    matrix: matrix ? bytesOf(Int32Array.from(integersOf(matrix))) : undefined,
    cropping: margins ? bytesOf(Uint32Array.from(margins)) : undefined,
  });
}

/** Nine integers in three lines, each after its offset: `00000000:            0       65536           0`. */
const integersOf = (matrix: string): number[] =>
  matrix
    .replace(/^\s*[0-9a-f]+:/gim, ' ')
    .trim()
    .split(/\s+/)
    .map(Number);

function bytesOf(values: Int32Array | Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setInt32(4 * i, value, true);
  return bytes;
}

/** How long the video stream lasts in seconds, where the file tells; `own` when it tells so of that very stream. */
export function secondsOf(
  { format }: Probed,
  stream: ProbedStream,
): { seconds: number; own: boolean } | undefined {
  const base = ratio(stream.time_base);
  if (base && stream.duration_ts && stream.duration_ts > 0)
    return { seconds: (stream.duration_ts * base.num) / base.den, own: true };
  const tag = stream.tags?.DURATION?.match(/^(\d+):(\d+):([\d.]+)/);
  if (tag) return { seconds: Number(tag[1]) * 3600 + Number(tag[2]) * 60 + Number(tag[3]), own: true };
  return format.duration && format.duration > 0 ? { seconds: format.duration, own: false } : undefined;
}

/** Containers that tell where each of their streams ends. */
const tellsTrackEnd = /matroska|webm|mov/;
/** Those whose durations count from zero, however late a stream begins. */
const tellsEnd = /matroska|webm/;

/** Where a stream's own duration counts from, in microseconds of the file's clock. */
export function countsFrom({ format }: Probed, { time_base, start_pts = 0 }: ProbedStream): number {
  const base = ratio(time_base);
  return tellsEnd.test(format.format_name) || !base ? 0 : ticksToMicros(BigInt(start_pts), base);
}

/** Where a stream's last picture ends, in microseconds of the file's clock, where the file tells. */
export function endOf(probed: Probed, stream: ProbedStream): number | undefined {
  const whole = tellsTrackEnd.test(probed.format.format_name) ? secondsOf(probed, stream) : undefined;
  return whole?.own ? Math.round(countsFrom(probed, stream) + whole.seconds * 1e6) : undefined;
}

/** Describes a file by its video stream. */
export function describe(probed: Probed, stream: ProbedStream, stand: Upright): MediaInfo {
  const seconds = secondsOf(probed, stream)?.seconds;
  const rate = ratio(stream.avg_frame_rate) ?? ratio(stream.r_frame_rate);
  const aspect = ratio(stream.sample_aspect_ratio) ?? { num: 1, den: 1 };
  const sideways = stand.rotation === 90 || stand.rotation === 270;
  const estimated = seconds && rate ? Math.round((seconds * rate.num) / rate.den) : undefined;
  return {
    container: probed.format.format_name,
    width: stand.width,
    height: stand.height,
    rotation: stand.rotation,
    timeBase: ratio(stream.time_base) ?? { num: 1, den: 90_000 },
    // Sound that only primes its decoder lies before 0 and does not count.
    startTimestamp: Math.max(0, Math.round((probed.format.start_time ?? 0) * 1e6)),
    frameRate: rate,
    pixelAspect: sideways ? { num: aspect.den, den: aspect.num } : aspect,
    durationMs: seconds === undefined ? undefined : Math.round(seconds * 1000),
    frameCount: stream.nb_frames && stream.nb_frames > 0 ? stream.nb_frames : estimated,
    codec: stream.codec_name ?? 'unknown',
    pixelFormat: stream.pix_fmt ?? 'unknown',
    others: probed.streams.filter(({ index }) => index !== stream.index).map(nameOf),
  };
}
