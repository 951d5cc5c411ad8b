import type { FormatContext, Frame as Picture, Stream } from 'node-av/lib';
import { BadInput, Unsupported } from '../../errors.js';
import type { Pixels } from '../../models/pixels.js';
import { type Av, AvFailure, code, loadAv } from '../codec/av.js';
import { ToPixels } from '../codec/color.js';
import { PictureReader } from '../codec/decode.js';
import { describe, fileSeconds, nameOf, uprightOf, videoSeconds } from '../codec/info.js';
import { openFormat, videoStream } from '../codec/open.js';
import { Preparation } from '../codec/prepare.js';
import { microsToTicks, ticksToMicros } from '../codec/ticks.js';
import { WholePictures } from '../codec/whole-pictures.js';
import { borrowedFrame, type Frame } from '../frame.js';
import type { MediaInfo, MediaSource, MediaSourceOptions } from '../media.js';

/** More threads only bring delay and memory: decoding is a small part of painting. */
const DECODER_THREADS = 2;
/** How much earlier to try, in seconds, when a container's seeking lands behind the wanted time. */
const SEEK_BACK = [0, 2, 10, 60] as const;

/** Containers whose demuxer says that it seeks and then yields nothing. */
const cannotSeek = /webp/;
/** Containers that write their duration at their front, by FFmpeg's names. */
const tellsDuration = /matroska|webm|flv|asf|avi|mov/;
/** Containers that tell where each of their streams ends. */
const tellsTrackEnd = /matroska|webm|mov/;
/** Those whose durations count from zero, however late a stream begins. */
const tellsEnd = /matroska|webm/;

/**
 * Opens a video file or URL with node-av.
 * @throws NotFound, BadInput (not a video, no video stream), Unsupported (no decoder), Interrupted.
 */
export async function openMediaSource(path: string, options: MediaSourceOptions = {}): Promise<MediaSource> {
  const av = await loadAv();
  const format = await openFormat(av, path, options.signal);
  try {
    const stream = videoStream(av, format);
    if (!stream) throw new BadInput(`${path} holds no video: ${othersOf(av, format)}.`);
    refuseDolbyVision(av, path, stream);
    const reader = await PictureReader.open(av, format, stream, DECODER_THREADS, options.hardware);
    if (!reader) throw new Unsupported(`${path} holds ${nameOf(av, stream)}, which cannot be decoded here.`);
    return new AvSource(path, { av, format, stream, reader, options });
  } catch (error) {
    await format.closeInput();
    if (error instanceof AvFailure) throw new BadInput(`${path}: ${error.message}.`, { cause: error });
    throw error;
  }
}

function othersOf(av: Av, format: FormatContext): string {
  return format.streams.map((stream) => nameOf(av, stream)).join(', ') || 'no streams at all';
}

/** Profile 5 has colours of its own that only make sense with its metadata; other profiles carry HDR10 or HLG. */
function refuseDolbyVision(av: Av, path: string, { codecpar }: Stream): void {
  const configuration = codecpar.getCodedSideData(av.C.AV_PKT_DATA_DOVI_CONF);
  if (configuration?.[2] !== 5) return;
  throw new Unsupported(`${path} is Dolby Vision (profile 5) video, whose colours cannot be converted.`, {
    hint: 'Convert it to SDR first, for example with HandBrake or ffmpeg’s libplacebo filter.',
  });
}

/** A picture that is shown until the next one, which is not known yet, or for as long as the file says. */
interface Shot {
  readonly pixels: Pixels;
  /** Microseconds, both; a duration of 0 is not known. */
  readonly timestamp: number;
  readonly duration: number;
}

const lasting = ({ pixels, timestamp }: Shot, duration: number | undefined): Frame =>
  borrowedFrame(pixels, { timestamp, duration });

interface Opened {
  readonly av: Av;
  readonly format: FormatContext;
  readonly stream: Stream;
  readonly reader: PictureReader;
  readonly options: MediaSourceOptions;
}

