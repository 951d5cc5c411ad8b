import { setTimeout as sleep } from 'node:timers/promises';
import type { FormatContext, Packet, Stream } from 'node-av/lib';
import { BadInput } from '../../errors.js';
import { liveNow } from '../live.js';
import type { LiveClock } from '../live-clock.js';
import { RateMeter } from '../rate-meter.js';
import { Timeline } from '../timeline.js';
import { type Av, code, reason } from './av.js';
import { PacketQueue } from './packet-queue.js';
import { microsToTicks, ticksToMicros } from './ticks.js';

/** How far ahead of its time what could be read at any pace is read, in microseconds, and what that may take at most. */
const AHEAD = 1_500_000;
const MOST_BYTES = 24_000_000;
const MOST_PACKETS = 3000;
/** Packets of a live stream that wait for a decoder which does not keep up, before they are thrown away. */
const MOST_WAITING = 250;

/** The far end left: FFmpeg tells a publisher's goodbye (EOF) and a closed connection (EIO, ECONNRESET, EPIPE) apart by scheme. */
const GONE: ReadonlySet<number> = new Set([code.eof, -5, -32, -104]);
/** How much before its start a file is sought, in microseconds: some demuxers land behind what is asked for. */
const SEEK_BACK = 5_000_000;

/** What to read. */
export interface Demuxed {
  readonly av: Av;
  readonly format: FormatContext;
  readonly picture: Stream;
  readonly sound: Stream | undefined;
  readonly clock: LiveClock;
  /** How the stream is called in sentences. */
  readonly name: string;
  readonly paced: boolean;
  readonly loop: boolean;
  readonly stallMs: number;
}

/** Reads an opened stream into a queue of pictures and one of sound, on one rising timeline. */
export class LiveDemux implements Disposable {
  readonly pictures = new PacketQueue();
  readonly sounds = new PacketQueue();
  /** Packets and bytes of picture, over the last seconds. */
  readonly rate = new RateMeter();
  /** Milliseconds between the last two key pictures. */
  keyIntervalMs: number | undefined;
  readonly #of: Demuxed;
  readonly #timeline = new Timeline();
  /** How far each stream has been read. */
  readonly #read = new Map<number, { first: number; newest: number }>();
  #lastKey: number | undefined;
  #wantsKey = true;
  #readSinceStart = 0;

  constructor(of: Demuxed) {
    this.#of = of;
  }

