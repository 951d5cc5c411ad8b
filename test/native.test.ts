import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addonPath, loadAddon, pixelLoops } from '../src/native.js';
import { holdPainting, holdPlainly } from '../src/pipeline/stages/steady-blend.js';
import { gridOf, measureCells, measurePlainly, WHOLE } from '../src/pipeline/stages/steady-gate.js';
import { seeded } from './suites/weights.js';

const present = pixelLoops() !== undefined;
const note = present ? '' : ' (skipped: no kernels for this machine)';
const side = fc.integer({ min: 1, max: 43 });
const sizes = fc.record({ width: side, height: side });

describe.skipIf(!present)(`loops over pixels in C${note}`, () => {
  it('hold paintings to the byte as those in TypeScript do', () => {
    fc.assert(
      fc.property(sizes, fc.nat(1e6), ({ width, height }, seed) => {
        const next = seeded(seed);
        const bytes = (planes: number) =>
          Uint8Array.from({ length: planes * width * height }, () => 128 + 128 * next());
        const { columns, rows } = gridOf({ width, height });
        // Most cells are held or move; some lie between.
        const shares = () =>
          Int32Array.from({ length: columns * rows }, () =>
            Math.min(WHOLE, Math.max(0, Math.round(WHOLE * (0.5 + 1.5 * next())))),
          );
        const make = { shown: bytes(3), key: bytes(3), keyGreen: bytes(1) };
        const [still, glides, painting, green] = [shares(), shares(), bytes(3), bytes(1)];
        const copy = () => ({
          ...{ shown: make.shown.slice(), key: make.key.slice(), keyGreen: make.keyGreen.slice() },
          ...{ still, glides },
        });
        const [native, plain] = [copy(), copy()];
        holdPainting(native, { data: painting, width, height }, green);
        holdPlainly(plain, { data: painting, width, height }, green);
        for (const plane of ['shown', 'key', 'keyGreen'] as const)
          expect(Buffer.compare(native[plane], plain[plane])).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('measure cells as those in TypeScript do', () => {
    fc.assert(
      fc.property(sizes, fc.nat(1e6), (size, seed) => {
        const next = seeded(seed);
        const plane = () => Uint8Array.from({ length: size.width * size.height }, () => 128 + 128 * next());
        const { columns, rows } = gridOf(size);
        const cells = () => new Float32Array(columns * rows);
        const [before, after] = [plane(), plane()];
        const [changes, shifts, plainChanges, plainShifts] = [cells(), cells(), cells(), cells()];
        measureCells(size, before, after, changes, shifts);
        measurePlainly(size, before, after, plainChanges, plainShifts);
        expect(changes).toEqual(plainChanges);
        expect(shifts).toEqual(plainShifts);
      }),
      { numRuns: 300 },
    );
  });
});

describe('kernels that are damaged', () => {
  const linux = process.platform === 'linux' && process.arch === 'x64';

  it.skipIf(!linux).each([0, 40, 4096, -1])(
    'are refused in one sentence where %i bytes are left (skipped elsewhere than on Linux x64)',
    (left) => {
      const folder = mkdtempSync(join(tmpdir(), 'livebrush-test-'));
      const path = join(folder, 'kernels.node');
      try {
        writeFileSync(path, readFileSync(addonPath()).subarray(0, left));
        expect(() => loadAddon(path)).toThrow('The native engine does not load on this system.');
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
