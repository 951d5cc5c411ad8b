/** Bits a second of an encoder: never below `min` or above `max`, `start` while nothing is known of the viewers. */
export interface BitrateRange {
  readonly min: number;
  readonly start: number;
  readonly max: number;
}

/** How much of what a line carries the picture takes: the rest is sound, headers and retransmissions. */
const SHARE = 0.85;
/** How fast it rises, each time it is asked, and what change is worth making. */
const RISE = 1.2;
const WORTH = 0.08;

/**
 * What the shared encoder should aim at: what the slowest line carries. Lines that carry less than `min` do not count:
 * their viewers are sent fewer pictures instead.
 */
export function nextBitrate(current: number, estimates: readonly number[], range: BitrateRange): number {
  const counted = estimates.filter((estimate) => estimate >= range.min);
  if (counted.length === 0) return current;
  const wanted = Math.min(...counted) * SHARE;
  const aim = Math.round(Math.min(Math.max(Math.min(wanted, current * RISE), range.min), range.max));
  return Math.abs(aim - current) / current < WORTH ? current : aim;
}
