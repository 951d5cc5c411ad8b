import type { NetSpec } from '../net.js';
import type { Size } from '../pixels.js';
import type { AnyNode } from './block-ops.js';
import { blocked } from './blocked.js';
import { halfResolution, halfResolutionMixed } from './half-resolution.js';
import { asWritten, type Lowered } from './lowered.js';

/** What saves time on a processor. */
export interface Savings {
  /** Channels in a block of the runtime's convolutions, where it has such (see `blocks.ts`). */
  readonly block?: number;
}

/** The part of a net that some outputs need as the processor runs it fastest; undefined where that is as it is written. */
export function lower(
  net: NetSpec,
  outputs: readonly string[],
  size: Size,
  { block }: Savings,
): Lowered<AnyNode> | undefined {
  const half = halfResolution(net, outputs, size);
  if (!block) return half;
  const mixing = halfResolutionMixed(net, outputs, size, block);
  return (mixing && blocked(mixing, block)) ?? blocked(half ?? asWritten(net, outputs, size), block) ?? half;
}
