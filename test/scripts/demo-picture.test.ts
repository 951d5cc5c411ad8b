import { describe, expect, it } from 'vitest';
// @ts-expect-error: a script without types
import { demoPicture } from '../../scripts/demo-picture.mjs';

/** Mean and standard deviation of one channel of a planar picture. */
function spread(data: Uint8Array, channel: number): { mean: number; deviation: number } {
  const plane = data.subarray((channel * data.length) / 3, ((channel + 1) * data.length) / 3);
  const mean = plane.reduce((sum, value) => sum + value, 0) / plane.length;
  return { mean, deviation: Math.sqrt(plane.reduce((sum, v) => sum + (v - mean) ** 2, 0) / plane.length) };
}

describe('the demo picture', () => {
  it.each([
    { width: 64, height: 36 },
    { width: 40, height: 40 },
    { width: 31, height: 57 },
  ])('comes in any size, the same each time: $width x $height', (size) => {
    const picture = demoPicture(size);
    expect(picture).toMatchObject(size);
    expect(picture.data).toHaveLength(3 * size.width * size.height);
    expect(Buffer.compare(picture.data, demoPicture(size).data)).toBe(0);
  });

  it('has light and dark in every colour', () => {
    const { data } = demoPicture({ width: 96, height: 54 });
    for (const channel of [0, 1, 2]) {
      const { mean, deviation } = spread(data, channel);
      expect(mean).toBeGreaterThan(50);
      expect(mean).toBeLessThan(205);
      expect(deviation).toBeGreaterThan(25);
    }
  });
});