  /**
   * Reads until the far end closes or `halt` aborts, then ends both queues.
   * @throws BadInput when the stream breaks off or stalls.
   */
  async run(halt: AbortSignal): Promise<void> {
    const interrupt = () => this.#of.format.interrupt();
    halt.addEventListener('abort', interrupt, { once: true });
    try {
      while (!halt.aborted) {
        if (this.#of.paced && this.#enough())
          await sleep(20, undefined, { signal: halt }).catch(() => undefined);
        else if (!(await this.#next(halt))) return;
      }
    } finally {
      halt.removeEventListener('abort', interrupt);
      this.pictures.end();
      this.sounds.end();
    }
  }

  /** Whether there is nothing to read for now, since it has been read far enough ahead. */
  #enough(): boolean {
    const { length, bytes } = this.pictures;
    if (bytes + this.sounds.bytes > MOST_BYTES || length + this.sounds.length > MOST_PACKETS) return true;
    const { picture, sound, clock } = this.#of;
    return [picture, ...(sound ? [sound] : [])].every(({ index }) => {
      const read = this.#read.get(index);
      if (!read) return false;
      const played = clock.at(0);
      return read.newest - (played === undefined ? read.first : liveNow() - played) > AHEAD;
    });
  }

  /** Reads a packet; false at the end. */
  async #next(halt: AbortSignal): Promise<boolean> {
    const { av, format, stallMs, name } = this.#of;
    const packet = new av.Packet();
    packet.alloc();
    let stalled = false;
    const stall = () => {
      stalled = true;
      format.interrupt();
    };
    const timer = Number.isFinite(stallMs) ? setTimeout(stall, stallMs) : undefined;
    const got = await format.readFrame(packet);
    clearTimeout(timer);
    if (got >= 0 && !halt.aborted) {
      this.#put(packet);
      return true;
    }
    packet.free();
    if (halt.aborted) return false;
    if (stalled) throw new BadInput(`Nothing has come from ${name} for ${stallMs / 1000} seconds.`);
    if (got === code.again) {
      await sleep(5);
      return true;
    }
    return this.#over(got);
  }

  #put(packet: Packet): void {
    const { picture, sound, clock } = this.#of;
    const stream = packet.streamIndex === picture.index ? picture : sound;
    if (stream?.index !== packet.streamIndex) {
      packet.free();
      return;
    }
    this.#readSinceStart++;
    const time = this.#place(packet, stream);
    if (time !== undefined)
      clock.arrived(
        Math.max(time, packet.pts === code.noPts ? time : ticksToMicros(packet.pts, stream.timeBase)),
      );
    if (stream === picture) this.#putPicture(packet, time);
    else {
      if (this.sounds.length > 2 * MOST_WAITING && !this.#of.paced) this.sounds.clear();
      this.sounds.put(packet);
    }
  }

  /** Puts a packet on the timeline; returns the time at which it is decoded there. */
  #place(packet: Packet, { timeBase, index }: Stream): number | undefined {
    const ticks = packet.dts === code.noPts ? packet.pts : packet.dts;
    if (ticks === code.noPts) return undefined;
    const raw = ticksToMicros(ticks, timeBase);
    const shift = this.#timeline.shift(index, {
      decoded: raw,
      shown: packet.pts === code.noPts ? raw : ticksToMicros(packet.pts, timeBase),
      duration: ticksToMicros(packet.duration, timeBase),
    });
    if (shift) {
      const moved = microsToTicks(shift, timeBase);
      if (packet.pts !== code.noPts) packet.pts += moved;
      if (packet.dts !== code.noPts) packet.dts += moved;
    }
    const time = raw + shift;
    const read = this.#read.get(index);
    if (read) read.newest = Math.max(read.newest, time);
    else this.#read.set(index, { first: time, newest: time });
    return time;
  }

  #putPicture(packet: Packet, time: number | undefined): void {
    this.rate.add(packet.size * 8);
    if (packet.isKeyframe) this.#noteKey(time);
    if (!this.#of.paced && this.pictures.length > MOST_WAITING) {
      // What cannot be decoded in time is skipped up to the next picture that stands for itself.
      this.pictures.clear();
      this.#wantsKey = true;
    }
    if (this.#wantsKey && !packet.isKeyframe) packet.free();
    else {
      this.#wantsKey = false;
      this.pictures.put(packet);
    }
  }

  #noteKey(time: number | undefined): void {
    if (time === undefined) return;
    if (this.#lastKey !== undefined && time > this.#lastKey)
      this.keyIntervalMs = Math.round((time - this.#lastKey) / 1000);
    this.#lastKey = time;
  }

  /** What the end of reading means: whether it goes on from the start. */
  async #over(result: number): Promise<boolean> {
    const { av, format, picture, loop, name, stallMs } = this.#of;
    const own = !Number.isFinite(stallMs);
    if (!own && !GONE.has(result)) throw new BadInput(`${name} broke off: ${reason(av, result)}.`);
    if (!loop || this.#readSinceStart === 0) return false;
    this.#readSinceStart = 0;
    this.#timeline.again();
    const { startTime, timeBase } = picture;
    const start = (startTime === code.noPts ? 0n : startTime) - microsToTicks(SEEK_BACK, timeBase);
    if ((await format.seekFrame(picture.index, start, av.C.AVSEEK_FLAG_BACKWARD)) < 0)
      throw new BadInput(`${name} cannot be played again: it has no way back to its start.`);
    this.pictures.put('again');
    this.sounds.put('again');
    return true;
  }

  [Symbol.dispose](): void {
    this.pictures[Symbol.dispose]();
    this.sounds[Symbol.dispose]();
  }
}
