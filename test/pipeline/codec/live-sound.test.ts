import { describe, expect, it } from 'vitest';
import { OPUS_SILENCE, opusMicros } from '../../../src/pipeline/codec/opus.js';
import { SoundGrid } from '../../../src/pipeline/codec/sound-grid.js';
import type { SoundPacket } from '../../../src/pipeline/live.js';
import { loudness, tone } from '../../fixtures/live.js';

describe('Opus packets', () => {
  it('tell how long they sound', () => {
    const micros = (config: number, code: number, count = 0) =>
      opusMicros(Uint8Array.of((config << 3) | code, count));
    expect(micros(0, 0)).toBe(10_000);
    expect(micros(3, 0)).toBe(60_000);
    expect(micros(12, 0)).toBe(10_000);
    expect(micros(15, 1)).toBe(40_000);
    expect(micros(16, 0)).toBe(2500);
    expect(micros(31, 2)).toBe(40_000);
    expect(micros(31, 3, 3)).toBe(60_000);
    expect(micros(3, 3, 63)).toBe(0);
    expect(opusMicros(new Uint8Array(0))).toBe(0);
    expect(opusMicros(OPUS_SILENCE)).toBe(20_000);
  });

  it('carry the sound that was put in, and silence is silent', async () => {
    const packets = await tone(0, 400_000, (time) => time > 200_000);
    expect(packets.every(({ data }) => opusMicros(data) === 20_000)).toBe(true);
    const levels = await loudness(packets);
    expect(levels.slice(1, 9).every((level) => level < 1e-4)).toBe(true);
    expect(levels.slice(13).every((level) => level > 0.05)).toBe(true);
    const silence: SoundPacket = { data: OPUS_SILENCE, timestamp: 0, duration: 20_000 };
    expect((await loudness([silence, silence, silence]))[2]).toBe(0);
  });
});

describe('the grid of sound', () => {
  const packet = (timestamp: number): SoundPacket => ({
    data: Uint8Array.of(0xfc, 1, 2, 3),
    timestamp,
    duration: 20_000,
  });
  const laid = (grid: SoundGrid, time: number, patience?: number) =>
    [...grid.upTo(time, patience)].map(
      ({ timestamp, data }) => `${timestamp / 1000}${data === OPUS_SILENCE ? '-' : '+'}`,
    );

  it('begins with the first frame and drops what was before', () => {
    const grid = new SoundGrid();
    for (const time of [900_000, 980_000, 1_000_000, 1_020_000]) grid.put(packet(time));
    expect(laid(grid, 1_000_000)).toEqual(['1000+', '1020+']);
  });

  it('evens out small steps and fills large ones', () => {
    const grid = new SoundGrid();
    for (const time of [0, 23_000, 37_000, 105_000, 120_000]) grid.put(packet(time));
    expect(laid(grid, 0)).toEqual(['0+', '20+', '40+', '60-', '80-', '100+', '120+']);
  });

  it('waits for sound for a while, then it is silence, and what comes too late is dropped', () => {
    const grid = new SoundGrid();
    expect(laid(grid, 0)).toEqual([]);
    expect(laid(grid, 500_000)).toEqual([]);
    expect(laid(grid, 540_000)).toEqual(['0-', '20-']);
    grid.put(packet(20_000));
    grid.put(packet(40_000));
    expect(laid(grid, 540_000)).toEqual(['40+']);
    expect(laid(grid, 100_000, 0)).toEqual(['60-', '80-']);
  });

  it('drops what is on another clock, broken, or waits for too long', () => {
    const grid = new SoundGrid();
    grid.put(packet(3_600_000_000));
    grid.put({ ...packet(0), data: new Uint8Array(0) });
    grid.put({ ...packet(0), duration: Number.NaN });
    grid.put(packet(0));
    expect(laid(grid, 0)).toEqual(['0+']);
    for (let i = 0; i < 600; i++) grid.put(packet(i * 20_000));
    expect(grid.dropped).toBe(100);
  });
});
