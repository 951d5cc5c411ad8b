import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../../src/errors.js';
import { Cursor, crc32, signed, varint } from '../../../src/pipeline/ffmpeg/nut.js';
import { NutReader } from '../../../src/pipeline/ffmpeg/nut-reader.js';
import { nutFrameHeader, nutHeader } from '../../../src/pipeline/ffmpeg/nut-writer.js';

const video = {
  width: 4,
  height: 3,
  pixelAspect: { num: 1, den: 1 },
  timeBase: { num: 1001, den: 30_000 },
  frameRate: { num: 30_000, den: 1001 },
};
const frameBytes = 36;

const streamOf = (ticks: readonly number[]) =>
  Buffer.concat([
    nutHeader(video),
    ...ticks.flatMap((tick, i) => [nutFrameHeader(tick, frameBytes), Buffer.alloc(frameBytes, i)]),
  ]);

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function read(bytes: Buffer, sizes: readonly number[] = [bytes.length]) {
  const frames = [];
  for await (const frame of new NutReader(inPieces(bytes, sizes), frameBytes).frames()) frames.push(frame);
  return frames;
}

describe('NUT', () => {
  it('numbers come back as they were', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => new Cursor(Buffer.from(varint(value))).varint() === value),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
        (value) => new Cursor(Buffer.from(signed(value))).signed() === value,
      ),
    );
  });

  it('a checksum behind its bytes makes zero', () => {
    const bytes = Buffer.from('123456789');
    // The check value of CRC-32 with this polynomial and neither start value nor inversion.
    expect(crc32(bytes)).toBe(0x89a1897f);
    expect(crc32(Buffer.concat([bytes, Buffer.from('89a1897f', 'hex')]))).toBe(0);
  });

  it('frames come back with their exact times, in whatever pieces', async () => {
    const ticks = fc.uniqueArray(fc.integer({ min: 0, max: 2 ** 45 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        ticks,
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
        async (all, sizes) => {
          const times = all.toSorted((a, b) => a - b);
          const frames = await read(streamOf(times), sizes);
          expect(frames.map((frame) => frame.ticks)).toEqual(times);
          for (const [i, { data, timeBase }] of frames.entries()) {
            expect(timeBase).toEqual(video.timeBase);
            expect(Buffer.from(data).equals(Buffer.alloc(frameBytes, i))).toBe(true);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('a stream that breaks off gives its whole frames', async () => {
    const bytes = streamOf([0, 1, 2]);
    for (let length = 0; length < bytes.length; length++)
      expect((await read(bytes.subarray(0, length))).length).toBeLessThan(3);
    expect(await read(bytes.subarray(0, bytes.length - 1))).toHaveLength(2);
  });

  it('a damaged stream is an error or fewer frames, never a crash or a hang', async () => {
    const bytes = streamOf([0, 1, 2, 3]);
    const spot = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(spot, { minLength: 1, maxLength: 12 }), async (spots) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of spots) damaged[at] = value;
        try {
          expect((await read(damaged)).length).toBeLessThan(5);
        } catch (error) {
          expect(error).toBeInstanceOf(BadInput);
        }
      }),
      { numRuns: 300 },
    );
  });
});
