import { Unwrapper } from './unwrap.js';

/** How long after the first packet an earlier mapping is still believed, in microseconds. */
const SETTLING = 1_000_000;
/** How far a packet may be from where the clock expects it, in microseconds; beyond, the sender's clock has jumped. */
const MAX_OFF = 2_000_000;
/** Lip-sync corrections below this are left alone: nobody hears them, and each is a tiny jump. */
const MIN_SHIFT = 5000;

/**
 * Maps a stream's RTP timestamps to the live clock, in microseconds. It is pinned at the first arrival, and to earlier
 * ones while it settles, so that a first packet that was held up does not delay all that follow.
 */
export class MediaClock {
  /** Counts how often the clock was pinned: mappings of different epochs do not compare. */
  epoch = 0;
  readonly #rate: number;
  #unwrap = new Unwrapper(32);
  /** Live time of the unwrapped timestamp 0. */
  #offset = 0;
  #settledAt = Number.NEGATIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  /** `rate` is the clock rate in Hz: 90,000 for video, 48,000 for Opus. */
  constructor(rate: number) {
    this.#rate = rate;
  }

  /**
   * Live time of a packet with this RTP timestamp that arrives now (at `arrival`, in live time). Newer timestamps give
   * later times, always; an older timestamp than the newest gives its own, earlier time.
   */
  at(rtp: number, arrival: number): number {
    const ticks = this.#unwrap.next(rtp);
    const media = this.#micros(ticks);
    const off = arrival - (media + this.#offset);
    if (this.epoch === 0 || Math.abs(off) > MAX_OFF) this.#pin(arrival - media, arrival);
    else if (off < 0 && arrival < this.#settledAt) this.#offset += off;
    if (ticks < this.#newest) return Math.round(media + this.#offset);
    this.#last = ticks === this.#newest ? this.#last : this.#later(media);
    this.#newest = ticks;
    return this.#last;
  }

  #later(media: number): number {
    return Math.max(Math.round(media + this.#offset), this.#last + 1);
  }

  #pin(offset: number, arrival: number): void {
    this.epoch++;
    this.#offset = offset;
    this.#settledAt = arrival + SETTLING;
    this.#newest = Number.NEGATIVE_INFINITY;
  }

  /** Live time of an RTP timestamp near the last one; undefined before the first packet. */
  timeOf(rtp: number): number | undefined {
    return this.epoch === 0 ? undefined : this.#micros(this.#unwrap.peek(rtp)) + this.#offset;
  }

  /** Moves all later times by so many microseconds; arrivals no longer move the clock until it is pinned anew. */
  shift(micros: number): void {
    this.#offset += micros;
    this.#settledAt = Number.NEGATIVE_INFINITY;
  }

  #micros(ticks: number): number {
    return (ticks * 1e6) / this.#rate;
  }
}

/** What a sender report says of one stream: at its wall clock `ntp` (32.32 bits) its timestamp is `rtp`. */
export interface SenderReport {
  readonly ntp: bigint;
  readonly rtp: number;
}

/** NTP time in microseconds. */
const ntpMicros = (ntp: bigint): number => Number((ntp * 1_000_000n) >> 32n);

/**
 * Brings a publisher's sound in step with its picture by their RTCP sender reports: what the publisher took at the same
 * moment gets the same live time. The picture leads: only the sound's clock is moved.
 */
export class LipSync {
  readonly #clocks: { readonly video: MediaClock; readonly audio: MediaClock };
  readonly #reports = new Map<'video' | 'audio', SenderReport & { epoch: number }>();

  constructor(video: MediaClock, audio: MediaClock) {
    this.#clocks = { video, audio };
  }

  /**
   * Takes a sender report.
   * @returns by how many microseconds it moved the sound: 0 where the other report is missing or little is amiss.
   */
  report(kind: 'video' | 'audio', { ntp, rtp }: SenderReport): number {
    // A sender without a wall clock sends zero (RFC 3550, 6.4.1).
    if (ntp === 0n) return 0;
    this.#reports.set(kind, { ntp, rtp, epoch: this.#clocks[kind].epoch });
    const [video, audio] = [this.#lead('video'), this.#lead('audio')];
    if (video === undefined || audio === undefined) return 0;
    const shift = Math.round(video - audio);
    // More cannot be true: both clocks were pinned at arrival.
    if (Math.abs(shift) < MIN_SHIFT || Math.abs(shift) > MAX_OFF) return 0;
    this.#clocks.audio.shift(shift);
    return shift;
  }

  /** How far a stream's live time is ahead of its publisher's wall clock. */
  #lead(kind: 'video' | 'audio'): number | undefined {
    const report = this.#reports.get(kind);
    const clock = this.#clocks[kind];
    if (!report || report.epoch !== clock.epoch) return undefined;
    const time = clock.timeOf(report.rtp);
    return time === undefined ? undefined : time - ntpMicros(report.ntp);
  }
}
