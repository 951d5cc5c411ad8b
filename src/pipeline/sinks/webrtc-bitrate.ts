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

/** How much of an estimate must have been used for it to say something: estimates do not rise above what is sent. */
const USED = 0.7;

/** How an encoder stands: bits a second that it aims at, and that it really sends. */
export interface Sending {
  readonly aim: number;
  readonly sent: number;
}

/**
 * What the shared encoder should aim at: what the slowest line carries. Lines that carry less than `min` do not count:
 * their viewers are sent fewer pictures instead.
 */
export function nextBitrate(
  { aim: current, sent }: Sending,
  estimates: readonly number[],
  range: BitrateRange,
): number {
  const counted = estimates.filter((estimate) => estimate >= range.min);
  if (counted.length === 0) return current;
  const wanted = Math.min(...counted) * SHARE;
  // A calm picture needs little: its low estimate is no reason to make the next busy one ugly.
  if (wanted < current && sent < wanted * USED) return current;
  const aim = Math.round(Math.min(Math.max(Math.min(wanted, current * RISE), range.min), range.max));
  return Math.abs(aim - current) / current < WORTH ? current : aim;
}
