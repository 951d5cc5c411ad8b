import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Addon, addonPath } from '../../src/native.js';

const { buildNative, sourcesDigest } = (await import(
  new URL('../../scripts/build-native.mjs', import.meta.url).href
)) as { buildNative(out?: string): string; sourcesDigest(): string };

const load = (path: string) => createRequire(import.meta.url)(path) as Addon;
const here = process.platform === 'linux' && process.arch === 'x64';

/** Whether the compiler knows all instructions that the kernels are written in. */
function canCompile(): boolean {
  try {
    execFileSync(process.env.CC ?? 'cc', ['-mamx-bf16', '-xc', '-fsyntax-only', '-'], {
      input: '#include <immintrin.h>\n#include <pthread.h>\n#include <stdlib.h>\n',
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    return true;
  } catch {
    return false;
  }
}

it.each([
  ['linux', 'x64'],
  ['linux', 'arm64'],
  ['darwin', 'arm64'],
  ['win32', 'x64'],
])('the kernels that ship for %s on %s were built from the sources that are here', (platform, arch) => {
  expect(readFileSync(addonPath(platform, arch)).includes(sourcesDigest())).toBe(true);
});

it.skipIf(!here || !canCompile())(
  'builds kernels like those that ship (skipped where no C compiler knows AMX)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'livebrush-test-'));
    try {
      const built = load(buildNative(join(folder, 'built.node')));
      const { ways, stepSize, mixSize, sources } = load(addonPath());
      expect(built).toMatchObject({ ways, stepSize, mixSize, sources });
      expect(sources).toBe(sourcesDigest());
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);
