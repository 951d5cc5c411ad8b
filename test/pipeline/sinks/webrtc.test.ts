import { afterEach, describe, expect, test, vi } from 'vitest';
import { frame, framesAlive } from '../../../src/pipeline/frame.js';
import type { SoundPacket } from '../../../src/pipeline/live.js';
import {
  type PackedPicture,
  type PictureEncoder,
  type Viewer,
  WebrtcSink,
} from '../../../src/pipeline/sinks/webrtc.js';
import { nextBitrate } from '../../../src/pipeline/sinks/webrtc-bitrate.js';

const range = { min: 100_000, start: 500_000, max: 2_000_000 };

/** An encoder whose packets are VP8 frames of `bytes` in name only. */
class FakeEncoder implements PictureEncoder {
  bitrate = 0;
  keys: boolean[] = [];
  disposed = false;
  constructor(readonly bytes = 2000) {}
  async encode(given: { timestamp: number }, { key = false }) {
    this.keys.push(key);
    return { data: new Uint8Array(this.bytes), timestamp: given.timestamp, key };
  }
  async [Symbol.asyncDispose]() {
    this.disposed = true;
  }
}

class FakeViewer implements Viewer {
  backlog = 0;
  estimate = 0;
  pictures: PackedPicture[] = [];
  sounds: SoundPacket[] = [];
  asks = new Set<() => void>();
  picture(picture: PackedPicture) {
    this.pictures.push(picture);
  }
  sound(packet: SoundPacket) {
    this.sounds.push(packet);
  }
  onKeyRequest(ask: () => void): Disposable {
    this.asks.add(ask);
    return { [Symbol.dispose]: () => this.asks.delete(ask) };
  }
}

function setUp(bytes?: number) {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
  const encoder = new FakeEncoder(bytes);
  const sink = new WebrtcSink({ codec: 'vp8', bitrate: range, open: async () => encoder });
  let timestamp = 0;
  /** Writes frames 40 ms apart. */
  const write = async (count: number) => {
    for (let i = 0; i < count; i++) {
      vi.advanceTimersByTime(40);
      timestamp += 40_000;
      await sink.write(frame({ data: new Uint8Array(12), width: 2, height: 2 }, timestamp));
    }
  };
  return { encoder, sink, write };
}

afterEach(() => {
  vi.useRealTimers();
  expect(framesAlive()).toBe(0);
});

