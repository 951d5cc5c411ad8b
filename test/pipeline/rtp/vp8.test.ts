import { describe, expect, it } from 'vitest';
import { MAX_PAYLOAD } from '../../../src/pipeline/rtp/types.js';
import { readDescriptor, Vp8Depacketizer, Vp8Packetizer } from '../../../src/pipeline/rtp/vp8.js';

const bytes = (...values: number[]) => Uint8Array.from(values);

/** A VP8 frame of so many bytes; a key frame has its start code, and all else counts up. */
function picture(length: number, key: boolean): Uint8Array {
  const data = Uint8Array.from({ length }, (_, i) => i & 0xff);
  data.set(key ? [0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0] : [0x11]);
  return data;
}

/** Puts payloads of one picture in. */
function feed(depacketizer: Vp8Depacketizer, data: Uint8Array, timestamp: number, without?: number) {
  return new Vp8Packetizer().packetize(data).flatMap(({ payload, marker }, i) => {
    if (i !== without) return depacketizer.push({ payload, timestamp, marker });
    depacketizer.lost();
    return [];
  });
}

describe('VP8 payload descriptors', () => {
  it('are as long as their bits say', () => {
    const of = (...front: number[]) => readDescriptor(bytes(...front, 1, 2, 3, 4, 5))?.length;
    expect(of(0x10)).toBe(1);
    // X with nothing, I short, I long.
    expect(of(0x90, 0x00)).toBe(2);
    expect(of(0x90, 0x80, 0x11)).toBe(3);
    expect(of(0x90, 0x80, 0x81, 0x23)).toBe(4);
    // L alone, T alone, K alone, T and K share a byte, all of them.
    expect(of(0x90, 0x40, 0x07)).toBe(3);
    expect(of(0x90, 0x20, 0x40)).toBe(3);
    expect(of(0x90, 0x10, 0x01)).toBe(3);
    expect(of(0x90, 0x30, 0x41)).toBe(3);
    expect(of(0x90, 0xf0, 0x81, 0x23, 0x07, 0x41)).toBe(6);
  });

  it('tell where a picture begins', () => {
    const start = (first: number) => readDescriptor(bytes(first, 9))?.start;
    expect(start(0x10)).toBe(true);
    // N (nobody refers to it) and the reserved bits do not matter.
    expect(start(0x30)).toBe(true);
    expect(start(0x00)).toBe(false);
    expect(start(0x11)).toBe(false);
  });

  it('without data behind them are none', () => {
    for (const payload of [
      bytes(),
      bytes(0x10),
      bytes(0x90),
      bytes(0x90, 0x80),
      bytes(0x90, 0x80, 0x81, 0x23),
    ])
      expect(readDescriptor(payload)).toBeUndefined();
  });
});

describe('VP8 packets', () => {
  it('are of nearly one size, within the limit, and carry a picture id that counts', () => {
    const packetizer = new Vp8Packetizer();
    const ids = [5000, 1, 1184, 1185].map((length) => {
      const payloads = packetizer.packetize(picture(Math.max(length, 10), true).subarray(0, length));
      const sizes = payloads.map(({ payload }) => payload.length);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_PAYLOAD);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect(payloads.map(({ marker }) => marker).lastIndexOf(false)).toBe(payloads.length - 2);
      expect(payloads.map(({ payload }) => readDescriptor(payload)!.start).lastIndexOf(true)).toBe(0);
      return ((payloads[0]!.payload[2]! & 0x7f) << 8) | payloads[0]!.payload[3]!;
    });
    for (const [i, id] of ids.entries()) expect(id).toBe((ids[0]! + i) & 0x7fff);
    expect(packetizer.packetize(bytes())).toEqual([]);
  });

  it('give the picture back', () => {
    const depacketizer = new Vp8Depacketizer();
    for (const [i, length] of [4000, 10, 1184, 1185, 70_000].entries()) {
      const data = picture(length, i === 0);
      expect(feed(depacketizer, data, i * 3000)).toEqual([{ data, timestamp: i * 3000, key: i === 0 }]);
    }
    expect(depacketizer).toMatchObject({ dropped: 0, needsKey: false });
  });

  it('that miss one give nothing until a key picture', () => {
    const depacketizer = new Vp8Depacketizer();
    expect(depacketizer.needsKey).toBe(true);
    feed(depacketizer, picture(4000, true), 0);
    for (const [i, without] of [0, 1, 3].entries()) {
      expect(feed(depacketizer, picture(4000, false), 10 + i, without)).toEqual([]);
      expect(depacketizer.needsKey).toBe(true);
      expect(feed(depacketizer, picture(4000, false), 20 + i)).toEqual([]);
      expect(feed(depacketizer, picture(4000, true), 30 + i)).toHaveLength(1);
      expect(depacketizer.needsKey).toBe(false);
    }
    expect(depacketizer.dropped).toBe(6);
  });

  it('end a picture where the timestamp changes', () => {
    const depacketizer = new Vp8Depacketizer();
    const [first, second] = [picture(100, true), picture(50, false)];
    const [payload, next] = [first, second].map((data) => new Vp8Packetizer().packetize(data)[0]!.payload);
    expect(depacketizer.push({ payload: payload!, timestamp: 1, marker: false })).toEqual([]);
    expect(depacketizer.push({ payload: next!, timestamp: 2, marker: true })).toEqual([
      { data: first, timestamp: 1, key: true },
      { data: second, timestamp: 2, key: false },
    ]);
  });

  it('of padding only mean nothing', () => {
    const depacketizer = new Vp8Depacketizer();
    feed(depacketizer, picture(100, true), 1);
    expect(depacketizer.push({ payload: bytes(), timestamp: 1, marker: false })).toEqual([]);
    expect(feed(depacketizer, picture(100, false), 2)).toHaveLength(1);
  });
});
