import type { FormatContext, Packet } from 'node-av/lib';
import { type Av, code } from './av.js';
import { microsToTicks, ticksToMicros } from './ticks.js';

/** A step back that is no disorder of a stream any more but another clock, in microseconds. */
const BACKWARD = 500_000;
/** Streams that jump together land this close to each other. */
const TOGETHER = 1_000_000;

interface Clock {
  /** Added to the stream's times. */
  shift: number;
  /** Where what has come is over, shifted. */
  end: number;
}

/**
 * One rising clock for a file whose clock begins again: transport streams that were joined, or recorded anew. Whoever
 * reads the same packets of picture and sound comes to the same times. A step forward stays: it may be a pause.
 */
export class Joined {
  readonly #av: Av;
  readonly #format: FormatContext;
  readonly #clocks = new Map<number, Clock>();
  #shift = 0;

  private constructor(av: Av, format: FormatContext) {
    this.#av = av;
    this.#format = format;
  }

  /** @returns undefined for formats whose clock runs through. */
  static of(av: Av, format: FormatContext): Joined | undefined {
    const jumps = ((format.iformat?.flags ?? 0) & av.C.AVFMT_TS_DISCONT) !== 0;
    return jumps ? new Joined(av, format) : undefined;
  }

  /**
   * Moves a packet, as read, to its time.
   * @returns whether the clock of its stream begins anew with it.
   */
  place(packet: Packet): boolean {
    const told = [packet.dts, packet.pts].filter((ticks) => ticks !== code.noPts);
    if (told.length === 0) return false;
    const { timeBase, codecpar } = this.#format.streams[packet.streamIndex]!;
    const { AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO } = this.#av.C;
    const regular = codecpar.codecType === AVMEDIA_TYPE_VIDEO || codecpar.codecType === AVMEDIA_TYPE_AUDIO;
    // Subtitles come too seldom to tell by, and a damaged packet may tell any time.
    const steady = regular && !packet.hasFlags(this.#av.C.AV_PKT_FLAG_CORRUPT);
    const times = told.map((ticks) => ticksToMicros(ticks, timeBase));
    const before = this.#clocks.get(packet.streamIndex)?.shift;
    const shift = steady
      ? this.#follow(packet.streamIndex, times, ticksToMicros(packet.duration, timeBase))
      : this.#shift;
    if (shift !== 0) {
      const moved = microsToTicks(shift, timeBase);
      if (packet.pts !== code.noPts) packet.pts += moved;
      if (packet.dts !== code.noPts) packet.dts += moved;
    }
    return steady && before !== undefined && shift !== before;
  }

  /** One of its times may be wrong: it steps back if both do, and lasts no longer than the earlier tells. */
  #follow(stream: number, times: readonly number[], duration: number): number {
    const at = Math.min(...times);
    let clock = this.#clocks.get(stream);
    if (!clock) {
      clock = { shift: this.#shift, end: Number.NEGATIVE_INFINITY };
      this.#clocks.set(stream, clock);
    }
    if (Math.max(...times) + clock.shift < clock.end - BACKWARD) {
      const own = clock.end - at;
      // What another stream has jumped by keeps the two together.
      const first = this.#shift === clock.shift;
      if (first || Math.abs(own - this.#shift) > TOGETHER) this.#shift = own;
      clock.shift = this.#shift;
    }
    clock.end = Math.max(clock.end, at + clock.shift + duration);
    return clock.shift;
  }
}
