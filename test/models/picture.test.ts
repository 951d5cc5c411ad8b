import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BadInput, CannotWrite, NotFound, Usage } from '../../src/errors.js';
import {
  coverCrop,
  encodePicture,
  readPicture,
  resizePicture,
  writePicture,
} from '../../src/models/picture.js';
import { sniffPicture } from '../../src/models/picture-format.js';
import { fromPacked, type Pixels } from '../../src/models/pixels.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-picture-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const solid = (width: number, height: number, [r, g, b] = [200, 60, 30]) =>
  sharp({ create: { width, height, channels: 3, background: { r: r!, g: g!, b: b! } } });

/** Left half red, right half blue. */
function halves(width: number, height: number): Pixels {
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) rgb[3 * i + (i % width < width / 2 ? 0 : 2)] = 255;
  return fromPacked(rgb, { width, height });
}

const pixelAt = ({ data, width, height }: Pixels, x: number, y: number) =>
  [0, 1, 2].map((channel) => data[(channel * height + y) * width + x]!);

const near = (a: readonly number[], b: readonly number[], by: number) =>
  a.every((value, i) => Math.abs(value - b[i]!) <= by);

const refused = async (bytes: Uint8Array | string, options = {}) => {
  const error = await readPicture(bytes, options).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(BadInput);
  return (error as BadInput).message;
};

describe('readPicture', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'avif'] as const)('reads %s', async (format) => {
    const bytes = await solid(33, 17).toFormat(format).toBuffer();
    expect(sniffPicture(bytes)).toBe(format);
    const picture = await readPicture(bytes);
    expect(picture).toMatchObject({ format, original: { width: 33, height: 17 } });
    expect(picture.pixels).toMatchObject({ width: 33, height: 17 });
    expect(near(pixelAt(picture.pixels, 16, 8), [200, 60, 30], 6)).toBe(true);
  });

  it('knows AVIF by any of the brands that its file names', async () => {
    const bytes = await solid(8, 8).avif().toBuffer();
    bytes.write('mif1', 8, 'latin1');
    expect(sniffPicture(bytes)).toBe('avif');
    expect((await readPicture(bytes)).pixels.width).toBe(8);
  });

  it('turns by EXIF orientation', async () => {
    const bytes = await sharp(await encodePicture(halves(40, 20), 'png'))
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toBuffer();
    const { pixels, original } = await readPicture(bytes);
    expect(original).toEqual({ width: 20, height: 40 });
    expect(near(pixelAt(pixels, 10, 4), [255, 0, 0], 12)).toBe(true);
    expect(near(pixelAt(pixels, 10, 36), [0, 0, 255], 12)).toBe(true);
  });

  it('converts 16-bit, grey, 16-bit grey, palette and CMYK to 8-bit sRGB', async () => {
    const colour: [number, number, number] = [180, 90, 40];
    for (const bytes of [
      await solid(8, 8, colour).toColourspace('rgb16').png().toBuffer(),
      await solid(8, 8, colour).png({ palette: true }).toBuffer(),
    ])
      expect(pixelAt((await readPicture(bytes)).pixels, 3, 3)).toEqual(colour);
    for (const space of ['b-w', 'grey16']) {
      const bytes = await solid(8, 8, [100, 100, 100]).toColourspace(space).png().toBuffer();
      expect(pixelAt((await readPicture(bytes)).pixels, 3, 3)).toEqual([100, 100, 100]);
    }
    // Inks reach fewer colours than a screen: a muted one survives the way there and back.
    const muted: [number, number, number] = [140, 120, 100];
    const cmyk = await solid(8, 8, muted).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk');
    expect(near(pixelAt((await readPicture(cmyk)).pixels, 3, 3), muted, 20)).toBe(true);
  });

  it('converts an embedded colour profile to sRGB', async () => {
    const bytes = await solid(8, 8, [200, 60, 30]).png().withIccProfile('p3').toBuffer();
    const raw = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer();
    expect(near([...raw.subarray(0, 3)], [200, 60, 30], 3)).toBe(false);
    expect(near(pixelAt((await readPicture(bytes)).pixels, 3, 3), [200, 60, 30], 3)).toBe(true);
  });

  it('lays transparent parts on white, or gives the opacity apart', async () => {
    const rgba = Buffer.from([255, 0, 0, 255, 9, 9, 9, 0, 0, 0, 255, 128, 0, 255, 0, 255]);
    const bytes = await sharp(rgba, { raw: { width: 2, height: 2, channels: 4 } })
      .png()
      .toBuffer();
    const flat = await readPicture(bytes);
    expect(flat.alpha).toBeUndefined();
    expect(pixelAt(flat.pixels, 1, 0)).toEqual([255, 255, 255]);
    expect(near(pixelAt(flat.pixels, 0, 1), [127, 127, 255], 1)).toBe(true);
    const apart = await readPicture(bytes, { alpha: 'apart' });
    expect([...apart.alpha!]).toEqual([255, 0, 128, 255]);
    expect(pixelAt(apart.pixels, 1, 0)).toEqual([255, 255, 255]);
    expect(pixelAt(apart.pixels, 0, 1)).toEqual([0, 0, 255]);
    const again = await readPicture(await encodePicture(apart.pixels, 'png', { alpha: apart.alpha! }), {
      alpha: 'apart',
    });
    expect(again.alpha).toEqual(apart.alpha);
    expect(pixelAt(again.pixels, 0, 1)).toEqual([0, 0, 255]);
    expect((await readPicture(await solid(4, 4).png().toBuffer(), { alpha: 'apart' })).alpha).toBeUndefined();
  });

  it('reads the first frame of an animation', async () => {
    const frames = Buffer.concat([Buffer.alloc(8 * 8 * 3, 255), Buffer.alloc(8 * 8 * 3, 0)]);
    const image = () => sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } });
    for (const bytes of [await image().gif().toBuffer(), await image().webp({ lossless: true }).toBuffer()]) {
      expect((await sharp(bytes).metadata()).pages).toBe(2);
      const { pixels } = await readPicture(bytes);
      expect(pixels).toMatchObject({ width: 8, height: 8 });
      expect(pixelAt(pixels, 4, 4)).toEqual([255, 255, 255]);
    }
  });

  it.each([
    [1, 1],
    [1, 20000],
    [9000, 2],
  ])('reads a picture of %i x %i', async (width, height) => {
    const { pixels } = await readPicture(await solid(width, height).png().toBuffer());
    expect(pixels.data.length).toBe(3 * width * height);
  });

  it('shrinks while decoding, never grows', async () => {
    const bytes = await solid(400, 100).jpeg().toBuffer();
    const small = await readPicture(bytes, { within: 100 });
    expect(small.pixels).toMatchObject({ width: 100, height: 25 });
    expect(small.original).toEqual({ width: 400, height: 100 });
    expect((await readPicture(bytes, { within: 900 })).pixels.width).toBe(400);
  });
});

