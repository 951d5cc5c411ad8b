import type { FormatContext, Packet, Stream } from 'node-av/lib';
import { type Chapter, chaptersWithin } from '../chapters/chapter.js';
import { roomForChapters, writeChapters } from '../chapters/write.js';
import type { Container } from '../containers.js';
import type { MediaSinkOptions } from '../media.js';
import { type Av, AvFailure, code, reason } from './av.js';
import { readChapters } from './chapters.js';
import { nameOf, startOf } from './info.js';
import { Joined } from './joined.js';
import type { Muxer } from './mux.js';
import { openFormat, videoStream } from './open.js';
import { microsToTicks, ticksToMicros } from './ticks.js';
import { describeLike, openTrack, type Track, type TrackTarget, tagsOf } from './tracks.js';

interface Target {
  readonly muxer: Muxer;
  readonly container: Container;
  /** The video stream being written, which takes the name, language and disposition of the source's. */
  readonly video: Stream;
  /** The part that goes along. */
  readonly cut: Pick<MediaSinkOptions, 'fromMs' | 'toMs' | 'signal'>;
}

/**
 * Everything of a file but its moving picture, on its way into another: sound, subtitles, data, cover art, tags.
 * Packets go untouched; what the container cannot hold is converted, or left out with a note.
 */
export class Companions implements AsyncDisposable {
  readonly notes: string[] = [];
  readonly #av: Av;
  readonly #format: FormatContext;
  readonly #target: Target;
  readonly #packet: Packet;
  readonly #joined: Joined | undefined;
  readonly #tracks = new Map<number, Track>();
  /** Packets of sound that were too damaged to be written, by stream. */
  readonly #lost = new Map<Track, number>();
  /** Times of the packets of sound that were written last: no file takes an earlier one after them. */
  readonly #newest = new Map<Track, bigint>();
  #chapters: readonly Chapter[] = [];
  #hasRoom = false;
  /** Whether `#packet` holds one that is still to be written. */
  #waiting = false;
  #ended = false;