describe('the shared encoder of viewers', () => {
  test('encodes nothing while nobody watches', async () => {
    const { encoder, sink, write } = setUp();
    await write(3);
    expect(encoder.keys).toEqual([]);
    expect(sink.stats.frames).toBe(0);
  });

  test('encodes and packetizes a frame once for all, and begins with a key picture', async () => {
    const { encoder, sink, write } = setUp();
    const viewers = [new FakeViewer(), new FakeViewer(), new FakeViewer()];
    for (const viewer of viewers) sink.join(viewer);
    await write(3);
    expect(encoder.keys).toEqual([true, false, false]);
    const [first, ...others] = viewers;
    expect(first!.pictures.map(({ key }) => key)).toEqual([true, false, false]);
    expect(first!.pictures[0]!.payloads.length).toBeGreaterThan(1);
    for (const other of others)
      for (const [index, picture] of other.pictures.entries())
        expect(picture.payloads).toBe(first!.pictures[index]!.payloads);
  });

  test('gives who joins late a key picture at once, and merges what is asked at the same time', async () => {
    const { encoder, sink, write } = setUp();
    sink.join(new FakeViewer());
    await write(20);
    const late = [new FakeViewer(), new FakeViewer()];
    for (const viewer of late) sink.join(viewer);
    for (const { asks } of late) for (const ask of asks) ask();
    await write(10);
    expect(encoder.keys.filter(Boolean)).toHaveLength(2);
    for (const { pictures } of late) expect(pictures[0]!.key).toBe(true);
    for (const { pictures } of late) expect(pictures).toHaveLength(10);
  });

  test('holds back a viewer that asks for key pictures all the time', async () => {
    const { encoder, sink, write } = setUp();
    const viewer = new FakeViewer();
    sink.join(viewer);
    for (let i = 0; i < 25; i++) {
      for (const ask of viewer.asks) ask();
      await write(1);
    }
    // A second at one key picture in 300 ms, which is every eighth frame.
    expect(encoder.keys.filter(Boolean).length).toBeLessThanOrEqual(4);
    expect(encoder.keys.filter(Boolean).length).toBeGreaterThanOrEqual(3);
  });

  test('leaves out who stopped reading until it reads again, and nobody else', async () => {
    const { sink, write } = setUp();
    const [good, stuck] = [new FakeViewer(), new FakeViewer()];
    sink.join(good);
    sink.join(stuck);
    await write(10);
    stuck.backlog = 513;
    await write(50);
    expect(stuck.pictures).toHaveLength(10);
    expect(good.pictures).toHaveLength(60);
    expect(sink.stats.skipped).toBe(50);
    stuck.backlog = 0;
    await write(10);
    expect(stuck.pictures[10]!.key).toBe(true);
    expect(stuck.pictures.length).toBeGreaterThanOrEqual(19);
    expect(good.pictures).toHaveLength(70);
  });

  test('follows the slowest line, but not below its floor: who cannot take that sees fewer pictures', async () => {
    const { encoder, sink, write } = setUp(2500);
    const [fast, slow] = [new FakeViewer(), new FakeViewer()];
    sink.join(fast);
    sink.join(slow);
    fast.estimate = 450_000;
    slow.estimate = 50_000;
    await write(250);
    // 2500 bytes 25 times a second are 500 kbit/s.
    expect(encoder.bitrate).toBeGreaterThanOrEqual(350_000);
    expect(encoder.bitrate).toBeLessThanOrEqual(400_000);
    expect(fast.pictures).toHaveLength(250);
    const sent = slow.pictures.slice(75).length * 2500 * 8;
    expect(sent / 7).toBeLessThan(110_000);
    expect(slow.pictures.length).toBeGreaterThan(75);
    // Whatever it got after a gap began with a key picture.
    for (const [index, { timestamp, key }] of slow.pictures.entries())
      if (index > 0 && timestamp - slow.pictures[index - 1]!.timestamp > 40_000) expect(key).toBe(true);
  });

  test('passes sound on to everyone, and to nobody who left', () => {
    const { sink } = setUp();
    const [stays, leaves] = [new FakeViewer(), new FakeViewer()];
    sink.join(stays);
    const seat = sink.join(leaves);
    const packet = { data: Uint8Array.of(1), timestamp: 5, duration: 20_000 };
    sink.sound(packet);
    seat[Symbol.dispose]();
    seat[Symbol.dispose]();
    sink.sound(packet);
    expect([stays.sounds.length, leaves.sounds.length]).toEqual([2, 1]);
    expect(leaves.asks.size).toBe(0);
    expect(sink.viewers).toBe(1);
  });

  test('closes its encoder, also twice, and takes frames afterwards without a word', async () => {
    const { encoder, sink, write } = setUp();
    sink.join(new FakeViewer());
    await write(1);
    await sink[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
    await write(1);
    expect(encoder.disposed).toBe(true);
    expect(encoder.keys).toHaveLength(1);
  });
});

describe('the bitrate of a shared encoder', () => {
  test('stays as it is while nothing is known', () => {
    expect(nextBitrate({ aim: 500_000, sent: 500_000 }, [0, 0], range)).toBe(500_000);
  });

  test('falls at once, rises step by step, within its bounds', () => {
    expect(nextBitrate({ aim: 1_000_000, sent: 1_000_000 }, [400_000, 900_000], range)).toBe(340_000);
    expect(nextBitrate({ aim: 500_000, sent: 500_000 }, [9_000_000], range)).toBe(600_000);
    expect(nextBitrate({ aim: 1_800_000, sent: 1_800_000 }, [9_000_000], range)).toBe(2_000_000);
    expect(nextBitrate({ aim: 150_000, sent: 150_000 }, [100_001], range)).toBe(100_000);
  });

  test('does not fall because a calm picture needs little', () => {
    expect(nextBitrate({ aim: 1_000_000, sent: 100_000 }, [300_000], range)).toBe(1_000_000);
  });
});
