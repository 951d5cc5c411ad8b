import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LiveEncoder } from '../../../src/pipeline/codec/live-encode.js';
import { type Frame, frame, framesAlive } from '../../../src/pipeline/frame.js';
import { type LiveCodec, liveNow, type SoundPacket } from '../../../src/pipeline/live.js';
import { packetizer } from '../../../src/pipeline/rtp/index.js';
import { type RtpIn, WebrtcSource } from '../../../src/pipeline/sources/webrtc.js';

// Time passes when a test says so: a machine that pauses changes no time and no wait.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  expect(framesAlive()).toBe(0);
});

/** Frames of one grey level each, encoded and cut into RTP packets, 40 ms apart. */
async function packetsOf(codec: LiveCodec, levels: readonly number[], keys: readonly number[] = [0]) {
  const encoder = await LiveEncoder.open(codec, { bitrate: 1_000_000 });
  const cutter = packetizer(codec);
  let sequence = 65_530;
  const pictures: RtpIn[][] = [];
  for (const [index, level] of levels.entries()) {
    const picture = frame(
      { data: new Uint8Array(64 * 64 * 3).fill(level), width: 64, height: 64 },
      index * 40_000,
    );
    const packet = await encoder.encode(picture, { key: keys.includes(index) });
    picture[Symbol.dispose]();
    pictures.push(
      cutter.packetize(packet!.data).map(({ payload, marker }) => ({
        sequence: sequence++ & 0xffff,
        timestamp: (0xffffff00 + index * 3600) >>> 0,
        marker,
        payload,
      })),
    );
  }
  await encoder[Symbol.asyncDispose]();
  return pictures;
}

const pause = (ms: number) => vi.advanceTimersByTime(ms);
const setUp = (codec: LiveCodec) => {
  const asked: number[] = [];
  const source = new WebrtcSource({ codec, sound: true, askKey: () => asked.push(performance.now()) });
  return { source, asked };
};
const nextOf = async (frames: AsyncIterator<Frame>): Promise<{ level: number; timestamp: number }> => {
  const { value } = await frames.next();
  const shown = value as Frame;
  const level = shown.data[64 * 32 + 32]!;
  const { timestamp } = shown;
  shown[Symbol.dispose]();
  return { level, timestamp };
};

describe.each(['vp8', 'h264'] as const)('a publisher of %s', (codec) => {
  test('comes out as frames with its colours, on the live clock, and ends when it leaves', async () => {
    const { source } = setUp(codec);
    const levels = [40, 120, 200];
    const pictures = await packetsOf(codec, levels);
    const frames = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    const times: number[] = [];
    const began = liveNow();
    for (const [index, packets] of pictures.entries()) {
      for (const packet of packets) source.picture(packet);
      const { level, timestamp } = await nextOf(frames);
      expect(Math.abs(level - levels[index]!)).toBeLessThan(6);
      times.push(timestamp);
      // A little slower than their times: then the clock has no reason to move.
      pause(45);
    }
    expect(times[0]).toBe(began);
    expect(times.map((time) => time - times[0]!)).toEqual([0, 40_000, 80_000]);
    expect(source.info).toMatchObject({ kind: 'whip', codec, width: 64, height: 64 });
    source.end();
    expect(await frames.next()).toEqual({ done: true, value: undefined });
    await source[Symbol.asyncDispose]();
  });

  test('asks for a key picture where it begins without one, once in a while only, and goes on from it', async () => {
    const { source, asked } = setUp(codec);
    const pictures = await packetsOf(codec, [10, 60, 110, 160], [0, 2]);
    const frames = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    for (const packets of pictures.slice(1)) for (const packet of packets) source.picture(packet);
    const { level } = await nextOf(frames);
    expect(level).toBeGreaterThan(100);
    expect(asked).toHaveLength(1);
    source.end();
    for (let result = await frames.next(); !result.done; result = await frames.next())
      result.value[Symbol.dispose]();
    await source[Symbol.asyncDispose]();
  });

  test('counts every picture of a burst: those that are shown, and those that newer ones replaced', async () => {
    const { source } = setUp(codec);
    const pictures = await packetsOf(codec, [10, 60, 110, 160, 200]);
    const frames = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    for (const packet of pictures.flat()) source.picture(packet);
    source.end();
    let shown = 0;
    for (let result = await frames.next(); !result.done; result = await frames.next()) {
      result.value[Symbol.dispose]();
      shown++;
    }
    expect(source.dropped).toBeGreaterThan(0);
    expect(shown + source.dropped).toBe(pictures.length);
    await source[Symbol.asyncDispose]();
  });

  test('survives any bytes', async () => {
    const { source } = setUp(codec);
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return seed % below;
    };
    const frames = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    for (let i = 0; i < 5000; i++) {
      const payload = Uint8Array.from({ length: random(60) }, () => random(256));
      source.picture({ sequence: i & 0xffff, timestamp: i * 900, marker: random(2) === 0, payload });
      source.sound({ sequence: i & 0xffff, timestamp: i * 960, marker: false, payload });
    }
    const [packets] = await packetsOf(codec, [90]);
    // Twice: a jump in the numbers counts once a second packet proves it.
    for (const offset of [20_000, 20_001, 20_002, 20_003])
      for (const [index, packet] of packets!.entries())
        source.picture({ ...packet, sequence: offset * packets!.length + index, timestamp: offset * 3600 });
    let found = false;
    // What comes out of order is waited for at first.
    pause(500);
    for (let result = await frames.next(); !result.done; result = await frames.next()) {
      found ||= Math.abs(result.value.data[0]! - 90) < 6;
      result.value[Symbol.dispose]();
      if (found) source.end();
    }
    expect(found).toBe(true);
    await source[Symbol.asyncDispose]();
  });
});