  private constructor(av: Av, format: FormatContext, target: Target) {
    this.#av = av;
    this.#format = format;
    this.#target = target;
    this.#joined = Joined.of(av, format);
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /**
   * Opens `path` and adds its streams to the muxer, which has not started yet.
   * @throws NotFound, BadInput, Interrupted
   */
  static async open(av: Av, path: string, target: Target): Promise<Companions> {
    const format = await openFormat(av, path, target.cut.signal);
    const companions = new Companions(av, format, target);
    try {
      await companions.#addTracks();
      await companions.#seek();
      return companions;
    } catch (error) {
      await companions[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #addTracks(): Promise<void> {
    const { C } = this.#av;
    const { muxer, container, video } = this.#target;
    const target: TrackTarget = { av: this.#av, muxer, container, notes: this.notes };
    const main = videoStream(this.#av, this.#format);
    const tags = tagsOf(this.#format);
    this.#chapters = await readChapters(this.#av, this.#format);
    const room = roomForChapters(container.format, this.#chapters, tags);
    if (this.#chapters.length > 0 && !room)
      this.notes.push('The chapters are left out: the file has no place for them.');
    this.#hasRoom = room !== undefined;
    muxer.format.metadata = this.#av.Dictionary.fromObject({ ...tags, ...room });
    for (const stream of this.#format.streams) {
      const track = stream.index === main?.index ? undefined : await openTrack(target, stream);
      if (track) this.#tracks.set(stream.index, track);
      // A clock that begins again is told by all streams.
      else if (!this.#joined) stream.discard = C.AVDISCARD_ALL;
    }
    if (main) describeLike(this.#av, video, main);
  }

  /** Goes near the start of the cut; a little earlier, for subtitles that are still shown then. */
  async #seek(): Promise<void> {
    const { fromMs } = this.#target.cut;
    if (!fromMs || this.#tracks.size === 0) return;
    const target = startOf(this.#format) + Math.max(0, fromMs - 15_000) * 1000;
    if (target > startOf(this.#format))
      await this.#format.seekFrame(-1, BigInt(Math.round(target)), this.#av.C.AVSEEK_FLAG_BACKWARD);
  }

  /**
   * Writes what belongs before `seconds` of the new file.
   * @param origin - time of the source that is 0 in the new file, in microseconds
   */
  async upTo(seconds: number, origin: number): Promise<void> {
    while (!this.#ended) {
      if (!this.#waiting && !(await this.#read())) break;
      const track = this.#tracks.get(this.#packet.streamIndex)!;
      if (this.#timeOf(track) - origin > seconds * 1e6) return;
      this.#waiting = false;
      try {
        if (this.#place(track, origin)) await this.#put(track);
      } finally {
        this.#packet.unref();
      }
    }
  }

  /** Writes the waiting packet; sound whose very header is broken is left out, as a player would. */
  async #put(track: Track): Promise<void> {
    const sound = track.from.codecpar.codecType === this.#av.C.AVMEDIA_TYPE_AUDIO;
    const { dts } = this.#packet;
    if (sound && dts !== code.noPts) {
      if (dts < (this.#newest.get(track) ?? dts)) return this.#lose(track);
      this.#newest.set(track, dts);
    }
    try {
      await track.put(this.#packet);
    } catch (error) {
      if (!sound || !(error instanceof AvFailure) || error.number !== code.invalidData) throw error;
      this.#lose(track);
    }
  }

  #lose(track: Track): void {
    this.#lost.set(track, (this.#lost.get(track) ?? 0) + 1);
  }

  #tellLosses(): void {
    for (const [{ from }, count] of this.#lost)
      this.notes.push(
        `Stream ${from.index} (${nameOf(this.#av, from)}) is damaged: ${count} of its packets had to be left out.`,
      );
  }

  /**
   * Gives the finished file at `path` its chapters.
   * @param origin - time of the source that is 0 in the new file, in microseconds
   */
  async writeChapters(path: string, origin: number): Promise<void> {
    if (!this.#hasRoom) return;
    const { container, cut } = this.#target;
    const end = cut.toMs === undefined ? Number.POSITIVE_INFINITY : startOf(this.#format) + cut.toMs * 1000;
    const chapters = chaptersWithin(this.#chapters, origin, end);
    if (!(await writeChapters(path, container.format, chapters)))
      this.notes.push('The chapters are left out: the file has no place for them.');
  }

  /** Reads the next packet of a stream that goes along. */
  async #read(): Promise<boolean> {
    for (;;) {
      const read = this.#tracks.size === 0 ? code.eof : await this.#format.readFrame(this.#packet);
      if (read === code.again) continue;
      if (read < 0) {
        this.#ended = true;
        if (read !== code.eof)
          this.notes.push(`The sound may be cut short: reading stopped (${reason(this.#av, read)}).`);
        for (const track of this.#tracks.values()) await track.end();
        this.#tellLosses();
        return false;
      }
      this.#joined?.place(this.#packet);
      this.#waiting = this.#tracks.has(this.#packet.streamIndex);
      if (this.#waiting) return true;
      this.#packet.unref();
    }
  }

  /** When the waiting packet is due, in microseconds of the source. */
  #timeOf(track: Track): number {
    const { dts, pts } = this.#packet;
    const ticks = dts === code.noPts ? pts : dts;
    return ticks === code.noPts ? Number.NEGATIVE_INFINITY : ticksToMicros(ticks, track.from.timeBase);
  }

  /** Moves the waiting packet to its time in the new file; false when it lies outside the cut. */
  #place(track: Track, origin: number): boolean {
    const { fromMs, toMs } = this.#target.cut;
    const { timeBase, codecpar } = track.from;
    const packet = this.#packet;
    if (packet.pts === code.noPts) packet.pts = packet.dts;
    const cover = (track.from.disposition & this.#av.C.AV_DISPOSITION_ATTACHED_PIC) !== 0;
    if (cover) {
      packet.pts = 0n;
      packet.dts = 0n;
      return true;
    }
    if (packet.pts === code.noPts) return true;
    const at = ticksToMicros(packet.pts, timeBase);
    if (toMs !== undefined && at >= startOf(this.#format) + toMs * 1000) return false;
    const shift = microsToTicks(origin, timeBase);
    packet.pts -= shift;
    if (packet.dts !== code.noPts) packet.dts -= shift;
    if (packet.pts >= 0n) return true;
    if (fromMs === undefined) return this.#keepsEarly(track);
    // What begins before the cut and lasts into it: a subtitle is shown for the rest of its time, sound is kept
    // where an edit list can start in the midst of a packet.
    if (packet.pts + packet.duration <= 0n) return false;
    if (codecpar.codecType !== this.#av.C.AVMEDIA_TYPE_SUBTITLE) return this.#target.container.edits;
    packet.duration += packet.pts;
    packet.pts = 0n;
    packet.dts = 0n;
    return true;
  }

  /**
   * Whether sound that begins before zero, only to prime its decoder, can go along. Where it cannot, the muxer would
   * move everything else to make room for it.
   */
  #keepsEarly({ from }: Track): boolean {
    const { edits, format } = this.#target.container;
    const codecDelay = format === 'matroska' || format === 'webm';
    return edits || (codecDelay && from.codecpar.initialPadding > 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const track of this.#tracks.values()) track.close();
    this.#tracks.clear();
    this.#ended = true;
    this.#packet.free();
    await this.#format.closeInput();
  }
}
