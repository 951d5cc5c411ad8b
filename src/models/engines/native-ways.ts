import { Unsupported } from '../../errors.js';
import type { Addon } from '../../native.js';
import type { Way } from './native-program.js';

/** The ways to multiply in the addon's order. */
export const ways = [
  { name: 'AVX2', lanes: 8, depth: 1, single: 1.25, mixes: true },
  { name: 'AVX-512', lanes: 16, depth: 1, single: 1.1, mixes: true },
  { name: 'AMX', lanes: 16, depth: 32, single: 1, mixes: false },
  { name: 'NEON', lanes: 8, depth: 1, single: 1.25, mixes: true },
] as const satisfies readonly Way[];
export type WayName = (typeof ways)[number]['name'];

/** Index of the fastest of some ways that this processor has. @throws Unsupported when it has none of them. */
export function chooseWay(addon: Addon, wanted: readonly WayName[]): number {
  const index = ways.findLastIndex(({ name }, i) => (addon.ways >> i) & 1 && wanted.includes(name));
  if (index < 0)
    throw new Unsupported(`This processor has no ${wanted.join(' or ')} that programs may use here.`, {
      hint: 'Choose --engine onnx/cpu, which paints on every processor.',
    });
  return index;
}
