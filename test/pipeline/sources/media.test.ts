import { copyFile } from 'node:fs/promises';
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
