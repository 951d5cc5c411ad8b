import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ImageOptions, paintPictures } from '../../src/commands/image.js';
import { BadInput, CannotWrite, Interrupted, NotFound, Usage } from '../../src/errors.js';
import { encodePicture, readPicture } from '../../src/models/picture.js';
import { blank } from '../../src/models/pixels.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { quadrants } from '../fixtures/pictures.js';
import { livebrush, workshop } from './cli.js';

let shop: Awaited<ReturnType<typeof workshop>>;
let folder: string;
const never = new AbortController().signal;
const file = (name: string) => join(folder, name);
const put = async (name: string, bytes: Uint8Array | string) => {
  await writeFile(file(name), bytes);
  return file(name);
};

beforeAll(async () => {
  shop = await workshop();
  folder = join(shop.folder, 'pictures');
  await mkdir(folder);
});
afterEach(() => expect(framesAlive()).toBe(0));

const paint = (
  inputs: string | string[],
  out: string,
  options: Partial<ImageOptions> = {},
  signal: AbortSignal = never,
) =>
  paintPictures(
    [inputs].flat(),
    {
      style: [shop.style],
      strength: 1,
      model: shop.model,
      engine: 'identity',
      out,
      maxPixels: 40e6,
      workSize: 1536,
      json: true,
      ...options,
    },
    signal,
  );

