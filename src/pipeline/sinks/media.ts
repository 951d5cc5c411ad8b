import type { Packet, Stream } from 'node-av/lib';
import { BadInput, Interrupted, Unsupported } from '../../errors.js';
import { type Av, AvFailure, loadAv } from '../codec/av.js';
import { FromPixels } from '../codec/color.js';
import { Companions } from '../codec/companions.js';
import { codedSize, PictureEncoder } from '../codec/encode.js';
import { Muxer } from '../codec/mux.js';
import { microsToTicks } from '../codec/ticks.js';
import { type Container, codecFor, containerOf } from '../containers.js';
import type { Frame } from '../frame.js';
import type { MediaSink, MediaSinkOptions, VideoCodec } from '../media.js';
import { cannotWrite, PartFile } from './part-file.js';

/**
 * Opens a video file for writing with node-av.
 * @throws CannotWrite (exists, no permission, no folder), Unsupported (container, codec), NotFound and BadInput for
 * what `copyFrom` names, Interrupted.
 */
export async function openMediaSink(path: string, options: MediaSinkOptions): Promise<MediaSink> {
  const container = containerOf(path);
  const codec = codecFor(path, container, options.codec);
  if (options.signal?.aborted) throw new Interrupted();
  const av = await loadAv();
  const part = await PartFile.open(path, options.overwrite);
  const opened: (AsyncDisposable | Disposable)[] = [part];
  try {
    const parts = await openParts(av, { path, part, container, codec, options, opened });
    return new AvSink(path, options, { ...parts, part, container });
  } catch (error) {
    await closeAll(opened);
    throw sentence(path, error);
  }
}

interface Parts {
  readonly part: PartFile;
  readonly container: Container;
  readonly muxer: Muxer;
  readonly encoder: PictureEncoder;
  readonly stream: Stream;
  readonly companions: Companions | undefined;
  readonly fromPixels: FromPixels;
}

interface Opening {
  readonly path: string;
  readonly part: PartFile;
  readonly container: Container;
  readonly codec: VideoCodec;
  readonly options: MediaSinkOptions;
  /** Everything that must be closed should a later step fail. */
  readonly opened: (AsyncDisposable | Disposable)[];
}

async function openParts(av: Av, { path, part, container, codec, options, opened }: Opening) {
  const muxer = await Muxer.open(av, part.path, container.format);
  opened.push(muxer);
  const wanted = {
    ...options,
    codec,
    hardware: await options.hardware?.file(codec),
    globalHeader: muxer.wantsGlobalHeader,
    reorder: container.edits || container.format === 'matroska' || container.format === 'webm',
  };
  const encoder = await PictureEncoder.openAny(av, wanted, options.hardware?.note);
  if (!encoder) throw new Unsupported(`${path}: ${codec} cannot be encoded here.`);
  opened.push(encoder);
  const stream = muxer.addStream();
  describeVideo(av, stream, encoder, { container, codec, options });
  const companions = options.copyFrom
    ? await Companions.open(av, options.copyFrom, { muxer, container, video: stream, cut: options })
    : undefined;
  if (companions) opened.push(companions);
  const fromPixels = new FromPixels(av, codedSize(codec, options), encoder.pixels);
  opened.push(fromPixels);
  await muxer.start(container.edits ? editListOptions(options) : {});
  return { muxer, encoder, stream, companions, fromPixels };
}

/** The index goes to the front, for playing while loading; the track keeps the source's ticks. */
function editListOptions({ timeBase }: MediaSinkOptions): Record<string, string> {
  return { movflags: '+faststart', video_track_timescale: String(timeBase.den) };
}

function describeVideo(
  av: Av,
  stream: Stream,
  encoder: PictureEncoder,
  { container, codec, options }: Pick<Opening, 'container' | 'codec' | 'options'>,
): void {
  stream.codecpar.fromContext(encoder.context);
  // Apple's players take H.265 only under this name.
  stream.codecpar.codecTag = container.edits && codec === 'h265' ? 'hvc1' : 0;
  stream.timeBase = encoder.context.timeBase;
  stream.sampleAspectRatio = encoder.context.sampleAspectRatio;
  if (options.frameRate) stream.avgFrameRate = new av.Rational(options.frameRate.num, options.frameRate.den);
  const { width, height } = encoder.context;
  if (width === options.width && height === options.height) return;
  const margins = Buffer.alloc(16);
  margins.writeUInt32LE(height - options.height, 4);
  margins.writeUInt32LE(width - options.width, 12);
  stream.codecpar.addCodedSideData(av.C.AV_PKT_DATA_FRAME_CROPPING, margins);
}

class AvSink implements MediaSink {
  readonly #path: string;
  readonly #options: MediaSinkOptions;
  readonly #parts: Parts;
  readonly #notes: string[] = [];
  /** The native work in flight: nothing may be freed before it is over. */
  #busy: Promise<unknown> = Promise.resolve();
  #state: 'open' | 'closed' = 'open';
  /** Time that becomes 0 in the file, in microseconds; unknown until the first frame. */
  #origin: number | undefined;
  #lastTicks: bigint | undefined;
  #rounded = false;
  /** Ticks that the last frame is shown for: as it says, else as long as the one before it. */
  #shownFor: bigint;

