import type { NetSpec } from '../net.js';
import type { Size } from '../pixels.js';
import type { AnyNode } from './block-ops.js';
import { blocked } from './blocked.js';
import { halfResolution, halfResolutionMixed } from './half-resolution.js';
import { asWritten, type Lowered } from './lowered.js';

/** Which ways to save time suit a device. */
export interface Savings {
  /** Whether full-size layers run in cells: see docs/performance.md. */
  readonly folds: boolean;
  /** Channels in a block of the runtime's convolutions, where it has such (see `blocks.ts`). */
  readonly block?: number;
}

/** The part of a net that some outputs need as a device runs it fastest; undefined where that is as it is written. */
export function lower(
  net: NetSpec,
  outputs: readonly string[],
  size: Size,
  { folds, block }: Savings,
): Lowered<AnyNode> | undefined {
  const half = folds ? halfResolution(net, outputs, size) : undefined;
  if (!block) return half;
  const mixing = folds ? halfResolutionMixed(net, outputs, size, block) : undefined;
  return (mixing && blocked(mixing, block)) ?? blocked(half ?? asWritten(net, outputs, size), block) ?? half;
}
