import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BadInput, CannotWrite, LivebrushError, NotFound, Unsupported } from '../../../src/errors.js';
import { frame, framesAlive } from '../../../src/pipeline/frame.js';
import { type LiveTarget, openLiveOutput } from '../../../src/pipeline/sinks/live.js';
import { openLiveSource } from '../../../src/pipeline/sources/live.js';
import { openMediaSource } from '../../../src/pipeline/sources/media.js';
import { patternAt, patternNumber } from '../../../src/pipeline/sources/pattern.js';
import { probe, scratch } from '../../fixtures/clips.js';
import { hasFfmpeg } from '../../fixtures/ffmpeg.js';
import {
  Ffmpeg,
  FLASH_AT,
  flashClip,
  freePort,
  grey,
  lipSync,
  openSoon,
  SMALL,
  silentServer,
  tone,
  watch,
} from '../../fixtures/live.js';

let folder = '';
let folders = 0;
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = join(scratch(), `live-${process.pid}-${folders++}`);
  await mkdir(folder);
});
afterEach(() => {
  expect(framesAlive()).toBe(0);
});

const record = (path: string): LiveTarget => ({ kind: 'record', path });
const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LivebrushError);
  expect((error as Error).message).toMatch(/^[^\n]+[.]$/);
  return error as LivebrushError;
};

/** Seconds of each packet of a stream of a file. */
async function seconds(path: string, kind: 'video' | 'audio') {
  const stream = (await probe(path)).streams.find((it) => it.kind === kind)!;
  const { num, den } = stream.timeBase;
  return stream.packets.map(({ pts }) => (pts * num) / den);
}

/** Live times of frames that come unevenly. */
const uneven = [5_000_000, 5_040_000, 5_043_000, 5_120_000, 5_400_000, 5_440_000, 5_500_000];

