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

/** Options for stream `to` of the new file: bitstream filters that keep the packets of a cut and no others. */
export function timing(from: ProbedStream, to: number, codec: readonly string[], cut: Cut): string[] {
  if (from.disposition?.attached_pic) return [`-bsf:${to}`, 'setts=ts=0'];
  if (codec[1] !== 'copy') return [];
  const subtitle = from.codec_type === 'subtitle';
  const drop = [
    ...before(subtitle, cut),
    ...(cut.end === undefined ? [] : [`gte(${MICROS},${Math.round(cut.end)})`]),
  ];
  if (drop.length === 0) return [];
  const shown = subtitle && cut.starts ? [`setts=ts='max(TS,0)':duration='DURATION+min(PTS,0)'`] : [];
  return [`-bsf:${to}`, [`noise=drop='${drop.join('+')}'`, ...shown].join(',')];
}

/** A packet's time, in microseconds, to a bitstream filter. */
const MICROS = 'round(pts*tb*1000000)';

/**
 * Which packets lie before the cut. What begins before it and lasts into it goes along: a subtitle is shown for the
 * rest of its time, sound is kept where an edit list can start in the midst of a packet.
 */
function before(subtitle: boolean, { starts, container }: Cut): string[] {
  // These files know no time before 0, not even for sound that primes its decoder.
  if (container.format === 'flv') return ['lt(pts,0)'];
  if (!starts) return [];
  return [subtitle || container.edits ? 'lte(pts+duration,0)*lt(pts,0)' : 'lt(pts,0)'];
}
