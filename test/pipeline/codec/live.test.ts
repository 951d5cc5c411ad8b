import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Pixels, Size } from '../../../src/models/pixels.js';
import { LiveDecoder } from '../../../src/pipeline/codec/live-decode.js';
import { LiveEncoder } from '../../../src/pipeline/codec/live-encode.js';
import { type Frame, frame, framesAlive } from '../../../src/pipeline/frame.js';
import type { LiveCodec, PicturePacket } from '../../../src/pipeline/live.js';
import { depacketizer, packetizer, Reorder, Unwrapper } from '../../../src/pipeline/rtp/index.js';
import { patternAt, patternNumber } from '../../../src/pipeline/sources/pattern.js';

const SIZE = { width: 320, height: 180 };

const patternFrame = (index: number, size: Size = SIZE): Frame =>
  frame(patternAt(size, index), 5_000_003 + index * 33_333);

/** Encodes pattern pictures; the frames are disposed. */
async function encode(encoder: LiveEncoder, index: number, options: { size?: Size; key?: boolean } = {}) {
  using one = patternFrame(index, options.size);
  const packet = await encoder.encode(one, { key: options.key ?? false });
  expect(packet?.timestamp).toBe(one.timestamp);
  return packet!;
}

/** The mean of a bar of the pattern, as red, green, blue, away from its edges and from the disc. */
function barColor({ data, width, height }: Pixels, bar: number): number[] {
  const [x, y] = [Math.round(((bar + 0.5) * width) / 8), Math.round(height / 12)];
  return [0, 1, 2].map((channel) => {
    let sum = 0;
    for (let dy = -2; dy <= 2; dy++)
      for (let dx = -2; dx <= 2; dx++) sum += data[(channel * height + y + dy) * width + x + dx]!;
    return sum / 25;
  });
}

/** Expects a pattern's number and colours. */
function expectPattern(pixels: Pixels, index: number, tolerance = 8): void {
  expect(patternNumber(pixels)).toBe(index);
  const drawn = patternAt(pixels, index);
  for (let bar = 0; bar < 8; bar++)
    barColor(drawn, bar).forEach((value, channel) => {
      expect(Math.abs(barColor(pixels, bar)[channel]! - value), `bar ${bar}`).toBeLessThan(tolerance);
    });
}

afterEach(() => expect(framesAlive()).toBe(0));