describe('readPicture refuses', () => {
  it.each([
    ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'SVG'],
    ['<?xml version="1.0"?>\n<svg/>', 'SVG'],
    ['<!DOCTYPE html><title>404</title>', 'web page'],
    ['%PDF-1.7', 'PDF'],
    ['II*\0\x08\0\0\0', 'TIFF'],
    ['\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'HEIC'],
    ['\0\0\0\x18ftypisom\0\0\0\0mp42', 'video'],
    ['hello', 'not a picture'],
    ['', 'empty'],
  ])('%j by name', async (text, word) => {
    expect(await refused(Buffer.from(text, 'latin1'))).toContain(word);
  });

  it('a picture of more pixels than allowed, from its header alone', async () => {
    const bytes = await solid(2000, 1500).png().toBuffer();
    expect(await refused(bytes, { maxPixels: 2e6 })).toContain('2000x1500');
    const bomb = Buffer.from(bytes);
    bomb.writeUInt32BE(60000, 16);
    bomb.writeUInt32BE(60000, 20);
    await refused(bomb);
  });

  it('a file of more bytes than allowed', async () => {
    const path = join(folder, 'large.png');
    await writeFile(path, Buffer.alloc(3000));
    expect(await refused(path, { maxBytes: 2000 })).toContain('3 kB, where 2 kB are allowed');
    expect(await refused(Buffer.alloc(3000), { maxBytes: 2000 })).toContain('too large');
  });

  it('what is cut short, in every format', async () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 50 } as const;
    const image = await sharp({ create: { width: 200, height: 150, channels: 3, background: '#888', noise } })
      .png()
      .toBuffer();
    for (const format of ['jpeg', 'png', 'webp', 'gif', 'avif'] as const) {
      const bytes = await sharp(image).toFormat(format).toBuffer();
      expect(await refused(bytes.subarray(0, bytes.length >> 1))).toMatch(/cut short|damaged/);
    }
  });

  it('mutated files, without ever failing otherwise', async () => {
    const image = await encodePicture(halves(48, 32), 'png');
    let seed = 7;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed % n;
    };
    for (const format of ['jpeg', 'png', 'webp', 'gif', 'avif'] as const) {
      const whole = await sharp(image).toFormat(format).toBuffer();
      for (let round = 0; round < 40; round++) {
        const bytes = Buffer.from(whole);
        for (let flips = 1 + random(8); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
        const error = await readPicture(bytes).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (error !== undefined) expect(error).toBeInstanceOf(BadInput);
      }
    }
  });

  it('a missing file, a folder, a path with a zero byte', async () => {
    await expect(readPicture(join(folder, 'none.jpg'))).rejects.toThrow(NotFound);
    expect(await refused(folder)).toContain('is a folder');
    expect(await refused('a\0b.png')).toContain('zero byte');
    if (process.platform !== 'win32') expect(await refused('/dev/null')).toContain('not a regular file');
  });
});

