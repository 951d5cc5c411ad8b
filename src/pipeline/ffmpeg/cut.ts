import type { Container } from '../containers.js';
import type { ProbedStream } from './probe.js';

/** The part of the source that goes along, on the clock of the new file. */
export interface Cut {
  /** Whether it begins in the midst of the source. */
  readonly starts: boolean;
  /** Microseconds; undefined for all the rest. */
  readonly end: number | undefined;
  readonly container: Container;
}

/**
 * Options for stream `to` of the new file: bitstream filters that drop the packets before a cut. Its end is left to
 * `-t`: what such a filter is told of time bases is not what packets are counted in before ffmpeg 6.
 */
export function timing(from: ProbedStream, to: number, codec: readonly string[], cut: Cut): string[] {
  if (from.disposition?.attached_pic) return [`-bsf:${to}`, 'setts=ts=0'];
  const subtitle = from.codec_type === 'subtitle';
  if (codec[1] !== 'copy') {
    // ffmpeg does not flush the filters of text that it converts: setts would keep the last one to itself.
    return subtitle && cut.starts ? [`-bsf:${to}`, `noise=drop='lt(pts,0)'`] : [];
  }
  const drop = before(subtitle, cut);
  const shown = subtitle && cut.starts ? [`setts=ts='max(TS,0)':duration='DURATION+min(PTS,0)'`] : [];
  const filters = [...unwrapping(from, cut), ...(drop ? [`noise=drop='${drop}'`, ...shown] : [])];
  return filters.length > 0 ? [`-bsf:${to}`, filters.join(',')] : [];
}

/**
 * AAC of a transport stream brings its header with every packet, which other containers do not take. Left to them, they
 * would end over one that is broken; here ffmpeg leaves out its packet.
 */
const unwrapping = ({ codec_name }: ProbedStream, { container }: Cut): string[] =>
  codec_name === 'aac' && container.format !== 'mpegts' ? ['aac_adtstoasc'] : [];

/** Filters before all others for sound that is encoded anew: `-t` would count from whatever comes first. */
export function trimming({ starts, end }: Cut): string[] {
  const bounds = [...(starts ? ['start=0'] : []), ...(end === undefined ? [] : [`end=${Math.round(end)}us`])];
  return bounds.length > 0 ? [`atrim=${bounds.join(':')}`] : [];
}

/**
 * Which packets lie before the cut. What begins before it and lasts into it goes along: a subtitle is shown for the
 * rest of its time, sound is kept where an edit list can start in the midst of a packet.
 */
function before(subtitle: boolean, { starts, container }: Cut): string | undefined {
  // These files know no time before 0, not even for sound that primes its decoder.
  if (container.format === 'flv') return 'lt(pts,0)';
  if (!starts) return undefined;
  return subtitle || container.edits ? 'lte(pts+duration,0)*lt(pts,0)' : 'lt(pts,0)';
}