describe('the sound of a publisher', () => {
  test('passes untouched and in order, with its duration', async () => {
    const { source } = setUp('vp8');
    const heard: SoundPacket[] = [];
    const listening = source.onSound((packet) => heard.push(packet));
    const opus = (n: number) => Uint8Array.of(0xfc, n, n, n);
    for (const n of [0, 2, 1, 3]) {
      source.sound({ sequence: n, timestamp: n * 960, marker: false, payload: opus(n) });
      pause(25);
    }
    listening[Symbol.dispose]();
    source.sound({ sequence: 4, timestamp: 4 * 960, marker: false, payload: opus(4) });
    expect(heard.map(({ data }) => data[1])).toEqual([0, 1, 2, 3]);
    expect(heard.map(({ duration }) => duration)).toEqual([20_000, 20_000, 20_000, 20_000]);
    expect(heard[3]!.timestamp - heard[0]!.timestamp).toBe(60_000);
    expect(source.info.sound).toBe('opus 48 kHz stereo');
    await source[Symbol.asyncDispose]();
  });

  test('is brought in step with the picture by sender reports', async () => {
    const { source } = setUp('vp8');
    const heard: SoundPacket[] = [];
    source.onSound((packet) => heard.push(packet));
    const [packets] = await packetsOf('vp8', [50]);
    for (const packet of packets!) source.picture({ ...packet, timestamp: 0 });
    source.sound({ sequence: 0, timestamp: 0, marker: false, payload: Uint8Array.of(0xfc, 1) });
    // The sound's zero was taken 100 ms after the picture's, though both arrived at once.
    const at = (ms: number) => (1000n << 32n) + BigInt(Math.round((ms / 1000) * 2 ** 32));
    source.report('video', { ntp: at(0), rtp: 0 });
    source.report('audio', { ntp: at(100), rtp: 0 });
    source.sound({ sequence: 1, timestamp: 960, marker: false, payload: Uint8Array.of(0xfc, 2) });
    const step = heard[1]!.timestamp - heard[0]!.timestamp;
    expect(step).toBe(20_000 + 100_000);
    await source[Symbol.asyncDispose]();
  });
});

test('a source that is disposed unread frees its frames, and works twice', async () => {
  const { source } = setUp('h264');
  for (const packets of await packetsOf('h264', [10, 20, 30]))
    for (const packet of packets) source.picture(packet);
  for (let i = 0; i < 100; i++) await turn();
  await source[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  source.picture({ sequence: 0, timestamp: 0, marker: true, payload: new Uint8Array(4) });
});