describe('resizePicture and coverCrop', () => {
  it('stretch, keep inside, or fill and cut evenly', async () => {
    const wide = halves(80, 20);
    expect(await resizePicture(wide, { width: 7, height: 9 })).toMatchObject({ width: 7, height: 9 });
    expect(await resizePicture(wide, { width: 40, height: 40 }, { fit: 'inside' })).toMatchObject({
      width: 40,
      height: 10,
    });
    const square = await coverCrop(wide, { width: 16, height: 16 });
    expect(square).toMatchObject({ width: 16, height: 16 });
    expect(near(pixelAt(square, 1, 8), [255, 0, 0], 8)).toBe(true);
    expect(near(pixelAt(square, 14, 8), [0, 0, 255], 8)).toBe(true);
    expect(await coverCrop(halves(1, 20000), { width: 16, height: 16 })).toMatchObject({
      width: 16,
      height: 16,
    });
  });

  it('return the same picture where the size is right', async () => {
    const pixels = halves(8, 8);
    expect(await resizePicture(pixels, { width: 8, height: 8 })).toBe(pixels);
  });
});

describe('writePicture', () => {
  it('writes what its name asks for, with a description', async () => {
    for (const name of ['a.jpg', 'a.png', 'a.WEBP', 'a.avif', 'a.gif']) {
      const path = join(folder, name);
      await writePicture(path, halves(32, 16), { description: 'wave on a photo' });
      const { pixels } = await readPicture(path);
      expect(near(pixelAt(pixels, 4, 8), [255, 0, 0], 24)).toBe(true);
    }
    const exif = (await sharp(await readFile(join(folder, 'a.png'))).metadata()).exif!;
    expect(exif.includes('wave on a photo')).toBe(true);
  });

  it('lays opacity on white where the format has none', async () => {
    const path = join(folder, 'flat.jpg');
    await writePicture(path, halves(16, 16), { alpha: new Uint8Array(256) });
    expect(near(pixelAt((await readPicture(path)).pixels, 4, 4), [255, 255, 255], 4)).toBe(true);
  });

  it('refuses unknown names, missing folders, folders and, when asked to, existing files; nothing stays behind', async () => {
    const clean = await mkdtemp(join(folder, 'clean-'));
    const pixels = halves(4, 4);
    await expect(writePicture(join(clean, 'a.tiff'), pixels)).rejects.toThrow(Usage);
    await expect(writePicture(join(clean, 'no', 'a.png'), pixels)).rejects.toThrow(CannotWrite);
    await writePicture(join(clean, 'a.png'), pixels);
    await expect(writePicture(join(clean, 'a.png'), pixels, { overwrite: false })).rejects.toThrow(
      /exists already/,
    );
    await writePicture(join(clean, 'a.png'), pixels);
    expect(await readdir(clean)).toEqual(['a.png']);
  });
});
