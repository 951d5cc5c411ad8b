import { describe, expect, it } from 'vitest';
import type { Pixels } from '../../src/models/pixels.js';
import { Random } from '../../src/models/train/random.js';
import { FlickerMeter } from '../../src/pipeline/flicker.js';
import { drawFlickerClip, FLICKER_CLIPS, type FlickerClip } from '../../src/pipeline/flicker-clips.js';
import { Steady } from '../../src/pipeline/stages/steady.js';
import { adding } from './doubles.js';

const size = { width: 96, height: 64 };
const options = { ...size, frames: 60, sigma: 3, seed: 7 };
const clip = (name: FlickerClip, given = {}) => [...drawFlickerClip(name, { ...options, ...given })];
/** A stand-in for a net: its contrast, and with it the camera's noise, is three times the source's. */
const paint = ({ data, ...rest }: Pixels): Pixels => ({
  ...rest,
  data: new Uint8Array(Uint8ClampedArray.from(data, (value) => 128 + 3 * (value - 128)).buffer),
});

function measure(sources: readonly Pixels[], steady: (source: Pixels, plain: Pixels) => Pixels) {
  const meter = new FlickerMeter();
  for (const source of sources) {
    const plain = paint(source);
    meter.add({ source, plain, steadied: steady(source, plain) });
  }
  return meter.report;
}

describe('drawn clips', () => {
  it('are the same for the same seed, and have the noise that was asked for', () => {
    const [a, b] = clip('noise', { frames: 2 });
    expect(clip('noise', { frames: 2 })[1]!.data).toEqual(b!.data);
    expect(clip('noise', { frames: 2, seed: 8 })[1]!.data).not.toEqual(b!.data);
    const changes = a!.data.map((value, i) => (value - b!.data[i]!) ** 2);
    const spread = Math.sqrt(Float64Array.from(changes).reduce((sum, it) => sum + it, 0) / changes.length);
    expect(spread).toBeGreaterThan(0);
    const still = clip('noise', { frames: 2, sigma: 0 });
    expect(still[0]!.data).toEqual(still[1]!.data);
  });

  it('show what they are named after', () => {
    const first = (name: FlickerClip, index: number) => clip(name, { sigma: 0, frames: 10 })[index]!.data;
    const [noise] = clip('noise', { sigma: 0, frames: 1 });
    const same = (name: FlickerClip, index: number) => Buffer.compare(first(name, index), noise!.data) === 0;
    expect([same('entrance', 4), same('entrance', 5), same('object', 5), same('exposure', 5)]).toEqual([
      ...[true, false, false, false],
    ]);
  });
});

describe('the flicker meter', () => {
  it('finds neither flicker nor difference in a painting left as it is, beyond the camera', () => {
    const report = measure(clip('noise', { frames: 6 }), (_, plain) => plain);
    expect(report.pairs).toBe(5);
    expect(report.still).toBeGreaterThan(0.9);
    expect(report.source.mean).toBeGreaterThan(2);
    expect(report.flickerPlain!).toBeGreaterThan(1.2);
    expect(report.decibels).toEqual({ mean: 0, rms: 0 });
    expect(report.sharpness).toEqual({ whole: 1, still: 1 });
    expect(report.lag.levels).toBe(0);
  });

  it('tells half the change as 6 dB, and a blurred painting as less sharp', () => {
    const grey = (value: number) => ({ ...size, data: new Uint8Array(3 * 96 * 64).fill(value) });
    const meter = new FlickerMeter();
    const source = grey(90);
    for (let i = 0; i < 5; i++)
      meter.add({ source, plain: grey(100 + 8 * (i % 2)), steadied: grey(100 + 4 * (i % 2)) });
    expect(meter.report.decibels.mean).toBeCloseTo(6.02, 2);
    expect(meter.report.decibels.rms).toBeCloseTo(6.02, 2);
    expect(meter.report.flickerPlain).toBeUndefined();
    const blurred = measure(clip('noise', { frames: 6 }), (_, { data, ...rest }) => ({
      ...rest,
      data: data.map((value, i) => (value + data[Math.min(i + 1, data.length - 1)]!) / 2),
    }));
    expect(blurred.sharpness.whole).toBeLessThan(0.95);
  });

  it('tells how far a painting lags behind what moves, and counts that place as moving', () => {
    let last: Pixels | undefined;
    const late = measure(clip('object', { frames: 20 }), (_, plain) => {
      const out = last ?? plain;
      last = plain;
      return out;
    });
    expect(late.moving).toBeGreaterThan(0);
    expect(late.still).toBeLessThan(1);
    expect(late.lag.frames).toBeCloseTo(1, 5);
  });

  it('is silent about clips of one frame', () => {
    const { pairs, still, flickerPlain } = measure(clip('noise', { frames: 1 }), (_, plain) => plain);
    expect([pairs, still, flickerPlain]).toEqual([0, 0, undefined]);
  });
});

/** Pictures of a still clip in which places of 16x16 get brighter for a frame, by some levels each, here and there. */
function shimmer(): Pixels[] {
  const random = new Random([1, 2, 3, 4]);
  return clip('noise', { sigma: 2 }).map(({ data, ...rest }) => {
    const bright = Float32Array.from({ length: 24 }, () => (random.next() < 0.3 ? 14 * random.next() : 0));
    const at = (i: number) => 6 * ((((i / size.width) | 0) % size.height) >> 4) + ((i % size.width) >> 4);
    const lit = data.map((value, i) => Math.min(255, value + Math.round(bright[at(i)]!)));
    return { ...rest, data: lit };
  });
}

describe('the steady stage', () => {
  it('keeps strokes where much moves a little, and does not average them away', () => {
    const random = new Random([5, 6, 7, 8]);
    const steady = new Steady();
    const style = adding(1);
    const meter = new FlickerMeter();
    for (const source of shimmer()) {
      // Strokes that are others in each frame.
      const data = source.data.map((value) => Math.max(0, Math.min(255, value + 80 * (random.next() - 0.5))));
      const plain = { ...source, data };
      meter.add({ source, plain, steadied: steady.run(source, plain, style, 1) });
    }
    // Strokes have nothing in common from frame to frame here: held by halves, a third of them was lost.
    expect(Math.abs(meter.report.sharpness.whole - 1)).toBeLessThan(0.2);
  });
});

describe('the steady stage on drawn clips', () => {
  for (const name of FLICKER_CLIPS)
    for (const sigma of [2, 4])
      it(`flickers at least 6 dB less and keeps its sharpness: ${name}, noise of ${sigma}`, () => {
        const steady = new Steady();
        const style = adding(1);
        const report = measure(clip(name, { sigma }), (source, plain) => steady.run(source, plain, style, 1));
        expect(report.still).toBeGreaterThan(0.5);
        expect(Math.min(report.decibels.mean, report.decibels.rms)).toBeGreaterThan(6);
        expect(Math.abs(report.sharpness.whole - 1)).toBeLessThan(0.05);
        if (name === 'object') expect(report.lag.frames).toBeLessThan(0.2);
      });
});