describe.each(['h264', 'vp8'] as const)('live %s', (codec: LiveCodec) => {
  it('brings pictures, their colours and their times from one end to the other', async () => {
    await using encoder = await LiveEncoder.open(codec, { bitrate: 1_500_000 });
    await using decoder = await LiveDecoder.open(codec);
    for (let i = 0; i < 12; i++) {
      const packet = await encode(encoder, i);
      expect(packet.key).toBe(i === 0);
      using shown = await decoder.decode(packet);
      expectPattern(shown!, i);
      expect(shown!.timestamp).toBe(packet.timestamp);
    }
  });

  it('gets through a network that mixes packets up and loses some, over both wraps', async () => {
    await using encoder = await LiveEncoder.open(codec, { bitrate: 1_500_000 });
    await using decoder = await LiveDecoder.open(codec);
    const [writer, reader] = [packetizer(codec), depacketizer(codec)];
    const ticks = new Unwrapper(32);
    const pictures: Promise<Frame | undefined>[] = [];
    let [sequence, rtp, sent] = [65_530, 2 ** 32 - 20_000, 0];
    using order = new Reorder<{ sequence: number; payload: Uint8Array; timestamp: number; marker: boolean }>({
      onLoss: () => reader.lost(),
      onPacket: (packet) => {
        for (const { data, timestamp, key } of reader.push(packet))
          pictures.push(decoder.decode({ data, timestamp: ticks.next(timestamp), key }));
      },
      waitMs: 0,
      timing: { now: () => 0, after: () => () => undefined },
      limit: 12,
    });
    for (let i = 0; i < 40; i++) {
      // 20 is damaged on its way, its publisher hears of it three pictures later.
      const { data } = await encode(encoder, i, { key: i === 24 });
      const packets = writer.packetize(data).map(({ payload, marker }) => {
        const packet = { sequence, payload, timestamp: rtp, marker };
        sequence = (sequence + 1) & 0xffff;
        return packet;
      });
      rtp = (rtp + 3000) % 2 ** 32;
      if (i === 20) packets.splice(0, 1);
      // Neighbours change places, and some packets come twice.
      for (let at = 1; i > 0 && at < packets.length; at += 2)
        [packets[at - 1], packets[at]] = [packets[at]!, packets[at - 1]!];
      for (const packet of packets) {
        order.push(packet);
        if (sent++ % 5 === 0) order.push(packet);
      }
    }
    const shown: number[] = [];
    for (const picture of await Promise.all(pictures)) {
      if (!picture) continue;
      using one = picture;
      expectPattern(one, (one.timestamp - (2 ** 32 - 20_000)) / 3000);
      shown.push(patternNumber(one));
    }
    expect(order.lost).toBe(1);
    expect(order.late).toBeGreaterThan(5);
    expect(shown).toEqual(Array.from({ length: 40 }, (_, i) => i).filter((i) => i < 20 || i >= 24));
  });

  it('gives a key picture when asked, and only then', async () => {
    await using encoder = await LiveEncoder.open(codec);
    const keys: boolean[] = [];
    for (let i = 0; i < 12; i++) keys.push((await encode(encoder, i, { key: i === 5 || i === 6 })).key);
    expect(keys.flatMap((key, i) => (key ? [i] : []))).toEqual([0, 5, 6]);
    // A viewer that joins there sees it.
    await using late = await LiveDecoder.open(codec);
    using shown = await late.decode(await encode(encoder, 12, { key: true }));
    expectPattern(shown!, 12);
  });

  it('follows frames that change their size, odd ones too', async () => {
    await using encoder = await LiveEncoder.open(codec);
    await using decoder = await LiveDecoder.open(codec);
    const sizes = [
      SIZE,
      { width: 640, height: 360 },
      { width: 161, height: 91 },
      { width: 3, height: 1 },
      SIZE,
    ];
    for (const [i, size] of sizes.entries()) {
      for (const again of [0, 1]) {
        const packet = await encode(encoder, 2 * i + again, { size });
        expect(packet.key).toBe(again === 0);
        using shown = await decoder.decode(packet);
        expect(shown).toMatchObject({
          width: size.width + (size.width % 2),
          height: size.height + (size.height % 2),
        });
        if (size.width > 100) expectPattern(shown!, 2 * i + again, 16);
      }
    }
  });

  it('keeps its rate, and another one when told, at any pace of frames', async () => {
    const size = { width: 320, height: 180 };
    await using encoder = await LiveEncoder.open(codec, { bitrate: 600_000 });
    // Noise costs whatever it may.
    const noise = { data: new Uint8Array(3 * 320 * 180), ...size };
    let seed = 1;
    let time = 0;
    const rate = async (frames: number, step: number) => {
      let bits = 0;
      for (let i = 0; i < frames; i++) {
        for (let k = 0; k < noise.data.length; k++) {
          if (k % 4 === 0) seed = (Math.imul(seed, 1_103_515_245) + 12_345) | 0;
          noise.data[k] = 96 + ((seed >>> 16) & 63);
        }
        time += step;
        using one = frame(noise, time);
        const packet = await encoder.encode(one);
        if (i >= frames / 3) bits += 8 * (packet?.data.length ?? 0);
      }
      return (bits * 1e6) / (step * Math.floor((frames * 2) / 3));
    };
    const within = (measured: number, wanted: number) => {
      expect(measured).toBeGreaterThan(wanted * 0.5);
      expect(measured).toBeLessThan(wanted * 1.5);
    };
    within(await rate(60, 33_333), 600_000);
    encoder.bitrate = 1_500_000;
    expect(encoder.bitrate).toBe(1_500_000);
    within(await rate(60, 33_333), 1_500_000);
    encoder.bitrate = 600_000;
    within(await rate(60, 66_667), 600_000);
    encoder.bitrate = Number.NaN;
    expect(encoder.bitrate).toBeGreaterThan(0);
  });

  it('takes frames whose times stand still or go back', async () => {
    await using encoder = await LiveEncoder.open(codec);
    for (const time of [1000, 1000, 500, 1001]) {
      using one = frame(patternAt(SIZE, 1), time);
      expect(await encoder.encode(one)).toMatchObject({ timestamp: time });
    }
  });

  it('starts with a key picture only, and asks for one after damage', async () => {
    await using encoder = await LiveEncoder.open(codec);
    await using decoder = await LiveDecoder.open(codec);
    const packets: PicturePacket[] = [];
    for (let i = 0; i < 8; i++) packets.push(await encode(encoder, i, { key: i === 6 }));
    const show = async (packet: PicturePacket) => {
      using shown = await decoder.decode(packet);
      return shown && patternNumber(shown);
    };
    expect(decoder.needsKey).toBe(true);
    expect(await show(packets[1]!)).toBeUndefined();
    expect(await show(packets[0]!)).toBe(0);
    expect(decoder.needsKey).toBe(false);
    expect(await show({ ...packets[1]!, data: new Uint8Array(0) })).toBeUndefined();
    expect(decoder.needsKey).toBe(true);
    expect(await show(packets[2]!)).toBeUndefined();
    expect(await show(packets[6]!)).toBe(6);
    expect(decoder).toMatchObject({ needsKey: false, dropped: 3 });
    decoder.lost();
    expect(await show(packets[7]!)).toBeUndefined();
  });

  it('shows the newest only, when asked to, and decodes all', async () => {
    await using encoder = await LiveEncoder.open(codec);
    await using decoder = await LiveDecoder.open(codec);
    const packets: PicturePacket[] = [];
    for (let i = 0; i < 10; i++) packets.push(await encode(encoder, i));
    const newest = () => decoder.waiting === 0;
    const shown = await Promise.all(packets.map((packet) => decoder.decode(packet, newest)));
    expect(shown.slice(0, -1)).toEqual(new Array(9).fill(undefined));
    using last = shown.at(-1)!;
    expectPattern(last, 9);
    expect(decoder.needsKey).toBe(false);
  });

  it('does not let a flood pile up', async () => {
    await using encoder = await LiveEncoder.open(codec);
    await using decoder = await LiveDecoder.open(codec);
    const key = await encode(encoder, 0);
    const flood = Array.from({ length: 400 }, () => decoder.decode(key, () => false));
    expect(decoder.waiting).toBeLessThanOrEqual(120);
    await Promise.all(flood);
    expect(decoder.dropped).toBeGreaterThan(200);
    using shown = await decoder.decode(key);
    expectPattern(shown!, 0);
  });

  it('survives thousands of damaged pictures', async () => {
    await using encoder = await LiveEncoder.open(codec);
    await using decoder = await LiveDecoder.open(codec);
    const good = [await encode(encoder, 0), await encode(encoder, 1)];
    let seed = 42;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let i = 0; i < 2000; i++) {
      const { data } = good[i % 2]!;
      let bad = Uint8Array.from(data);
      if (i % 5 === 0) bad = Uint8Array.from({ length: 1 + random(400) }, () => random(256));
      else if (i % 5 === 1) bad = bad.slice(0, 1 + random(bad.length));
      else
        for (let k = 0; k < 1 + random(30); k++)
          bad[random(i % 2 ? 64 : bad.length) % bad.length] = random(256);
      const shown = await decoder.decode({ data: bad, timestamp: i, key: i % 3 !== 0 });
      if (shown) expect(shown.data).toHaveLength(3 * shown.width * shown.height);
      shown?.[Symbol.dispose]();
    }
    using shown = await decoder.decode(good[0]!);
    expectPattern(shown!, 0);
  });

  it('can be closed at any moment, twice, with calls under way', async () => {
    for (const turns of [0, 1, 2, 5]) {
      const encoder = await LiveEncoder.open(codec);
      const decoder = await LiveDecoder.open(codec);
      const key = await encode(encoder, 0);
      using picture = patternFrame(1);
      const encoding = [1, 2, 3].map(() => encoder.encode(picture));
      const decoding = [1, 2, 3].map(() => decoder.decode(key));
      for (let i = 0; i < turns; i++) await turn();
      await Promise.all(
        [encoder, decoder].flatMap((one) => [one, one]).map((one) => one[Symbol.asyncDispose]()),
      );
      await Promise.all(encoding);
      for (const shown of await Promise.all(decoding)) shown?.[Symbol.dispose]();
      expect(await encoder.encode(picture)).toBeUndefined();
      expect(await decoder.decode(key)).toBeUndefined();
    }
  });
});

