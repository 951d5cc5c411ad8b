import { linkSync, symlinkSync } from 'node:fs';
import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type TranscodeOptions, transcodeFile } from '../../src/commands/transcode.js';
import { BadInput, CannotWrite, Interrupted, NotFound, Unsupported, Usage } from '../../src/errors.js';
import type { Pixels } from '../../src/models/pixels.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { openMediaSource } from '../../src/pipeline/sources/media.js';
import { patternAt, patternNumber } from '../../src/pipeline/sources/pattern.js';
import { clip, probe } from '../fixtures/clips.js';
import { hasFfmpeg } from '../fixtures/ffmpeg.js';
import { closeness } from '../fixtures/pictures.js';
import { livebrush, start, workshop } from './cli.js';

let shop: Awaited<ReturnType<typeof workshop>>;
let output: string;
let count = 0;
const never = new AbortController().signal;

beforeAll(async () => {
  shop = await workshop();
});
afterEach(() => expect(framesAlive()).toBe(0));

/** What is asked for unless a test asks for something else. */
function wish(options: Partial<TranscodeOptions> = {}): TranscodeOptions {
  output = join(shop.folder, `out-${count++}.mp4`);
  return {
    style: [shop.style],
    strength: 1,
    model: shop.model,
    engine: 'identity',
    media: 'node-av',
    json: true,
    ...options,
  };
}
async function paint(input: string, options: Partial<TranscodeOptions> = {}) {
  const wanted = wish(options);
  return transcodeFile(input, output, wanted, never);
}
async function framesOf(path: string): Promise<{ timestamp: number; pixels: Pixels }[]> {
  await using source = await openMediaSource(path);
  const frames: { timestamp: number; pixels: Pixels }[] = [];
  for await (using frame of source.frames(never))
    frames.push({
      timestamp: frame.timestamp,
      pixels: { data: frame.data.slice(), width: frame.width, height: frame.height },
    });
  return frames;
}
const leftovers = async () => (await readdir(shop.folder)).filter((name) => name.includes('.part'));
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('transcode', () => {
  it('paints every frame at its time and takes the sound along untouched', async () => {
    const pts = [0, 512, 600, 1999, 2000, 6000, 6512, 7003];
    const input = await clip({ pts, audio: ['aac'] });
    const result = await paint(input);
    expect(result).toMatchObject({
      frames: 8,
      dropped: 0,
      engine: 'identity',
      model: 'tiny',
      media: 'node-av',
      width: 64,
      height: 48,
      output,
    });
    expect(Object.keys(result.stages).sort()).toEqual(['decode', 'encode', 'finish', 'paint']);
    expect(result).not.toHaveProperty('damage');
    const [before, after] = [await framesOf(input), await framesOf(output)];
    expect(after.map(({ timestamp }) => timestamp)).toEqual(before.map(({ timestamp }) => timestamp));
    expect(after.map(({ pixels }) => patternNumber(pixels))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const sound = async (path: string) =>
      (await probe(path)).streams.find(({ kind }) => kind === 'audio')?.packets.map(({ hash }) => hash);
    expect(await sound(output)).toEqual(await sound(input));
  });

  it('gives the size that is asked for, painted at the size that is asked for', async () => {
    const input = await clip({ width: 63, height: 47, pixelFormat: 'yuv444p' });
    expect(await paint(input)).toMatchObject({ width: 63, height: 47 });
    expect(await framesOf(output)).toHaveLength(12);
    expect(await paint(input, { size: 96, workSize: 24 })).toMatchObject({ width: 128, height: 96 });
    const [first] = await framesOf(output);
    expect(first!.pixels).toMatchObject({ width: 128, height: 96 });
    expect(await paint(input, { size: { width: 32, height: 32 } })).toMatchObject({ width: 32, height: 32 });
  });

  it('paints the part between --from and --to', async () => {
    const pts = Array.from({ length: 50 }, (_, i) => i * 512);
    const input = await clip({ pts });
    const result = await paint(input, { from: 400, to: 1200 });
    expect(result.frames).toBe(20);
    const numbers = (await framesOf(output)).map(({ pixels }) => patternNumber(pixels));
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i + 10));
    await expect(paint(input, { from: 60_000 })).rejects.toThrow('no frame in that part');
    expect(await exists(output)).toBe(false);
    await expect(paint(input, { from: 900, to: 900 })).rejects.toThrow(Usage);
  });

  it('plays a cue list frame by frame', async () => {
    const cues = join(shop.folder, 'cues.json');
    const list = [
      { frame: 0, style: shop.other, strength: 0 },
      { frame: 5, strength: 1 },
      { at: 0.32, style: shop.style },
    ];
    await writeFile(cues, JSON.stringify(list));
    const input = await clip({ paint: () => patternAt({ width: 64, height: 48 }, 3) });
    const result = await paint(input, { cues, style: undefined, engine: 'onnx/cpu' });
    expect(result.styles.map(({ name }) => name).sort()).toEqual([shop.other, shop.style].sort());
    const before = await framesOf(input);
    const after = await framesOf(output);
    const far = after.map(({ pixels }, i) => closeness(pixels, before[i]!.pixels));
    for (const distance of far.slice(0, 5)) expect(distance).toBeLessThan(8);
    for (const distance of far.slice(5)) expect(distance).toBeGreaterThan(16);
    const change = (i: number) => closeness(after[i]!.pixels, after[i + 1]!.pixels);
    for (const i of [0, 1, 2, 3, 5, 6, 8, 9, 10]) expect(change(7)).toBeGreaterThan(3 * change(i));
  });

  it('mixes styles by their weights and finds them in the cache the second time', async () => {
    const input = await clip({ pts: [0, 512] });
    await rm(join(shop.folder, 'cache'), { recursive: true, force: true });
    const style = [`${shop.style}:0.7`, `${shop.other}:0.3`];
    const first = await paint(input, { style, engine: 'onnx/cpu' });
    expect(first.styles.map(({ from }) => from)).toEqual(['made', 'made']);
    const second = await paint(input, { style, engine: 'onnx/cpu' });
    expect(second.styles.map(({ from }) => from)).toEqual(['disk', 'disk']);
  });

  it('paints what is whole of a truncated file and says so', async () => {
    const pts = Array.from({ length: 60 }, (_, i) => i * 512);
    const whole = await clip({ pts, extension: 'mkv' });
    const bytes = await readFile(whole);
    const input = join(shop.folder, 'truncated.mkv');
    await writeFile(input, bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    const result = await paint(input);
    expect(result.damage).toContain('truncated.mkv');
    expect(result.frames).toBeGreaterThan(5);
    expect(result.frames).toBeLessThan(60);
    expect((await framesOf(output)).length).toBe(result.frames);
  });
});

