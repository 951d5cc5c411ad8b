import { expect } from 'vitest';
import type { AnyNode } from '../../src/models/engines/block-ops.js';
import type { Lowered } from '../../src/models/engines/lowered.js';
import { onnxGraph } from '../../src/models/engines/onnx-graph.js';
import { loadRuntime, Session } from '../../src/models/engines/onnx-session.js';
import { NetBuilder, type NetSpec } from '../../src/models/net.js';
import type { Pixels, Size } from '../../src/models/pixels.js';
import { seededPicture, seededWeights } from './weights.js';

let loading: ReturnType<typeof loadRuntime> | undefined;

/** Rewrites the part of a net that its output `picture` needs. */
export type Lower = (net: NetSpec, size: Size) => Lowered<AnyNode> | undefined;

/** Paints once, the net as it is or rewritten, style weights as constants or as inputs. */
export async function paintLowered(
  net: NetSpec,
  picture: Pixels,
  lowered: ReturnType<Lower>,
  bake: boolean,
  seed: number,
) {
  const [own, style] = [seededWeights(net, 'net', seed), seededWeights(net, 'style', seed + 1)];
  const constants = bake ? new Map([...own, ...style]) : own;
  const graph = onnxGraph(net, { outputs: ['picture'], constants, size: picture, lowered });
  loading ??= loadRuntime('cpu');
  const session = await Session.open(await loading, 'cpu', 'painter', graph);
  try {
    const fed = bake ? [] : [...(lowered?.fold(style) ?? style)];
    const feeds = fed.map(([name, { data, shape }]) => [name, session.floats(data, shape)] as const);
    const made = await session.run({
      ...Object.fromEntries(feeds),
      [net.inputs[0]!]: session.bytes(picture),
    });
    return Uint8Array.from(made.picture!.data as Uint8Array);
  } finally {
    await session.close();
  }
}

/** A net rewritten paints what it paints as written, but for the rounding of bytes; style weights as constants and as inputs. */
export async function expectSamePainting(net: NetSpec, size: Size, lower: Lower, seed = 1): Promise<void> {
  const picture = seededPicture(size, seed);
  const truth = await paintLowered(net, picture, undefined, true, seed);
  expect(new Set(truth).size).toBeGreaterThan(30);
  for (const bake of [true, false]) {
    const made = await paintLowered(net, picture, lower(net, size), bake, seed);
    expect(made).toHaveLength(truth.length);
    const gaps = truth.map((byte, i) => Math.abs(byte - made[i]!));
    expect(gaps.reduce((most, gap) => Math.max(most, gap))).toBeLessThanOrEqual(1);
    expect(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toBeLessThan(0.05);
  }
}

/** Every way out of a folded tensor: ops without cells, tensors of unlike phases, an upsampling with two readers. */
export function motleyNet(width = 4): NetSpec {
  const net = new NetBuilder();
  const x = net.push('fromRgb8', { in: 'content' });
  const wide = net.conv(x, 'wide', { in: 3, out: width, size: 5 }, { bias: net.param('wide.bias', [width]) });
  const normed = net.push('instanceNorm', { in: wide, epsilon: 1e-5 });
  const doubled = net.push('add', { in: normed, with: net.push('tanh', { in: wide }) });
  const kept = net.conv(doubled, 'kept', { in: width, out: width, size: 3 });
  const mixed = net.push('add', { in: kept, with: doubled });
  const pooled = net.push('pool', { in: mixed, kind: 'average', size: 2 });
  const large = net.push('upsample', { in: pooled, scale: 2 });
  const folded = net.conv(large, 'folded', { in: width, out: 5, size: 3 });
  const joined = net.push('concat', { ins: [folded, large, net.push('relu', { in: wide })] });
  const seen = net.push('upsample', { in: net.push('pool', { in: joined, kind: 'max', size: 2 }), scale: 2 });
  const half = net.conv(seen, 'half', { in: 5 + 2 * width, out: width, size: 3 });
  const small = net.conv(half, 'small', { in: width, out: width, size: 3 }, { stride: 2 });
  const zero = net.push('upsample', { in: small, scale: 2 });
  const last = net.conv(zero, 'last', { in: width, out: 3, size: 3 }, { padMode: 'zero' });
  const picture = net.push('toRgb8', { in: net.push('sigmoid', { in: last }) });
  return net.build({ name: 'motley', inputs: ['content'], outputs: { picture }, stride: 4 });
}