describe('recording', () => {
  for (const [extension, video, audio] of [
    ['mp4', 'h264', 'aac'],
    ['mkv', 'h264', 'opus'],
    ['webm', 'vp9', 'opus'],
  ] as const) {
    it(`.${extension} holds ${video} and ${audio}, every frame at its time from the first one on`, async () => {
      const path = at(`out.${extension}`);
      {
        await using output = await openLiveOutput(record(path), SMALL);
        for (const packet of await tone(4_900_000, 5_500_000)) output.sound(packet);
        for (const [i, time] of uneven.entries()) await output.write(frame(patternAt(SMALL, i), time));
        await output.finish();
        expect(output.bytes).toBeGreaterThan(1000);
        expect(output.soundDropped).toBe(0);
      }
      const { streams } = await probe(path);
      expect(streams.map(({ codec }) => codec)).toEqual([video, audio]);
      await using source = await openMediaSource(path);
      const times: number[] = [];
      const numbers: number[] = [];
      for await (const shown of source.frames(new AbortController().signal)) {
        using held = shown;
        times.push(held.timestamp);
        numbers.push(patternNumber(held));
      }
      expect(times).toEqual(uneven.map((time) => time - uneven[0]!));
      expect(numbers).toEqual(uneven.map((_, i) => i));
      const sound = await seconds(path, 'audio');
      expect(Math.abs(sound[0]!)).toBeLessThan(0.021);
      expect(sound.at(-1)!).toBeGreaterThan(0.4);
    });
  }

  for (const extension of ['mp4', 'mkv'])
    it(`keeps lips in sync in .${extension}`, async () => {
      await using source = await openLiveSource(await flashClip(at(`clip.${extension}`), 1.6));
      expect(Math.abs(await lipSync(await watch(source)))).toBeLessThan(45_000);
    });

  it('fills sound that is missing with silence, wherever it is missing', async () => {
    const path = at('gaps.mp4');
    await using output = await openLiveOutput(record(path), SMALL);
    const packets = [...(await tone(600_000, 1_000_000)), ...(await tone(1_800_000, 2_000_000))];
    for (let time = 0; time < 3_000_000; time += 40_000) {
      while (packets[0] && packets[0].timestamp <= time) output.sound(packets.shift()!);
      await output.write(frame(grey(SMALL, 90), time));
    }
    await output.finish();
    const sound = await seconds(path, 'audio');
    expect(sound[0]).toBe(0);
    expect(sound.at(-1)!).toBeGreaterThan(2.85);
    expect(Math.max(...sound.slice(1).map((time, i) => time - sound[i]!))).toBeLessThan(0.022);
  });

  it('has a track of silence when no sound comes at all', async () => {
    const path = at('mute.mp4');
    await using output = await openLiveOutput(record(path), SMALL);
    for (let i = 0; i < 50; i++) await output.write(frame(grey(SMALL, 90), i * 40_000));
    await output.finish();
    expect((await seconds(path, 'audio')).length).toBeGreaterThan(85);
  });

  it('drops the oldest sound when nobody writes, and says how much', async () => {
    await using output = await openLiveOutput(record(at('stuck.mkv')), SMALL);
    const [packet] = await tone(0, 20_000);
    for (let i = 0; i < 700; i++) output.sound({ ...packet!, timestamp: i * 20_000 });
    expect(output.soundDropped).toBe(200);
  });

  it('fits frames of other sizes into its own', async () => {
    const path = at('sizes.mkv');
    await using output = await openLiveOutput(record(path), SMALL);
    const sizes = [SMALL, { width: 96, height: 30 }, { width: 31, height: 90 }, SMALL];
    for (const [i, size] of sizes.entries()) await output.write(frame(grey(size, 200), i * 100_000));
    await output.finish();
    await using source = await openMediaSource(path);
    const corners: number[] = [];
    const centres: number[] = [];
    for await (const shown of source.frames(new AbortController().signal)) {
      using held = shown;
      expect([held.width, held.height]).toEqual([64, 48]);
      corners.push(held.data[0]!);
      centres.push(held.data[24 * 64 + 32]!);
    }
    expect(centres.every((value) => Math.abs(value - 200) < 12)).toBe(true);
    expect(corners.map((value) => value > 100)).toEqual([true, false, false, true]);
  });

  it('begins a key picture every two seconds, and with the first frame', async () => {
    const path = at('keys.mkv');
    await using output = await openLiveOutput(record(path), { ...SMALL, keySeconds: 0.4 });
    for (let i = 0; i < 25; i++) await output.write(frame(patternAt(SMALL, i), i * 50_000));
    await output.finish();
    await using source = await openMediaSource(path, { fromMs: 1200 });
    for await (const shown of source.frames(new AbortController().signal)) {
      using held = shown;
      expect(patternNumber(held)).toBe(24);
    }
  });

  it('leaves nothing behind when it is disposed without an end', async () => {
    const output = await openLiveOutput(record(at('half.mp4')), SMALL);
    await output.write(frame(grey(SMALL, 90), 0));
    await output[Symbol.asyncDispose]();
    await output[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
    expect(await failure(output.write(frame(grey(SMALL, 90), 40_000)))).toBeInstanceOf(CannotWrite);
    output.sound((await tone(0, 20_000))[0]!);
  });

  it('stays as far as it came when it is told to, and plays', async () => {
    for (const name of ['kept.mp4', 'kept.mkv']) {
      const output = await openLiveOutput(record(at(name)), { ...SMALL, keySeconds: 0.4 });
      for (let i = 0; i < 60; i++) await output.write(frame(patternAt(SMALL, i), i * 40_000));
      output.keep();
      await output[Symbol.asyncDispose]();
      expect((await probe(at(name))).streams[0]!.packets.length).toBeGreaterThan(30);
    }
    const empty = await openLiveOutput(record(at('empty.mkv')), SMALL);
    empty.keep();
    await empty[Symbol.asyncDispose]();
    expect((await readdir(folder)).sort()).toEqual(['kept.mkv', 'kept.mp4']);
  });

  it('refuses what it cannot write, in a sentence', async () => {
    await writeFile(at('there.mp4'), 'x');
    expect(await failure(openLiveOutput(record(at('there.mp4')), SMALL))).toBeInstanceOf(CannotWrite);
    expect(await failure(openLiveOutput(record(at('no/where.mp4')), SMALL))).toBeInstanceOf(CannotWrite);
    expect(await failure(openLiveOutput(record(at('a.gif')), SMALL))).toBeInstanceOf(Unsupported);
    await using output = await openLiveOutput(record(at('empty.mp4')), SMALL);
    expect(await failure(output.finish())).toBeInstanceOf(BadInput);
  });

  it('plays as far as it has been written, should the process be killed', async () => {
    // The written file is what counts: one that is still open is what a killed process leaves.
    await using output = await openLiveOutput(record(at('killed.mp4')), { ...SMALL, keySeconds: 0.4 });
    for (let i = 0; i < 60; i++) await output.write(frame(patternAt(SMALL, i), i * 40_000));
    const [part] = (await readdir(folder)).filter((name) => name.startsWith('.killed'));
    await writeFile(at('copy.mp4'), await readFile(at(part!)));
    const { streams } = await probe(at('copy.mp4'));
    expect(streams[0]!.packets.length).toBeGreaterThan(30);
    expect(streams[1]!.packets.length).toBeGreaterThan(30);
  });
});

describe('HLS', () => {
  it('keeps a short list of segments that begin with key pictures, and removes its folder', async () => {
    const hls = at('hls');
    const output = await openLiveOutput({ kind: 'hls', folder: hls }, SMALL);
    for (let i = 0; i < 16 * 25; i++) await output.write(frame(grey(SMALL, i % 200), i * 40_000));
    const list = await readFile(join(hls, 'index.m3u8'), 'utf8');
    const named = list.split('\n').filter((line) => line.endsWith('.ts'));
    expect(named.length).toBe(6);
    expect(list).toContain('#EXT-X-TARGETDURATION:1');
    const files = (await readdir(hls)).filter((name) => name.endsWith('.ts'));
    expect(files.length).toBeLessThanOrEqual(12);
    const { streams } = await probe(join(hls, named[2]!));
    expect(streams.map(({ codec }) => codec).sort()).toEqual(['aac', 'h264']);
    expect(streams.find(({ kind }) => kind === 'video')!.packets.length).toBe(25);
    await output.finish();
    expect(await readFile(join(hls, 'index.m3u8'), 'utf8')).toContain('#EXT-X-ENDLIST');
    await output[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  });

  it('wants a folder of its own', async () => {
    await writeFile(at('mine.txt'), 'x');
    expect(await failure(openLiveOutput({ kind: 'hls', folder }, SMALL))).toBeInstanceOf(CannotWrite);
    expect(await readdir(folder)).toEqual(['mine.txt']);
  });
});

describe.skipIf(!hasFfmpeg)('pushes to ffmpeg (skipped without ffmpeg)', () => {
  for (const scheme of ['rtmp', 'srt'] as const)
    it(`sends ${scheme}, picture and sound in sync`, async () => {
      const port = await freePort(scheme === 'srt' ? 'udp' : 'tcp');
      const address = `${scheme}://127.0.0.1:${port}${scheme === 'rtmp' ? '/live/key' : ''}`;
      const from =
        scheme === 'rtmp'
          ? ['-listen', '1', '-i', address]
          : ['-i', `${address}?mode=listener&latency=1000000`];
      const received = at('received.mkv');
      await using ffmpeg = await Ffmpeg.start(...from, '-c', 'copy', received);
      const packets = await tone(0, 2_400_000, (time) => time >= FLASH_AT);
      const output = await openSoon({ kind: 'push', url: address });
      for (let i = 0; i < 60; i++) {
        const time = i * 40_000;
        while (packets[0] && packets[0].timestamp <= time) output.sound(packets.shift()!);
        await output.write(frame(grey(SMALL, time >= FLASH_AT ? 235 : 60), time));
        // SRT drops what comes faster than it can be sent on, what is late by more than its latency (in microseconds),
        // and what it holds for so long at the end.
        if (scheme === 'srt') await sleep(20);
      }
      if (scheme === 'srt') await sleep(1500);
      await output.finish();
      await output[Symbol.asyncDispose]();
      await ffmpeg.ended;
      const pictures = await seconds(received, 'video');
      const sound = await seconds(received, 'audio');
      expect(pictures.length).toBeGreaterThan(50);
      expect(Math.abs(pictures[0]! - sound[0]!)).toBeLessThan(0.08);
      await using source = await openLiveSource(received);
      expect(Math.abs(await lipSync(await watch(source)))).toBeLessThan(80_000);
    });

  it('says in a sentence that the server went away', async () => {
    const port = await freePort();
    const url = `rtmp://127.0.0.1:${port}/live/secret`;
    const ffmpeg = await Ffmpeg.start('-listen', '1', '-i', url, '-c', 'copy', '-f', 'null', '-');
    await using output = await openSoon({ kind: 'push', url });
    for (let i = 0; i < 10; i++) await output.write(frame(patternAt(SMALL, i), i * 40_000));
    await ffmpeg[Symbol.asyncDispose]();
    let problem: unknown;
    for (let i = 10; i < 4000 && !problem; i++)
      await output.write(frame(patternAt(SMALL, i), i * 40_000)).catch((error: unknown) => {
        problem = error;
      });
    expect(problem).toBeInstanceOf(CannotWrite);
    expect((problem as Error).message).not.toContain('secret');
  });
});

describe.skipIf(!hasFfmpeg)('stuck servers (skipped without ffmpeg)', () => {
  it('gives up on one that no longer reads', async () => {
    const url = `rtmp://127.0.0.1:${await freePort()}/live/secret`;
    await using ffmpeg = await Ffmpeg.start('-listen', '1', '-i', url, '-c', 'copy', '-f', 'null', '-');
    const size = { width: 640, height: 360 };
    const options = { ...size, bitrate: 50_000_000, stallTimeoutMs: 600 };
    await using output = await openSoon({ kind: 'push', url }, options);
    ffmpeg.freeze();
    const noise = grey(size, 0);
    let problem: unknown;
    for (let i = 0; i < 600 && !problem; i++) {
      for (let k = 0; k < noise.data.length; k++) noise.data[k] = (k * (7919 + 2 * i)) >> 5;
      await output.write(frame(noise, i * 40_000)).catch((error: unknown) => {
        problem = error;
      });
    }
    expect(problem).toBeInstanceOf(CannotWrite);
  });
});

describe('pushes to servers that do not answer', () => {
  it('gives up on one that nobody listens at', async () => {
    const url = `rtmp://127.0.0.1:${await freePort()}/live/key`;
    expect(await failure(openLiveOutput({ kind: 'push', url }, SMALL))).toBeInstanceOf(NotFound);
  });

  for (const scheme of ['rtmp', 'srt'])
    it(`gives up on a ${scheme} server that never says a word`, async () => {
      await using server = await silentServer();
      const url = `${scheme}://127.0.0.1:${server.port}/live/key`;
      const options = { ...SMALL, openTimeoutMs: 1000, stallTimeoutMs: 500 };
      const error = await failure(openLiveOutput({ kind: 'push', url }, options));
      expect(error).toBeInstanceOf(NotFound);
      // By what it was given, of which one comes first.
      expect(error.message).toMatch(/did not answer within 1 seconds|does not take the stream/);
    });

  it('stops at once when the signal aborts', async () => {
    await using server = await silentServer();
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    const target: LiveTarget = { kind: 'push', url: `rtmp://127.0.0.1:${server.port}/live/key` };
    const options = { ...SMALL, stallTimeoutMs: 500, signal: abort.signal };
    expect((await failure(openLiveOutput(target, options))).name).toBe('Interrupted');
  });

  it('knows rtmp, rtmps and srt, and hides keys', async () => {
    for (const url of ['http://example.org/x', 'file:///etc/passwd', 'rtmp://a b/c', 'tee:x'])
      expect(await failure(openLiveOutput({ kind: 'push', url }, SMALL))).toBeInstanceOf(Unsupported);
  });
});
