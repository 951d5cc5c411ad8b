import { ticksToMicros } from '../codec/ticks.js';
import type { MediaInfo } from '../media.js';
import { secondsOf } from './info.js';
import type { Probed, ProbedStream } from './probe.js';
import type { Ended } from './process.js';

/** What ffmpeg calls an error although every picture is whole. */
const HARMLESS =
  /co located POCs|mmco: unref|reference picture missing|deprecated|timestamps are unset|Application provided/i;

/** Containers whose durations count from zero, however late a stream begins. */
const tellsEnd = /matroska|webm/;

interface Reading {
  readonly ended: Ended;
  readonly probed: Probed;
  readonly stream: ProbedStream;
  readonly info: MediaInfo;
  /** Time of the last frame, in microseconds; not finite when there was none. */
  readonly last: number;
}

/** What was wrong with a file that has been read to its end, if anything. */
export function judge(path: string, { ended, probed, stream, info, last }: Reading): string | undefined {
  const { frameRate, timeBase } = info;
  const start = tellsEnd.test(info.container) ? 0 : ticksToMicros(BigInt(stream.start_pts ?? 0), timeBase);
  const read = Number.isFinite(last) ? (last - start) / 1e6 : 0;
  const whole = secondsOf(probed, stream);
  // The container's duration is that of its longest stream: it says nothing about the video beside others.
  const known = whole && (whole.own || probed.streams.length === 1);
  const frameSeconds = frameRate ? frameRate.den / frameRate.num : 0.04;
  if (known && read + 0.5 < whole.seconds - 2 * frameSeconds)
    return `${path} is truncated: ${read.toFixed(1)} of ${whole.seconds.toFixed(1)} seconds could be read.`;
  const said = ended.errors.lines.find(
    (line) => /\[(error|fatal)\]|\[warning\].*corrupt/.test(line) && !HARMLESS.test(line),
  );
  if (!said && ended.code === 0) return undefined;
  const words = (said ?? ended.errors.last ?? '').replace(/\[[^\]]*\]\s*/g, '').trim();
  return `${path} is damaged${words && ` (${words})`}.`;
}
