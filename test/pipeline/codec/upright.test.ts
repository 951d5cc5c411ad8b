import { describe, expect, it } from 'vitest';
import { upright } from '../../../src/pipeline/codec/upright.js';

const stored = { width: 64, height: 32 };

/** A display matrix of a, b, c, d, as small integers. */
function matrix(a: number, b: number, c: number, d: number): Buffer {
  const bytes = Buffer.alloc(36);
  [a, b, 0, c, d, 0, 0, 0, 1 << 14].forEach((value, i) => {
    bytes.writeInt32LE(value * 65_536, 4 * i);
  });
  return bytes;
}

function cropping(top: number, bottom: number, left: number, right: number): Buffer {
  const bytes = Buffer.alloc(16);
  [top, bottom, left, right].forEach((value, i) => {
    bytes.writeUInt32LE(value, 4 * i);
  });
  return bytes;
}

describe('upright', () => {
  it('leaves a picture without a matrix, or with one that turns nothing, as it is', () => {
    for (const it of [undefined, null, Buffer.alloc(3), matrix(1, 0, 0, 1)])
      expect(upright({ ...stored, matrix: it })).toEqual({ ...stored, filters: '', rotation: 0 });
  });

  it('turns by quarters', () => {
    expect(upright({ ...stored, matrix: matrix(0, 1, -1, 0) })).toEqual({
      width: 32,
      height: 64,
      rotation: 90,
      filters: 'transpose=clock',
    });
    expect(upright({ ...stored, matrix: matrix(-1, 0, 0, -1) })).toMatchObject({
      ...stored,
      rotation: 180,
      filters: 'hflip,vflip',
    });
    expect(upright({ ...stored, matrix: matrix(0, -1, 1, 0) })).toMatchObject({
      rotation: 270,
      filters: 'transpose=cclock',
    });
  });

  it('mirrors', () => {
    expect(upright({ ...stored, matrix: matrix(-1, 0, 0, 1) }).filters).toBe('hflip');
    expect(upright({ ...stored, matrix: matrix(1, 0, 0, -1) }).filters).toBe('vflip');
    expect(upright({ ...stored, matrix: matrix(0, 1, 1, 0) }).filters).toBe('transpose=cclock_flip');
    expect(upright({ ...stored, matrix: matrix(0, -1, -1, 0) }).filters).toBe('transpose=clock_flip');
  });

  it('cuts margins before it turns', () => {
    expect(upright({ ...stored, cropping: cropping(1, 3, 5, 7), matrix: matrix(0, 1, -1, 0) })).toEqual({
      width: 28,
      height: 52,
      rotation: 90,
      filters: 'crop=52:28:5:1:exact=1,transpose=clock',
    });
  });

  it('does not believe margins that leave nothing', () => {
    expect(upright({ ...stored, cropping: cropping(0, 0, 40, 24) })).toMatchObject(stored);
    expect(upright({ ...stored, cropping: cropping(0xffffffff, 0, 0, 0) })).toMatchObject(stored);
  });
});