class AvSource implements MediaSource {
  readonly live = false;
  readonly info: MediaInfo;
  readonly #path: string;
  readonly #opened: Opened;
  readonly #pictures: WholePictures;
  readonly #preparation: Preparation;
  readonly #toPixels: ToPixels;
  /** Time span to yield, in microseconds of the file's clock. */
  readonly #from: number;
  readonly #to: number;
  /** The native call in flight: nothing may be freed before it is over. */
  #busy: Promise<unknown> = Promise.resolve();
  #closed = false;
  #started = false;
  #last = Number.NEGATIVE_INFINITY;
  #damage: string | undefined;

  constructor(path: string, opened: Opened) {
    const { av, format, stream, options } = opened;
    this.#path = path;
    this.#opened = opened;
    const stand = uprightOf(av, stream);
    this.info = describe(av, format, stream, stand);
    this.#pictures = new WholePictures(av, opened.reader, stream);
    this.#preparation = new Preparation(av, stand.filters);
    this.#toPixels = new ToPixels(av, this.info);
    const start = this.info.startTimestamp;
    this.#from = options.fromMs === undefined ? Number.NEGATIVE_INFINITY : start + options.fromMs * 1000;
    this.#to = options.toMs === undefined ? Number.POSITIVE_INFINITY : start + options.toMs * 1000;
  }

