import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Unsupported } from '../../errors.js';
import type { Way } from './native-program.js';

declare const painter: unique symbol;
declare const style: unique symbol;
/** Memory of the addon for pictures of one size, and for a style's weights; freed when collected, if not before. */
export type NativeMemory = { readonly [painter]: true };
export type NativeStyle = { readonly [style]: true };

/** `native/addon.c`. It checks little: whoever calls it gives weights and pictures of the right lengths. */
export interface Addon {
  /** Which of `ways` this processor has: a bit for each. */
  readonly ways: number;
  /** Numbers of a step and of a mix, to be those of `native-program.ts`. */
  readonly stepSize: number;
  readonly mixSize: number;
  /** Digest of the sources that it was built from (`scripts/build-native.mjs`). */
  readonly sources: string;
  create(way: number, steps: Int32Array, mixes: Int32Array, tensors: number, threads: number): NativeMemory;
  bind(painter: NativeMemory, weights: readonly Float32Array[]): NativeStyle;
  paint(painter: NativeMemory, style: NativeStyle, from: Uint8Array, to: Uint8Array): void;
  release(memory: NativeMemory | NativeStyle): void;
}

/** The ways to multiply in the addon's order. */
export const ways = [
  { name: 'AVX2', lanes: 8, depth: 1, single: 1.25, mixes: true },
  { name: 'AVX-512', lanes: 16, depth: 1, single: 1.1, mixes: true },
  { name: 'AMX', lanes: 16, depth: 32, single: 1, mixes: false },
] as const satisfies readonly Way[];
export type WayName = (typeof ways)[number]['name'];

/** Where the addon for a machine lies; only Linux on x64 has one. */
export const addonPath = (platform: string = process.platform, arch: string = process.arch): string =>
  fileURLToPath(new URL(`../../../native/${platform}-${arch}.node`, import.meta.url));

const hint = 'Choose --engine onnx/cpu, which paints on every processor.';

/** @throws Unsupported where there is no addon for the machine, or it does not load. */
export function loadAddon(): Addon {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Unsupported('The native engine is made for Linux on x64 processors.', { hint });
  try {
    return createRequire(import.meta.url)(addonPath()) as Addon;
  } catch (cause) {
    throw new Unsupported('The native engine does not load on this system.', { hint, cause });
  }
}

/** Index of the fastest of some ways that this processor has. @throws Unsupported when it has none of them. */
export function chooseWay(addon: Addon, wanted: readonly WayName[]): number {
  const index = ways.findLastIndex(({ name }, i) => (addon.ways >> i) & 1 && wanted.includes(name));
  if (index < 0) throw new Unsupported(`This processor has no ${wanted.join(' or ')}.`, { hint });
  return index;
}
