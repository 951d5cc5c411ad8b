import { describe, expect, it } from 'vitest';
import { openScaler } from '../../../src/pipeline/codec/scale.js';
import { closeness, patches, quadrants } from '../../fixtures/pictures.js';
import { grey } from '../doubles.js';

describe('the scaler', () => {
  it('keeps a picture what it is at other sizes, channels and corners in place', async () => {
    await using scaler = await openScaler();
    for (const [from, to] of [
      [
        { width: 320, height: 180 },
        { width: 640, height: 360 },
      ],
      [
        { width: 641, height: 361 },
        { width: 167, height: 99 },
      ],
    ] as const) {
      const scaled = await scaler.resample(patches(from), to);
      expect(scaled).toMatchObject(to);
      expect(closeness(scaled, patches(to), 'inside patches')).toBeLessThan(2);
    }
    const turned = await scaler.resample(quadrants({ width: 50, height: 40 }), { width: 40, height: 60 });
    expect(closeness(turned, quadrants({ width: 40, height: 60 }))).toBeLessThan(8);
  });

  it('averages when it makes a picture smaller', async () => {
    await using scaler = await openScaler();
    const stripes = grey(0, { width: 256, height: 64 });
    for (const i of stripes.data.keys()) stripes.data[i] = i % 2 ? 200 : 0;
    const { data } = await scaler.resample(stripes, { width: 32, height: 8 });
    expect(Math.min(...data)).toBeGreaterThan(85);
    expect(Math.max(...data)).toBeLessThan(115);
  });

  it('takes calls for several sizes at the same time, one pixel included', async () => {
    await using scaler = await openScaler();
    const sizes = [1, 2, 17, 64].map((side) => ({ width: side, height: side + 1 }));
    const all = await Promise.all(
      sizes.flatMap((from) => sizes.map((to) => scaler.resample(grey(from.width, from), to))),
    );
    for (const [i, { data, width, height }] of all.entries()) {
      const [from, to] = [sizes[Math.floor(i / 4)]!, sizes[i % 4]!];
      expect({ width, height }).toEqual(to);
      expect(new Set(data)).toEqual(new Set([from.width]));
    }
  });
});