  get damage(): string | undefined {
    return this.#damage;
  }

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    if (this.#started) throw new Error(`${this.#path} can be read only once.`);
    this.#started = true;
    const { format } = this.#opened;
    const interrupt = () => format.interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      let picture = await this.#turn(() => this.#first());
      let held: Shot | undefined;
      for (; picture && !signal.aborted; picture = await this.#turn(() => this.#pictures.next())) {
        const next = picture;
        const shot = await this.#turn(() => this.#show(next));
        if (!shot || signal.aborted) return;
        if (shot === 'before') continue;
        if (held) yield lasting(held, (shot === 'end' ? this.#to : shot.timestamp) - held.timestamp);
        if (shot === 'end') return;
        held = shot;
      }
      if (signal.aborted) return;
      if (held) yield lasting(held, this.#lastOf(held));
      if (!picture) this.#damage = this.#judge();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof AvFailure)
        throw new BadInput(`${this.#path}: ${error.message}.`, { cause: error });
      throw error;
    } finally {
      signal.removeEventListener('abort', interrupt);
    }
  }

  /** Runs a native step unless the source is closed, and lets `close` wait for it. */
  async #turn<T>(step: () => Promise<T>): Promise<T | undefined> {
    if (this.#closed) return undefined;
    const running = step();
    this.#busy = running.catch(() => undefined);
    return running;
  }

  /** The first picture at or, to be on the safe side, before the wanted start. */
  async #first(): Promise<Picture | undefined> {
    const { av, format, stream } = this.#opened;
    const pictures = this.#pictures;
    // A raw stream has no times to seek by: its pictures are counted from the first.
    const raw = ((format.iformat?.flags ?? 0) & av.C.AVFMT_NOTIMESTAMPS) !== 0;
    if (raw || cannotSeek.test(this.info.container) || this.#from <= this.info.startTimestamp)
      return pictures.next();
    for (const back of SEEK_BACK) {
      const target = this.#from - back * 1e6;
      if (target <= this.info.startTimestamp) break;
      if (!(await pictures.seek(microsToTicks(target, stream.timeBase)))) break;
      const picture = await pictures.next();
      const known = picture && picture.bestEffortTimestamp !== code.noPts;
      if (known && this.#timeOf(picture) <= this.#from) return picture;
    }
    await pictures.seek(stream.startTime === code.noPts ? 0n : stream.startTime);
    return pictures.next();
  }

  #timeOf(picture: Picture): number {
    const { bestEffortTimestamp } = picture;
    const { timeBase, frameRate } = this.info;
    if (bestEffortTimestamp !== code.noPts) return ticksToMicros(bestEffortTimestamp, timeBase);
    // A raw stream without times: one picture after the other at the rate that it claims.
    const step = frameRate ? (1e6 * frameRate.den) / frameRate.num : 40_000;
    return Number.isFinite(this.#last) ? this.#last + step : 0;
  }

  /** A picture as it is to be shown, or where it lies when it is not. */
  async #show(picture: Picture): Promise<Shot | 'before' | 'end'> {
    const { timeBase } = this.info;
    let timestamp = this.#timeOf(picture);
    // Broken files repeat times or step back; a tick forward keeps their order and every encoder content.
    if (timestamp <= this.#last)
      timestamp = ticksToMicros(microsToTicks(this.#last, timeBase) + 1n, timeBase);
    if (timestamp >= this.#to) return 'end';
    this.#last = timestamp;
    if (timestamp < this.#from) return 'before';
    const duration = ticksToMicros(picture.duration, timeBase);
    const prepared = await this.#preparation.prepare(picture);
    return { pixels: await this.#toPixels.convert(prepared), timestamp, duration };
  }

  /** How long the last picture of the file is shown, in microseconds; undefined where nothing tells. */
  #lastOf({ timestamp, duration }: Shot): number | undefined {
    const seconds = tellsTrackEnd.test(this.info.container) ? videoSeconds(this.#opened.stream) : undefined;
    // Where pictures are stored out of order, a packet's duration is that of its place in the file.
    const rest = seconds === undefined ? 0 : Math.round(this.#start + seconds * 1e6) - timestamp;
    const own = rest > 0 && this.#missing((timestamp - this.#start) / 1e6) === undefined ? rest : duration;
    return own > 0 ? Math.min(own, this.#to - timestamp) : undefined;
  }

  /** Where the video's own duration counts from, in microseconds of the file's clock. */
  get #start(): number {
    const { startTime, timeBase } = this.#opened.stream;
    const late = startTime !== code.noPts && !tellsEnd.test(this.info.container);
    return late ? ticksToMicros(startTime, timeBase) : 0;
  }

  /** What was wrong with the file, once it has been read to its end. */
  #judge(): string | undefined {
    const { damaged, others, stopped } = this.#opened.reader.losses;
    const read = Number.isFinite(this.#last) ? Math.max(0, this.#last - this.#start) / 1e6 : 0;
    const whole = this.#missing(read);
    if (whole !== undefined)
      return `${this.#path} is truncated: ${read.toFixed(1)} of ${whole.toFixed(1)} seconds could be read.`;
    if (stopped)
      return `${this.#path} is damaged: reading stopped after ${read.toFixed(1)} seconds (${stopped}).`;
    if (damaged) return `${this.#path} is damaged: ${damaged} of its pictures could not be decoded properly.`;
    if (others) {
      const which =
        others === 1 ? 'a packet of its other streams is' : `${others} packets of its other streams are`;
      return `${this.#path} is damaged: ${which} corrupt.`;
    }
    return undefined;
  }

  /** The seconds that there should be, where clearly fewer were read. */
  #missing(read: number): number | undefined {
    const { format, stream, reader } = this.#opened;
    const slack = 0.5 + 2 * this.#frameSeconds();
    const own = videoSeconds(stream);
    if (own !== undefined) return read + slack < own ? own : undefined;
    // Other containers tell of their longest stream only, or guess from the size of the file.
    const all = tellsDuration.test(this.info.container) ? fileSeconds(format) : undefined;
    const start = tellsEnd.test(this.info.container) ? 0 : this.info.startTimestamp / 1e6;
    const reached = reader.reached - start;
    return all !== undefined && reached + slack < all ? all : undefined;
  }

  #frameSeconds(): number {
    const { frameRate } = this.info;
    return frameRate ? frameRate.den / frameRate.num : 0.04;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#opened.format.interrupt();
    await this.#busy;
    this.#toPixels[Symbol.dispose]();
    this.#preparation[Symbol.dispose]();
    this.#pictures[Symbol.dispose]();
    this.#opened.reader[Symbol.dispose]();
    await this.#opened.format.closeInput();
  }
}
