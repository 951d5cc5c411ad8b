import type { AVPixelFormat } from 'node-av/constants';
import type { FormatContext, Stream } from 'node-av/lib';
import type { MediaInfo, Ratio } from '../media.js';
import { type Av, code } from './av.js';
import { ticksToMicros } from './ticks.js';
import { type Upright, upright } from './upright.js';

const MICROS: Ratio = { num: 1, den: 1_000_000 };

/** How the container says that a stream's pictures stand upright. */
export function uprightOf(av: Av, { codecpar }: Stream): Upright {
  const { C } = av;
  return upright({
    width: codecpar.width,
    height: codecpar.height,
    matrix: codecpar.getCodedSideData(C.AV_PKT_DATA_DISPLAYMATRIX),
    cropping: codecpar.getCodedSideData(C.AV_PKT_DATA_FRAME_CROPPING),
  });
}

/** The file's clock at its start, in microseconds; sound that only primes its decoder lies before 0 and does not count. */
export function startOf(format: FormatContext): number {
  return format.startTime === code.noPts ? 0 : Math.max(0, ticksToMicros(format.startTime, MICROS));
}

/** How long the video stream lasts in seconds, where the file tells of it or else of all its streams. */
export function secondsOf(format: FormatContext, stream: Stream): number | undefined {
  return videoSeconds(stream) ?? fileSeconds(format);
}

/** How long the longest stream lasts in seconds, where the file tells. */
export function fileSeconds({ duration }: FormatContext): number | undefined {
  return duration !== code.noPts && duration > 0n ? Number(duration) / 1e6 : undefined;
}

/** How long the video stream itself lasts in seconds, where the file tells. */
export function videoSeconds(stream: Stream): number | undefined {
  const { num, den } = stream.timeBase;
  if (stream.duration !== code.noPts && stream.duration > 0n) return (Number(stream.duration) * num) / den;
  const tag = stream.metadata?.get('DURATION')?.match(/^(\d+):(\d+):([\d.]+)/);
  return tag ? Number(tag[1]) * 3600 + Number(tag[2]) * 60 + Number(tag[3]) : undefined;
}

/** Describes a file by its video stream. */
export function describe(av: Av, format: FormatContext, stream: Stream, stand: Upright): MediaInfo {
  const { codecpar } = stream;
  const seconds = secondsOf(format, stream);
  const rate = ratio(stream.avgFrameRate) ?? ratio(stream.rFrameRate);
  const counted = Number(stream.nbFrames);
  const estimated = seconds && rate ? Math.round((seconds * rate.num) / rate.den) : undefined;
  const aspect = ratio(stream.sampleAspectRatio) ?? ratio(codecpar.sampleAspectRatio) ?? { num: 1, den: 1 };
  const sideways = stand.rotation === 90 || stand.rotation === 270;
  return {
    container: format.iformat?.name ?? 'unknown',
    width: stand.width,
    height: stand.height,
    rotation: stand.rotation,
    timeBase: { num: stream.timeBase.num, den: stream.timeBase.den },
    startTimestamp: startOf(format),
    frameRate: rate,
    pixelAspect: sideways ? { num: aspect.den, den: aspect.num } : aspect,
    durationMs: seconds === undefined ? undefined : Math.round(seconds * 1000),
    frameCount: counted > 0 ? counted : estimated,
    codec: av.avGetCodecName(codecpar.codecId) ?? 'unknown',
    pixelFormat: av.avGetPixFmtName(codecpar.format as AVPixelFormat) ?? 'unknown',
    others: format.streams.filter(({ index }) => index !== stream.index).map((other) => nameOf(av, other)),
  };
}

/** A stream for people: `audio aac`. */
export function nameOf(av: Av, { codecpar }: Stream): string {
  const kind = av.avGetMediaTypeString(codecpar.codecType) ?? 'unknown';
  return `${kind} ${av.avGetCodecName(codecpar.codecId) ?? 'unknown'}`;
}

function ratio({ num, den }: Ratio): Ratio | undefined {
  return num > 0 && den > 0 ? { num, den } : undefined;
}