describe('image', () => {
  it('paints a picture of any size in each format, one pixel included', async () => {
    for (const [size, name] of [
      [{ width: 1, height: 1 }, 'one.png'],
      [{ width: 90, height: 41 }, 'flat.jpg'],
      [{ width: 33, height: 67 }, 'high.webp'],
      [{ width: 64, height: 64 }, 'square.avif'],
    ] as const) {
      const pixels = quadrants(size);
      const input = await put(`in-${name}.png`, await encodePicture(pixels, 'png'));
      const result = await paint(input, file(name));
      expect(result).toMatchObject({ painted: 1, failed: 0, engine: 'identity', model: 'tiny' });
      expect(result.pictures[0]).toMatchObject({ input, output: file(name), ...size });
      const painted = await readPicture(file(name));
      expect(painted.pixels).toMatchObject(size);
      if (name.endsWith('png')) expect(painted.pixels.data).toEqual(pixels.data);
    }
  });

  it('changes the picture with a real engine, less so at less strength', async () => {
    const pixels = quadrants({ width: 40, height: 40 });
    const input = await put('real.png', await encodePicture(pixels, 'png'));
    const distance = async (strength: number, name: string) => {
      await paint(input, file(name), { engine: 'onnx/cpu', strength });
      const { data } = (await readPicture(file(name))).pixels;
      return data.reduce((sum, value, i) => sum + Math.abs(value - pixels.data[i]!), 0) / data.length;
    };
    const [full, half, none] = [
      await distance(1, 'full.png'),
      await distance(0.5, 'half.png'),
      await distance(0, 'none.png'),
    ];
    expect(full).toBeGreaterThan(10);
    expect(half).toBeGreaterThan(full * 0.4);
    expect(half).toBeLessThan(full * 0.6);
    expect(none).toBe(0);
  });

  it('keeps transparency and says in the file what it is', async () => {
    const size = { width: 20, height: 10 };
    const alpha = Uint8Array.from({ length: 200 }, (_, i) => 55 + i);
    const input = await put('glass.png', await encodePicture(quadrants(size), 'png', { alpha }));
    await paint(input, file('glass-out.png'), { strength: 0.5 });
    const painted = await readPicture(file('glass-out.png'), { alpha: 'apart' });
    expect(painted.alpha).toEqual(alpha);
    expect((await readFile(file('glass-out.png'))).toString('latin1')).toContain(
      'Painted by Livebrush: style.png',
    );
    await paint(input, file('glass-small.png'), { size: 10 });
    const small = await readPicture(file('glass-small.png'), { alpha: 'apart' });
    expect(small.alpha).toHaveLength(50);
    expect(small.alpha![0]).toBeLessThan(small.alpha![49]!);
  });

  it('paints at its working size and gives back the size of the picture', async () => {
    const input = await put('work.png', await encodePicture(quadrants({ width: 200, height: 100 }), 'png'));
    const { pictures } = await paint(input, file('work-out.png'), { workSize: 40 });
    expect(pictures[0]).toMatchObject({ width: 200, height: 100 });
    const shrunk = await paint(input, file('work-small.png'), { size: { width: 50, height: 50 } });
    expect(shrunk.pictures[0]).toMatchObject({ width: 50, height: 25 });
  });

  it('paints folders and many pictures into a folder that it makes', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    for (const one of [a, b]) {
      await mkdir(join(one, 'deeper'), { recursive: true });
      await mkdir(join(one, 'folder.png'));
      for (const name of ['x.png', 'y.jpg', 'deeper/z.png'])
        await writeFile(join(one, name), await encodePicture(blank({ width: 8, height: 8 }), 'png'));
      await writeFile(join(one, 'notes.txt'), 'no picture');
    }
    const out = join(folder, 'made', 'here');
    const result = await paint([a, b], out);
    expect(result.painted).toBe(4);
    expect((await readdir(out)).sort()).toEqual(['x-2.png', 'x.png', 'y-2.jpg', 'y.jpg']);
    const webp = await paint(a, join(folder, 'webp'), { format: 'webp' });
    expect(webp.pictures.map(({ output }) => output)).toEqual(
      ['x.webp', 'y.webp'].map((name) => join(folder, 'webp', name)),
    );
  });

  it('paints the others when one is bad', async () => {
    const good = await put('good.png', await encodePicture(blank({ width: 8, height: 8 }), 'png'));
    const bad = await put('bad.png', 'This is not a picture.');
    const large = await put('large.png', await encodePicture(blank({ width: 80, height: 80 }), 'png'));
    const result = await paint([bad, good, large], file('mixed'), { maxPixels: 1000 });
    expect(result).toMatchObject({ painted: 1, failed: 2 });
    expect(result.pictures.map((picture) => ('error' in picture ? picture.error.name : 'painted'))).toEqual([
      'BadInput',
      'painted',
      'BadInput',
    ]);
    expect(await readdir(file('mixed'))).toEqual(['good.png']);
  });

  it('gives each of many pictures its own painting, in order, however long each takes', async () => {
    const inputs: string[] = [];
    for (let i = 0; i < 7; i++) {
      const size = i % 3 === 0 ? { width: 400, height: 300 } : { width: 8 + i, height: 8 };
      const picture = await encodePicture(quadrants(size), 'png');
      inputs.push(await put(`many-${i}.png`, i === 4 ? 'This is not a picture.' : picture));
    }
    const { pictures } = await paint(inputs, file('many'));
    expect(pictures.map(({ input }) => input)).toEqual(inputs);
    for (const [i, picture] of pictures.entries()) {
      if (i === 4) expect(picture).toMatchObject({ error: { name: 'BadInput' } });
      else {
        const [before, after] = [await readPicture(inputs[i]!), await readPicture(picture.output)];
        expect(Buffer.compare(before.pixels.data, after.pixels.data)).toBe(0);
      }
    }
  });

  it('begins no further picture once it is interrupted, and leaves none half-written', async () => {
    const source = await encodePicture(quadrants({ width: 400, height: 300 }), 'png');
    const inputs = await Promise.all(Array.from({ length: 30 }, (_, i) => put(`long-${i}.png`, source)));
    const stop = new AbortController();
    const painted = paint(inputs, file('long'), {}, stop.signal);
    const made = () => readdir(file('long')).catch((): string[] => []);
    while ((await made()).length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    stop.abort(new Interrupted());
    await expect(painted).rejects.toThrow(Interrupted);
    const left = await made();
    expect(left.length).toBeLessThan(inputs.length);
    for (const name of left) expect((await readPicture(join(file('long'), name))).pixels.width).toBe(400);
  });

  it('exits with 1 when one of several is bad, with the rest painted', async () => {
    const bad = await put('sad.png', 'This is not a picture.');
    const args = ['--style', shop.style, '--model', shop.model, '--engine', 'identity', '--out', file('sad')];
    const { code, json, stderr } = await livebrush('image', bad, shop.other, ...args, '--json');
    expect(code).toBe(1);
    expect(json()).toMatchObject({ painted: 1, failed: 1 });
    const people = await livebrush('image', bad, shop.other, ...args, '--overwrite');
    expect(people.stdout).toContain('other.png');
    expect(people.stderr).toMatch(/sad\.png is not a picture\.\n {2}JPEG, PNG, /);
    expect(stderr).not.toContain('    at ');
  });
});