  constructor(path: string, options: MediaSinkOptions, parts: Parts) {
    this.#path = path;
    this.#options = options;
    this.#parts = parts;
    const { num, den } = options.frameRate ?? { num: 25, den: 1 };
    this.#shownFor = microsToTicks((1e6 * den) / num, options.timeBase) || 1n;
  }

  get encoder(): string {
    return this.#parts.encoder.name;
  }

  get notes(): readonly string[] {
    return [...this.#notes, ...(this.#parts.companions?.notes ?? [])];
  }

  async write(frame: Frame): Promise<void> {
    using held = frame;
    await this.#turn(() => this.#encode(held));
  }

  async finish(): Promise<void> {
    await this.#turn(() => this.#finish());
  }

  /** One native job after the other; each fails with a sentence about the file. */
  async #turn(job: () => Promise<void>): Promise<void> {
    const before = this.#busy;
    const running = (async () => {
      await before;
      if (this.#options.signal?.aborted) throw new Interrupted();
      if (this.#state === 'closed') throw new Error(`${this.#path} is closed.`);
      await job();
    })();
    this.#busy = running.catch(() => undefined);
    try {
      await running;
    } catch (error) {
      throw sentence(this.#path, error);
    }
  }

  async #encode(frame: Frame): Promise<void> {
    const { width, height } = this.#options;
    if (frame.width !== width || frame.height !== height)
      throw new Error(`A frame of ${frame.width}x${frame.height} came, not of ${width}x${height}.`);
    const pts = this.#ticksOf(frame.timestamp);
    if (frame.duration !== undefined)
      this.#shownFor = microsToTicks(frame.duration, this.#options.timeBase) || 1n;
    const picture = await this.#parts.fromPixels.convert(frame);
    try {
      picture.pts = pts;
      picture.duration = this.#shownFor;
      await this.#parts.encoder.encode(picture, (packet) => this.#put(packet));
    } finally {
      picture.free();
    }
  }

  /** The frame's time in ticks of the file: past that of the frame before, whatever comes. */
  #ticksOf(timestamp: number): bigint {
    const { timeBase, fromMs, toMs } = this.#options;
    this.#origin ??= fromMs !== undefined || toMs !== undefined || timestamp < 0 ? timestamp : 0;
    let ticks = microsToTicks(timestamp, timeBase) - microsToTicks(this.#origin, timeBase);
    if (this.#lastTicks !== undefined) {
      if (ticks <= this.#lastTicks) ticks = this.#lastTicks + 1n;
      this.#shownFor = ticks - this.#lastTicks;
    }
    this.#lastTicks = ticks;
    this.#watchRounding(timestamp - this.#origin);
    return ticks;
  }

  #watchRounding(micros: number): void {
    const tick = this.#parts.container.tickMicros;
    if (!tick || this.#rounded) return;
    const off = Math.abs(micros - Math.round(micros / tick) * tick);
    if (off < 1) return;
    this.#rounded = true;
    this.#notes.push(
      `Times are rounded: ${this.#parts.container.format} files count in steps of ${tick < 1000 ? '1/90 ms' : '1 ms'}.`,
    );
  }

  async #put(packet: Packet): Promise<void> {
    const { muxer, encoder, stream, companions } = this.#parts;
    const { timeBase } = encoder.context;
    await companions?.upTo((Number(packet.dts) * timeBase.num) / timeBase.den, this.#origin ?? 0);
    // Not every encoder passes on how long a picture is shown, and one that is shown for no time is cut off.
    if (packet.duration === 0n) packet.duration = this.#shownFor;
    await muxer.write(packet, stream, timeBase);
  }

  async #finish(): Promise<void> {
    const { encoder, companions, muxer, part } = this.#parts;
    if (this.#origin === undefined)
      throw new BadInput(`There is nothing to write to ${this.#path}: no frame came.`);
    await encoder.encode(null, (packet) => this.#put(packet));
    await companions?.upTo(Number.POSITIVE_INFINITY, this.#origin);
    await muxer.finish();
    await companions?.writeChapters(part.path, this.#origin);
    await part.commit();
    await this.#close();
  }

  async #close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const { part, muxer, encoder, companions, fromPixels } = this.#parts;
    await closeAll([part, muxer, encoder, ...(companions ? [companions] : []), fromPixels]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#busy;
    await this.#close();
  }
}

/** Closes in reverse order of opening. */
async function closeAll(things: readonly (AsyncDisposable | Disposable)[]): Promise<void> {
  for (const thing of things.toReversed()) {
    if (Symbol.asyncDispose in thing) await thing[Symbol.asyncDispose]();
    else thing[Symbol.dispose]();
  }
}

function sentence(path: string, error: unknown): unknown {
  return error instanceof AvFailure ? cannotWrite(path, error, error.system) : error;
}