describe.skipIf(!hasFfmpeg)('transcode with ffmpeg on the PATH (skipped where there is none)', () => {
  it('gives the same frames at the same times as with node-av', async () => {
    const input = await clip({ pts: [0, 512, 600, 1999, 2000, 6000], audio: ['aac'] });
    const frames: Awaited<ReturnType<typeof framesOf>>[] = [];
    for (const media of ['node-av', 'ffmpeg'] as const) {
      expect(await paint(input, { media, size: 96, workSize: 48 })).toMatchObject({ frames: 6, media });
      frames.push(await framesOf(output));
    }
    const times = frames.map((list) => list.map(({ timestamp }) => timestamp));
    expect(times[1]).toEqual(times[0]);
    for (const [i, { pixels }] of frames[1]!.entries())
      expect(closeness(pixels, frames[0]![i]!.pixels)).toBeLessThan(4);
  });
});

describe('transcode refuses', () => {
  it('an output that is the input, also by way of links', async () => {
    const input = join(shop.folder, 'input.mp4');
    await copyFile(await clip(), input);
    const bytes = await readFile(input);
    const hard = join(shop.folder, 'hard.mp4');
    const soft = join(shop.folder, 'soft.mp4');
    linkSync(input, hard);
    symlinkSync(input, soft);
    for (const same of [input, hard, soft, join(shop.folder, '.', 'cache', '..', 'input.mp4')])
      await expect(transcodeFile(input, same, wish({ overwrite: true }), never)).rejects.toThrow(Usage);
    expect(await readFile(input)).toEqual(bytes);
  });

  it('an output that exists, unless it may be replaced', async () => {
    const input = await clip({ pts: [0, 512] });
    const wanted = wish();
    await writeFile(output, 'precious');
    await expect(transcodeFile(input, output, wanted, never)).rejects.toThrow(CannotWrite);
    expect(await readFile(output, 'utf8')).toBe('precious');
    expect(await transcodeFile(input, output, { ...wanted, overwrite: true }, never)).toMatchObject({
      frames: 2,
    });
  });

  it('what is no video, has no picture, or is not there, and leaves nothing behind', async () => {
    const text = join(shop.folder, 'text.mp4');
    await writeFile(text, 'This is not a video.');
    await expect(paint(text)).rejects.toThrow(BadInput);
    await expect(paint(await clip({ video: false, audio: ['aac'] }))).rejects.toThrow(BadInput);
    await expect(paint(join(shop.folder, 'none.mp4'))).rejects.toThrow(NotFound);
    await expect(paint(shop.folder)).rejects.toThrow(BadInput);
    expect(await exists(output)).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  it('an output that could not be written, before anything else is done', async () => {
    const input = await clip({ pts: [0, 512] });
    const refused = (path: string, options: Partial<TranscodeOptions> = {}) =>
      expect(transcodeFile(input, join(shop.folder, path), wish(options), never)).rejects;
    await refused('no-folder/out.mp4').toThrow(CannotWrite);
    await refused('style.png/out.mp4').toThrow(CannotWrite);
    await refused('cache').toThrow(CannotWrite);
    await refused('out.txt').toThrow(Unsupported);
    await refused('out.webm', { codec: 'h264' }).toThrow(Unsupported);
    expect(await leftovers()).toEqual([]);
  });

  it('styles, models, engines and cue lists that are not there or no good', async () => {
    const input = await clip({ pts: [0, 512] });
    const text = join(shop.folder, 'text.jpg');
    await writeFile(text, 'This is not a picture.');
    await expect(paint(input, { style: undefined })).rejects.toThrow(Usage);
    await expect(paint(input, { style: [`${shop.style}:0`] })).rejects.toThrow(Usage);
    await expect(paint(input, { style: ['wafe'] })).rejects.toThrow(NotFound);
    await expect(paint(input, { style: [text] })).rejects.toThrow(BadInput);
    await expect(paint(input, { model: 'fats' })).rejects.toThrow(NotFound);
    await expect(paint(input, { engine: 'onnx/cup' })).rejects.toThrow('onnx/cup');
    const cues = join(shop.folder, 'bad-cues.json');
    await writeFile(cues, '[{"at": 1, "style": "wave"}, {"at": 2}]');
    await expect(paint(input, { cues })).rejects.toThrow('entry 2');
    await writeFile(cues, JSON.stringify([{ at: 1, style: shop.style }]));
    await expect(paint(input, { cues, style: undefined })).rejects.toThrow('first frame');
    expect(await leftovers()).toEqual([]);
  });
});

describe('transcode is stopped', () => {
  it('by its signal and leaves nothing', async () => {
    const input = await clip();
    const control = new AbortController();
    const wanted = wish({ engine: 'identity:delay=50ms' });
    const done = transcodeFile(input, output, wanted, control.signal);
    setTimeout(() => control.abort(new Interrupted()), 300);
    await expect(done).rejects.toThrow(Interrupted);
    expect(await exists(output)).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  it('when painting fails, and leaves nothing', async () => {
    await expect(paint(await clip(), { engine: 'identity:fail=0.2' })).rejects.toThrow(
      'identity engine failed',
    );
    expect(await exists(output)).toBe(false);
    expect(await leftovers()).toEqual([]);
  });

  /** Starts a slow run as a process of its own and waits until it writes. */
  async function underway(target: string) {
    const input = await clip({ pts: Array.from({ length: 200 }, (_, i) => i * 512) });
    const args = ['--style', shop.style, '--model', shop.model, '--engine', 'identity:delay=100ms', '--json'];
    const run = start(['transcode', input, target, ...args]);
    let over = false;
    void run.ended.then(() => {
      over = true;
    });
    while (!over && (await leftovers()).length === 0) await sleep(50);
    await sleep(200);
    expect(over).toBe(false);
    return run;
  }

  it('by Ctrl-C or a termination: exit code 130 and nothing left', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const target = join(shop.folder, `stopped-${signal}.mp4`);
      const run = await underway(target);
      run.process.kill(signal);
      const ended = await run.ended;
      expect(ended.code).toBe(130);
      expect(ended.json()).toMatchObject({ error: { name: 'Interrupted' } });
      expect(await exists(target)).toBe(false);
      expect(await leftovers()).toEqual([]);
    }
  });

  it('by a kill: nothing stands under the name, and the next run clears away the rest', async () => {
    const target = join(shop.folder, 'killed.mp4');
    const run = await underway(target);
    run.process.kill('SIGKILL');
    expect((await run.ended).signal).toBe('SIGKILL');
    expect(await exists(target)).toBe(false);
    const args = ['--style', shop.style, '--model', shop.model, '--engine', 'identity'];
    const again = await livebrush('transcode', await clip(), target, ...args);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toMatch(/killed\.mp4: 12 frames/);
    expect(await framesOf(target)).toHaveLength(12);
    expect(await leftovers()).toEqual([]);
  });
});
