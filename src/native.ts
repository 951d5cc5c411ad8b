import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Unsupported } from './errors.js';

declare const painter: unique symbol;
declare const style: unique symbol;
/** Memory of the addon for pictures of one size, and for a style's weights; freed when collected, if not before. */
export type NativeMemory = { readonly [painter]: true };
export type NativeStyle = { readonly [style]: true };

/** `native/addon.c`. It checks little: whoever calls it gives weights and pictures of the right lengths. */
export interface Addon {
  /** Which ways to multiply this processor has, a bit for each: AVX2, AVX-512, AMX, NEON. */
  readonly ways: number;
  /** Numbers of a step and of a mix, to be those of `models/engines/native-program.ts`. */
  readonly stepSize: number;
  readonly mixSize: number;
  /** Digest of the sources that it was built from (`scripts/build-native.mjs`). */
  readonly sources: string;
  create(way: number, steps: Int32Array, mixes: Int32Array, tensors: number, threads: number): NativeMemory;
  bind(painter: NativeMemory, weights: readonly Float32Array[]): NativeStyle;
  paint(painter: NativeMemory, style: NativeStyle, from: Uint8Array, to: Uint8Array): void;
  release(memory: NativeMemory | NativeStyle): void;
  /** As `holdPainting` of `pipeline/stages/steady-blend.ts`, by AVX2 or NEON. */
  holdPainting(
    ...[width, height, shown, key, keyGreen, painting, green, still, glides]: [
      ...[number, number, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array],
      ...[Int32Array, Int32Array],
    ]
  ): void;
  /** As `measureCells` of `pipeline/stages/steady-gate.ts`, by AVX2 or NEON. */
  measureCells(
    ...[width, height, before, after, changes, shifts]: [
      ...[number, number, Uint8Array, Uint8Array],
      ...[Float32Array, Float32Array],
    ]
  ): void;
}

/** Systems that there is an addon for. */
const systems: readonly string[] = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64'];

/** Those of them on which none of us has run it: it has to prove itself there (`models/engines/native-proof.ts`). */
const unproven: readonly string[] = ['darwin-arm64'];
let believed = !unproven.includes(`${process.platform}-${process.arch}`);

/** Whether the addon may be loaded into this process. */
export const isAddonBelieved = (): boolean => believed;

/** The addon has proven itself. */
export function believeAddon(): void {
  believed = true;
}

/** Where the addon for a machine lies, if it is one of `systems`. */
export const addonPath = (platform: string = process.platform, arch: string = process.arch): string =>
  fileURLToPath(new URL(`../native/${platform}-${arch}.node`, import.meta.url));

/** Where an ELF file of 64 bits tells the place, the size and the number of its section headers, which stand at its end. */
const [PLACE, SIZE, NUMBER, HEADER] = [40, 58, 60, 64] as const;

/** @throws Error unless a library of Linux is as long as it says: loading one that was cut off ends the process. */
function checkWhole(path: string): void {
  const file = readFileSync(path);
  const end =
    file.length < HEADER
      ? HEADER
      : Number(file.readBigUInt64LE(PLACE)) + file.readUInt16LE(SIZE) * file.readUInt16LE(NUMBER);
  if (file.length < end) throw new Error(`${path} has ${file.length} bytes of ${end}.`);
}

/** @throws Unsupported where there is no addon for the machine, or it does not load. */
export function loadAddon(path = addonPath()): Addon {
  const hint = 'Choose --engine onnx/cpu, which paints on every processor.';
  if (!systems.includes(`${process.platform}-${process.arch}`))
    throw new Unsupported('The native engine is not made for this system.', { hint });
  try {
    if (process.platform === 'linux') checkWhole(path);
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new Unsupported('The native engine does not load on this system.', { hint, cause });
  }
}

/** AVX2 or NEON. */
const PIXEL_WAYS = 1 | 8;
let found: { readonly addon: Addon | undefined } | undefined;

/** The addon where its loops over pixels run, which AVX2 or NEON is needed for; undefined elsewhere, and before it proved itself. */
export function pixelLoops(): Addon | undefined {
  if (!believed) return undefined;
  if (!found)
    try {
      const addon = loadAddon();
      found = { addon: addon.ways & PIXEL_WAYS ? addon : undefined };
    } catch {
      found = { addon: undefined };
    }
  return found.addon;
}
