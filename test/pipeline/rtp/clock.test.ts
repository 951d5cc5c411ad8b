import { describe, expect, it } from 'vitest';
import { LipSync, MediaClock } from '../../../src/pipeline/rtp/clock.js';

const MS = 1000;
const S = 1_000_000;

/** NTP time of so many seconds. */
const ntp = (seconds: number): bigint => BigInt(Math.round(seconds * 2 ** 32));

describe('the media clock', () => {
  it('is pinned at the first arrival and then runs by the timestamps, not by the arrivals', () => {
    const clock = new MediaClock(90_000);
    expect(clock.at(5000, 7 * S)).toBe(7 * S);
    expect(clock.at(5000 + 3000, 7 * S + 90 * MS)).toBe(7 * S + 33_333);
    expect(clock.at(5000 + 9000, 7 * S + 140 * MS)).toBe(7 * S + 100 * MS);
  });

  it('runs on over the wrap of the timestamps', () => {
    const clock = new MediaClock(90_000);
    clock.at(2 ** 32 - 4500, 0);
    expect(clock.at(4500, 100 * MS)).toBe(100 * MS);
  });

  it('is not held up by a first packet that was late, and never goes back', () => {
    const clock = new MediaClock(90_000);
    // Three pictures, 100 ms apart, that all come at once.
    const times = [0, 9000, 18_000].map((rtp) => clock.at(rtp, 500 * MS));
    expect(times).toEqual([500 * MS, 500 * MS + 1, 500 * MS + 2]);
    expect(clock.at(27_000, 600 * MS)).toBe(600 * MS);
    expect(clock.at(36_000, 730 * MS)).toBe(700 * MS);
  });

  it('believes earlier arrivals only at first', () => {
    const clock = new MediaClock(1000);
    clock.at(0, 0);
    clock.at(1500, 1.5 * S);
    expect(clock.at(1600, 1.55 * S)).toBe(1.6 * S);
  });

  it('gives packets of one picture one time, and an older one its own', () => {
    const clock = new MediaClock(90_000);
    clock.at(0, 0);
    expect(clock.at(9000, 100 * MS)).toBe(100 * MS);
    expect(clock.at(9000, 101 * MS)).toBe(100 * MS);
    expect(clock.at(4500, 102 * MS)).toBe(50 * MS);
    expect(clock.at(13_500, 150 * MS)).toBe(150 * MS);
  });

  it('is pinned anew when the publisher starts again, and still does not go back', () => {
    const clock = new MediaClock(90_000);
    clock.at(1_000_000, 0);
    clock.at(1_009_000, 100 * MS);
    expect(clock.epoch).toBe(1);
    expect(clock.at(77, 140 * MS)).toBe(140 * MS);
    expect(clock.epoch).toBe(2);
    expect(clock.at(77 + 9000, 250 * MS)).toBe(240 * MS);
    // After a silence of some seconds that the timestamps do not know of.
    expect(clock.at(77 + 18_000, 5 * S)).toBe(5 * S);
    expect(clock.at(77 + 27_000, 5 * S + 1 * MS)).toBe(5 * S + 1 * MS);
  });
});

describe('lip sync', () => {
  /** A publisher whose picture reaches us `behind` later than its sound; timestamps start anywhere. */
  function publisher(behind: number) {
    const video = new MediaClock(90_000);
    const audio = new MediaClock(48_000);
    for (let i = 0; i < 5; i++) {
      audio.at(4_000_000_000 + i * 960, S + i * 20 * MS);
      video.at(123_456 + i * 1800, S + behind + i * 20 * MS);
    }
    return { video, audio, sync: new LipSync(video, audio) };
  }
  // Both began at 10 s of the publisher's clock; reports say so for a moment half a second later.
  const videoReport = { ntp: ntp(10.5), rtp: 123_456 + 45_000 };
  const audioReport = { ntp: ntp(10.5), rtp: 4_000_000_000 + 24_000 };

  it('moves the sound to its picture, whichever report comes first', () => {
    for (const behind of [80 * MS, -300 * MS])
      for (const order of [['video', 'audio'] as const, ['audio', 'video'] as const]) {
        const { video, audio, sync } = publisher(behind);
        const reports = { video: videoReport, audio: audioReport };
        expect(sync.report(order[0], reports[order[0]])).toBe(0);
        expect(sync.report(order[1], reports[order[1]])).toBeCloseTo(behind, -1);
        expect(Math.abs(video.timeOf(videoReport.rtp)! - audio.timeOf(audioReport.rtp)!)).toBeLessThan(10);
        expect(sync.report('video', videoReport)).toBe(0);
      }
  });

  it('leaves the picture and small differences alone', () => {
    const { video, sync, audio } = publisher(4 * MS);
    const before = [video.timeOf(0), audio.timeOf(0)];
    sync.report('video', videoReport);
    expect(sync.report('audio', audioReport)).toBe(0);
    expect([video.timeOf(0), audio.timeOf(0)]).toEqual(before);
  });

  it('does not believe senders without a clock, nor reports that cannot be true', () => {
    const { sync } = publisher(80 * MS);
    sync.report('video', videoReport);
    expect(sync.report('audio', { ...audioReport, ntp: 0n })).toBe(0);
    expect(sync.report('audio', { ...audioReport, ntp: ntp(70) })).toBe(0);
    expect(sync.report('audio', audioReport)).not.toBe(0);
  });

  it('forgets reports from before a publisher started again', () => {
    const { video, sync } = publisher(80 * MS);
    sync.report('video', videoReport);
    video.at(2_000_000_000, 2 * S);
    expect(sync.report('audio', audioReport)).toBe(0);
  });

  it('has nothing to say before the first packets', () => {
    const sync = new LipSync(new MediaClock(90_000), new MediaClock(48_000));
    sync.report('video', videoReport);
    expect(sync.report('audio', audioReport)).toBe(0);
  });
});