describe('image refuses', () => {
  it('to replace a picture unless it is told to, and never its own input', async () => {
    const input = await put('own.png', await encodePicture(blank({ width: 8, height: 8 }), 'png'));
    const taken = await put('taken.png', 'precious');
    await expect(paint(input, taken)).rejects.toThrow(CannotWrite);
    expect(await readFile(taken, 'utf8')).toBe('precious');
    await paint(input, taken, { overwrite: true });
    expect((await readPicture(taken)).pixels.width).toBe(8);
    await expect(paint(input, input, { overwrite: true })).rejects.toThrow(Usage);
    await expect(paint(input, folder, { overwrite: true })).rejects.toThrow(Usage);
  });

  it('to replace another picture of the run, or the style', async () => {
    const own = join(folder, 'both');
    await mkdir(own);
    const pictures = [join(own, 'a.jpg'), join(own, 'a.png')] as const;
    await writeFile(pictures[0], await encodePicture(blank({ width: 8, height: 8 }), 'jpeg'));
    await writeFile(pictures[1], await encodePicture(quadrants({ width: 8, height: 8 }), 'png'));
    const before = await readFile(pictures[1]);
    const result = await paint(own, own, { format: 'png', overwrite: true });
    expect(result.pictures).toMatchObject([
      {
        output: pictures[1],
        error: { name: 'Usage', message: expect.stringContaining('another of the pictures') },
      },
      { output: join(own, 'a-2.png'), width: 8 },
    ]);
    expect(await readFile(pictures[1])).toEqual(before);
    const style = await readFile(shop.style);
    const options = { overwrite: true, style: [`${shop.style}:0.5`, shop.other] };
    await expect(paint(pictures[0], shop.style, options)).rejects.toThrow(/is the style picture/);
    expect(await readFile(shop.style)).toEqual(style);
  });

  it.skipIf(process.platform === 'win32')(
    'a link that leads nowhere, before it reads a picture',
    async () => {
      await symlink('nowhere.png', file('dangling.png'));
      const bad = await put('no-picture.png', 'text');
      await expect(paint(bad, file('dangling.png'))).rejects.toThrow(/leads nowhere/);
    },
  );

  it('what is not there, no picture, or too large', async () => {
    await expect(paint(file('nothing.png'), file('o.png'))).rejects.toThrow(NotFound);
    await expect(paint(await put('t.png', 'text'), file('o.png'))).rejects.toThrow(BadInput);
    const large = await put('l.png', await encodePicture(blank({ width: 50, height: 50 }), 'png'));
    const refused = paint(large, file('o.png'), { maxPixels: 2499 });
    await expect(refused).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringMatching(/50x50 pixels, where 2499 are allowed/),
    });
    await mkdir(file('empty'), { recursive: true });
    await expect(paint(file('empty'), file('o'))).rejects.toThrow(NotFound);
    expect(await stat(file('o.png')).catch(() => 'none')).toBe('none');
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'a folder that it may not read (skipped where tests run as root, who may)',
    async () => {
      await mkdir(file('locked'), { mode: 0o000 });
      await expect(paint(file('locked'), file('o'))).rejects.toThrow(/locked may not be read by this user/);
    },
  );

  it('an output that names no picture format, or one file for many pictures', async () => {
    const input = await put('f.png', await encodePicture(blank({ width: 8, height: 8 }), 'png'));
    await expect(paint(input, file('o.tiff'))).rejects.toThrow(Usage);
    const one = await put('one-file.png', 'x');
    await expect(paint([input, input], one)).rejects.toThrow(Usage);
    await expect(paint([input, input], file('none-yet.png'))).rejects.toThrow(/names one picture/);
  });
});
