import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../../src/errors.js';
import { openMediaSource } from '../../../src/pipeline/sources/media.js';
import { clip, scratch } from '../../fixtures/clips.js';
import { colors } from '../../fixtures/yuv.js';
import { describeSource } from '../../suites/source.js';

describeSource('node-av', openMediaSource);

describe('a raw stream of JPEGs', () => {
  const stream = () =>
    clip({
      encoder: 'mjpeg',
      encoderOptions: {},
      extension: 'mjpeg',
      pixelFormat: 'yuvj420p',
      color: colors.bt601Full,
      timeBase: { num: 1, den: 25 },
      pts: Array.from({ length: 12 }, (_, i) => i),
    });

  it('is a film by its name', async () => {
    await using source = await openMediaSource(await stream());
    const times: number[] = [];
    for await (const frame of source.frames(new AbortController().signal)) {
      times.push(frame.timestamp);
      frame[Symbol.dispose]();
    }
    expect(times).toEqual(Array.from({ length: 12 }, (_, i) => i * 40_000));
  });

  it('is a picture by the name of one, as those may hold a second', async () => {
    const path = join(scratch(), 'picture.jpg');
    await copyFile(await stream(), path);
    await expect(openMediaSource(path)).rejects.toThrow(BadInput);
  });
});

describe('a transport stream', () => {
  const pts = Array.from({ length: 50 }, (_, i) => i * 3600);
  const encoderOptions = { preset: 'ultrafast', crf: '2' };
  const stream = async (bFrames = 0) =>
    readFile(
      await clip({
        pts,
        timeBase: { num: 1, den: 90_000 },
        extension: 'ts',
        audio: ['aac'],
        bFrames,
        encoderOptions,
      }),
    );
  const read = async (name: string, bytes: Buffer) => {
    const path = join(scratch(), name);
    await writeFile(path, bytes);
    await using source = await openMediaSource(path);
    const times: number[] = [];
    for await (const frame of source.frames(new AbortController().signal)) {
      times.push(frame.timestamp - source.info.startTimestamp);
      frame[Symbol.dispose]();
    }
    return { times: times.map((time) => time - times[0]!), damage: source.damage };
  };
  const parts = (bytes: Buffer) =>
    Array.from({ length: bytes.length / 188 }, (_, i) => bytes.subarray(188 * i, 188 * i + 188));

  for (const bFrames of [0, 2])
    it(`that was joined of whole ones is whole, and keeps every picture (B-frames: ${bFrames})`, async () => {
      const bytes = await stream(bFrames);
      const { times, damage } = await read(`seam-${bFrames}.ts`, Buffer.concat([bytes, bytes]));
      expect(times).toHaveLength(100);
      expect(times.slice(0, 50)).toEqual(pts.map((ticks) => Math.round(ticks / 0.09)));
      expect(damage).toBeUndefined();
    });

  it('that was joined of one cut off says that a picture is damaged', async () => {
    const bytes = await stream();
    // In the midst of a picture: what follows goes on with it.
    const all = parts(bytes);
    const cut = all.findIndex((part, i) => i > all.length / 2 && (part.readUInt16BE(1) & 0x5fff) === 0x100);
    const { times, damage } = await read('cut.ts', Buffer.concat([...all.slice(0, cut), bytes]));
    expect(times.length).toBeGreaterThan(60);
    expect(damage).toMatch(/damaged: 1 of its pictures/);
  });
});
