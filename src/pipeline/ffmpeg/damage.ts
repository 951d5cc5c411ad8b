import type { MediaInfo } from '../media.js';
import { countsFrom, secondsOf } from './info.js';
import type { Probed, ProbedStream } from './probe.js';
import type { Ended } from './process.js';

/** What ffmpeg calls an error although every picture is whole. */
const HARMLESS =
  /co located POCs|mmco: unref|reference picture missing|deprecated|timestamps are unset|Application provided/i;

interface Reading {
  readonly ended: Ended;
  readonly probed: Probed;
  readonly stream: ProbedStream;
  readonly info: MediaInfo;
  /** Time of the last frame, in microseconds; not finite when there was none. */
  readonly last: number;
}

/** The seconds that were read and those that there should be, where clearly fewer were read. */
export function missing(reading: Reading): { read: number; whole: number } | undefined {
  const { probed, stream, info, last } = reading;
  const read = Number.isFinite(last) ? (last - countsFrom(probed, stream)) / 1e6 : 0;
  const whole = secondsOf(probed, stream);
  // The container's duration is that of its longest stream: it says nothing about the video beside others.
  if (!whole || (!whole.own && probed.streams.length > 1)) return undefined;
  const { frameRate } = info;
  const frameSeconds = frameRate ? frameRate.den / frameRate.num : 0.04;
  return read + 0.5 < whole.seconds - 2 * frameSeconds ? { read, whole: whole.seconds } : undefined;
}

/** What was wrong with a file that has been read to its end, if anything. */
export function judge(path: string, reading: Reading): string | undefined {
  const { ended } = reading;
  const cut = missing(reading);
  if (cut)
    return `${path} is truncated: ${cut.read.toFixed(1)} of ${cut.whole.toFixed(1)} seconds could be read.`;
  const said = ended.errors.lines.find(
    (line) => /\[(error|fatal)\]|\[warning\].*corrupt/.test(line) && !HARMLESS.test(line),
  );
  if (!said && ended.code === 0) return undefined;
  const words = (said ?? ended.errors.last ?? '').replace(/\[[^\]]*\]\s*/g, '').trim();
  return `${path} is damaged${words && ` (${words})`}.`;
}
