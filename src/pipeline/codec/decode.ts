import { setTimeout as wait } from 'node:timers/promises';
import type { CodecContext, FormatContext, Frame, Packet, Stream } from 'node-av/lib';
import type { Ratio } from '../media.js';
import { type Av, check, code, isDry, reason } from './av.js';
import { fieldOrderOf } from './deinterlacer.js';
import { type Downloads, type OpenDecoder, openDecoder } from './hardware/decoding.js';
import type { Hardware } from './hardware/hardware.js';
import { Joined } from './joined.js';

/** What went wrong while a file was read, in numbers. */
export interface Losses {
  /** Packets and pictures that were damaged and left out or patched up. */
  damaged: number;
  /** Packets of the other streams that were damaged. */
  others: number;
  /** Why reading stopped before the end of the file, in FFmpeg's words. */
  stopped: string | undefined;
}

/**
 * Reads the pictures of one stream in order of presentation. The frame that `next` returns is the reader's own and
 * changes with the next call. Close it when no call is in flight.
 */
export class PictureReader implements Disposable {
  readonly losses: Losses = { damaged: 0, others: 0, stopped: undefined };
  /** Up to where any stream of the file has been read, in seconds of the file's clock. */
  reached = Number.NEGATIVE_INFINITY;
  readonly #av: Av;
  readonly #format: FormatContext;
  readonly #index: number;
  readonly #decoder: CodecContext;
  readonly #downloads: Downloads | undefined;
  readonly #packet: Packet;
  readonly #frame: Frame;
  readonly #timeBases: (Ratio | undefined)[] = [];
  #joined: Joined | undefined;
  /** How many packets ago one was called corrupt, by its stream: one or two, since it may come before a seam. */
  readonly #doubted = new Map<number, number>();
  #draining = false;

  private constructor(av: Av, format: FormatContext, index: number, { context, downloads }: OpenDecoder) {
    this.#av = av;
    this.#format = format;
    this.#index = index;
    this.#decoder = context;
    this.#downloads = downloads;
    this.#joined = Joined.of(av, format);
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frame = new av.Frame();
    this.#frame.alloc();
  }

  /**
   * Opens a decoder for `stream`.
   * @returns undefined when this build has no decoder for it.
   * @throws AvFailure when the decoder refuses the stream.
   */
  static async open(
    av: Av,
    format: FormatContext,
    stream: Stream,
    threads: number,
    hardware?: Hardware,
  ): Promise<PictureReader | undefined> {
    const opened = await openDecoder(av, stream.codecpar.codecId, hardware, async (context, codec) => {
      check(av, context.parametersToContext(stream.codecpar), 'Cannot set up the decoder');
      context.pktTimebase = stream.timeBase;
      context.threadCount = threads;
      check(av, await context.open2(codec, null), 'Cannot open the decoder');
    });
    return opened && new PictureReader(av, format, stream.index, opened);
  }

  /** As `fieldOrderOf` has it. */
  get fieldOrder(): string | undefined {
    return fieldOrderOf(this.#av, this.#decoder);
  }

  /**
   * The next picture, or undefined after the last. Damage is counted in `losses`, never thrown.
   * @throws AvFailure when the device that decodes is lost.
   */
  async next(): Promise<Frame | undefined> {
    // A decoder may report several damaged pictures while it empties itself; it may not do so for ever.
    for (let patience = 256; patience > 0; ) {
      this.#frame.unref();
      const got = await this.#decoder.receiveFrame(this.#frame);
      if (got >= 0) {
        if (this.#frame.decodeErrorFlags !== 0 || this.#frame.hasFlags(this.#av.C.AV_FRAME_FLAG_CORRUPT))
          this.losses.damaged++;
        return this.#downloads ? this.#downloads.fetch(this.#frame) : this.#frame;
      }
      if (got === code.eof) return undefined;
      if (!isDry(got)) this.losses.damaged++;
      if (this.#draining) patience--;
      else await this.#feed();
    }
    return undefined;
  }

  /** Hands the decoder the stream's next packet, or tells it that there is none. */
  async #feed(): Promise<void> {
    const read = await this.#format.readFrame(this.#packet);
    if (read === code.again) return wait(5);
    if (read < 0) {
      if (read !== code.eof) this.losses.stopped = reason(this.#av, read);
      this.#draining = true;
      for (const streamIndex of this.#doubted.keys()) this.#count(streamIndex);
      this.#doubted.clear();
      await this.#decoder.sendPacket(null);
      return;
    }
    try {
      this.#settle(this.#joined?.place(this.#packet) ?? false);
      this.#noteTime();
      if (this.#packet.streamIndex !== this.#index) return;
      if ((await this.#decoder.sendPacket(this.#packet)) < 0) this.losses.damaged++;
    } finally {
      this.#packet.unref();
    }
  }

  /**
   * Counts what is called corrupt, which is decoded all the same: the mark may be that of the packet after it. Where
   * recordings are joined, what is before the seam is marked because the numbers of its parts do not go on, not because
   * any is missing.
   */
  #settle(seam: boolean): void {
    const { streamIndex } = this.#packet;
    const waited = this.#doubted.get(streamIndex);
    const corrupt = this.#packet.hasFlags(this.#av.C.AV_PKT_FLAG_CORRUPT);
    if (waited === undefined && !corrupt) return;
    if (waited !== undefined && !seam && (corrupt || waited === 2)) this.#count(streamIndex);
    if (corrupt) this.#doubted.set(streamIndex, 1);
    else if (seam || waited === 2) this.#doubted.delete(streamIndex);
    else this.#doubted.set(streamIndex, 2);
  }

  #count(streamIndex: number): void {
    if (streamIndex === this.#index) this.losses.damaged++;
    else this.losses.others++;
  }

  #noteTime(): void {
    const { pts, dts, duration, streamIndex } = this.#packet;
    const ticks = pts === code.noPts ? dts : pts;
    if (ticks === code.noPts) return;
    // A stream may turn up in the midst of a transport stream.
    this.#timeBases[streamIndex] ??= this.#format.streams[streamIndex]!.timeBase;
    const { num, den } = this.#timeBases[streamIndex];
    this.reached = Math.max(this.reached, (Number(ticks + duration) * num) / den);
  }

  /**
   * Goes to the last key picture at or before `ticks` (of the stream's time base).
   * @returns false when the container cannot.
   */
  async seek(ticks: bigint): Promise<boolean> {
    const sought = await this.#format.seekFrame(this.#index, ticks, this.#av.C.AVSEEK_FLAG_BACKWARD);
    if (sought < 0) return false;
    this.#decoder.flushBuffers();
    this.#joined = Joined.of(this.#av, this.#format);
    this.#draining = false;
    this.#doubted.clear();
    Object.assign(this.losses, { damaged: 0, others: 0, stopped: undefined });
    return true;
  }

  [Symbol.dispose](): void {
    this.#frame.free();
    this.#packet.free();
    this.#decoder.freeContext();
    this.#downloads?.[Symbol.dispose]();
  }
}
