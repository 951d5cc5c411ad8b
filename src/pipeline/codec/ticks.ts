import type { Ratio } from '../media.js';

/**
 * Ticks of a time base to microseconds, rounded to the nearest. `microsToTicks` gives the same ticks back, as long as
 * a tick is 2 µs or longer.
 */
export function ticksToMicros(ticks: bigint, { num, den }: Ratio): number {
  return Number(divideRounded(ticks * BigInt(num) * 1_000_000n, BigInt(den)));
}

/** Microseconds to the nearest tick of a time base. */
export function microsToTicks(micros: number, { num, den }: Ratio): bigint {
  return divideRounded(BigInt(Math.round(micros)) * BigInt(den), BigInt(num) * 1_000_000n);
}

/** The quotient nearest to `a / b` (b > 0); halves go up. */
function divideRounded(a: bigint, b: bigint): bigint {
  const doubled = 2n * a + b;
  const quotient = doubled / (2n * b);
  // BigInt division truncates towards zero; this is floor division.
  return doubled < 0n && doubled % (2n * b) !== 0n ? quotient - 1n : quotient;
}
