import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blank,
  cropTo,
  fromPacked,
  paddedSize,
  padReflect,
  reflected,
  toPacked,
} from '../../src/models/pixels.js';

const side = fc.integer({ min: 1, max: 24 });
const picture = fc
  .record({ width: side, height: side })
  .chain(({ width, height }) =>
    fc
      .uint8Array({ minLength: 3 * width * height, maxLength: 3 * width * height })
      .map((data) => ({ data, width, height })),
  );

describe('pixels', () => {
  it('go packed and back unchanged', () => {
    fc.assert(
      fc.property(picture, (pixels) => {
        expect(fromPacked(toPacked(pixels), pixels)).toEqual(pixels);
      }),
    );
  });

  it('have red, green and blue planes in that order', () => {
    const pixels = fromPacked(Uint8Array.of(1, 2, 3, 4, 5, 6), { width: 2, height: 1 });
    expect([...pixels.data]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(blank({ width: 3, height: 2 }).data).toEqual(new Uint8Array(18));
  });

  it('are cropped back to what they were after padding', () => {
    fc.assert(
      fc.property(
        picture,
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 40 }),
        (pixels, right, below) => {
          const padded = padReflect(pixels, { width: pixels.width + right, height: pixels.height + below });
          expect(padded).toMatchObject({ width: pixels.width + right, height: pixels.height + below });
          expect(cropTo(padded, pixels)).toEqual(pixels);
        },
      ),
    );
  });

  it('are padded by what stands as far inside the border as the margin is outside', () => {
    fc.assert(
      fc.property(picture, fc.integer({ min: 1, max: 30 }), (pixels, margin) => {
        const size = { width: pixels.width + margin, height: pixels.height + margin };
        const { data } = padReflect(pixels, size);
        const x = size.width - 1;
        const y = size.height - 1;
        const source =
          (pixels.height + reflected(y, pixels.height)) * pixels.width + reflected(x, pixels.width);
        expect(data[(size.height + y) * size.width + x]).toBe(pixels.data[source]);
      }),
    );
    const row = { data: Uint8Array.of(1, 2, 3, 1, 2, 3, 1, 2, 3), width: 3, height: 1 };
    expect([...padReflect(row, { width: 8, height: 1 }).data.subarray(0, 8)]).toEqual([
      1, 2, 3, 2, 1, 2, 3, 2,
    ]);
  });

  it('are not copied where nothing is to do', () => {
    const pixels = blank({ width: 4, height: 4 });
    expect(padReflect(pixels, pixels)).toBe(pixels);
    expect(cropTo(pixels, pixels)).toBe(pixels);
  });
});

describe('reflection', () => {
  it('leaves inside alone, repeats no edge and stays inside for any place', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 1, max: 50 }), (i, n) => {
        const j = reflected(i, n);
        expect(j).toBeGreaterThanOrEqual(0);
        expect(j).toBeLessThan(n);
        if (i >= 0 && i < n) expect(j).toBe(i);
        expect(reflected(-i, n)).toBe(j);
        expect(reflected(2 * (n - 1) - i, n)).toBe(j);
      }),
    );
  });
});

describe('a padded size', () => {
  it('is the smallest that holds the picture, in multiples of the stride and not below the least', () => {
    fc.assert(
      fc.property(
        fc.record({ width: fc.integer({ min: 1, max: 5000 }), height: fc.integer({ min: 1, max: 5000 }) }),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 64 }),
        (size, stride, least) => {
          const padded = paddedSize(size, stride, least);
          for (const key of ['width', 'height'] as const) {
            expect(padded[key] % stride).toBe(0);
            expect(padded[key]).toBeGreaterThanOrEqual(Math.max(size[key], least));
            expect(padded[key] - stride).toBeLessThan(Math.max(size[key], least));
          }
        },
      ),
    );
  });
});