describe('colours of live pictures', () => {
  it('of VP8 are what its packets say, until the next key picture says something else', async () => {
    await using encoder = await LiveEncoder.open('vp8');
    await using decoder = await LiveDecoder.open('vp8');
    const green = async (
      options: { key: boolean; colors?: { matrix: number; full: boolean } },
      index: number,
    ) => {
      const packet = await encode(encoder, index, { key: options.key });
      using shown = await decoder.decode({ ...packet, colors: options.colors });
      return barColor(shown!, 3).map(Math.round);
    };
    const plain = await green({ key: true }, 0);
    expect(Math.abs(plain[1]! - 191)).toBeLessThan(6);
    const other = await green({ key: true, colors: { matrix: 1, full: true } }, 1);
    expect(Math.abs(other[1]! - plain[1]!)).toBeGreaterThan(15);
    const next = await green({ key: false }, 2);
    expect(Math.abs(next[1]! - other[1]!)).toBeLessThan(3);
    const back = await green({ key: true }, 3);
    expect(Math.abs(back[1]! - plain[1]!)).toBeLessThan(3);
  });

  it('of H.264 are what the stream itself says, whatever its packets say', async () => {
    await using encoder = await LiveEncoder.open('h264');
    await using decoder = await LiveDecoder.open('h264');
    const packet = await encode(encoder, 0);
    using shown = await decoder.decode({ ...packet, colors: { matrix: 6, full: true } });
    expectPattern(shown!, 0);
  });
});
