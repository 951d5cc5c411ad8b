import { BadInput, Interrupted, Unsupported } from '../../errors.js';
import { microsToTicks, ticksToMicros } from '../codec/ticks.js';
import { checkFile } from '../ffmpeg/check-file.js';
import { colorsOf } from '../ffmpeg/color.js';
import { machineFault } from '../ffmpeg/command.js';
import { judge, missing } from '../ffmpeg/damage.js';
import { Decoding, type DecodingPlan } from '../ffmpeg/decoding.js';
import { describe, endOf, nameOf, uprightOf, videoStream } from '../ffmpeg/info.js';
import type { NutFrame } from '../ffmpeg/nut-reader.js';
import { type Probed, type ProbedFrame, type ProbedStream, probe } from '../ffmpeg/probe.js';
import type { Ended } from '../ffmpeg/process.js';
import { toRgb } from '../ffmpeg/to-rgb.js';
import { findFfmpeg } from '../ffmpeg/tool.js';
import { DEINTERLACE, fieldsOf } from '../fields.js';
import { type Frame, frame } from '../frame.js';
import type { MediaInfo, MediaSource, MediaSourceOptions } from '../media.js';

/** Which part to read, and how long it may take. */
export interface FfmpegSourceOptions extends MediaSourceOptions {
  /** Milliseconds, by the clock on the wall, after which reading ends with an error. Left out: no limit. */
  readonly limitMs?: number;
}

/** How much earlier to try, in seconds, when a container's seeking lands behind the wanted time. */
const SEEK_BACK = [0, 2, 10, 60] as const;

/** Containers whose clock may begin anew, where recordings were joined. */
const jumps = /^mpeg/;
/** So many pictures a tick after the one before are no disorder any more: ffmpeg moved them, as their clock stepped back. */
const CRUSHED = 4;

/**
 * Opens a video file with the system's ffmpeg: in a process of its own, held to allow-lists of protocols, containers
 * and codecs, that may write no files.
 * @throws NotFound, BadInput (not a video, no video stream, a kind that is not allowed), Unsupported (no ffmpeg, no
 * decoder, colours that it cannot convert), Interrupted.
 */
export async function openFfmpegSource(
  path: string,
  options: FfmpegSourceOptions = {},
): Promise<MediaSource> {
  const { signal, limitMs } = options;
  if (signal?.aborted) throw new Interrupted();
  await checkFile(path);
  const tool = await findFfmpeg(signal);
  const probed = await probe(tool, path, { signal, look: 'all' });
  const stream = videoStream(probed);
  if (!stream) {
    const others = probed.streams.map(nameOf).join(', ') || 'no streams at all';
    throw new BadInput(`${path} holds no video: ${others}.`);
  }
  refuseDolbyVision(path, stream);
  const picture =
    pictureOf(path, stream, probed) ??
    pictureOf(path, stream, await probe(tool, path, { signal, look: stream.index }));
  const stand = uprightOf(stream);
  const info = describe(probed, stream, stand);
  const colors = colorsOf(stream, picture);
  const whole = deinterlaced(stream, picture);
  const filters = [...whole, ...(await toRgb(tool, path, { colors, stand, signal }))];
  const cropped = stream.side_data_list?.some(({ crop_top }) => crop_top !== undefined) ?? false;
  const plan = {
    tool,
    path,
    stream: stream.index,
    filters,
    cropped,
    oneChain: whole.length > 0,
    limitMs,
    ...info,
  };
  return new FfmpegSource(info, { plan, probed, stream, options });
}

/** Profile 5 has colours of its own that only make sense with its metadata; other profiles carry HDR10 or HLG. */
function refuseDolbyVision(path: string, { side_data_list }: ProbedStream): void {
  if (!side_data_list?.some(({ dv_profile }) => dv_profile === 5)) return;
  throw new Unsupported(`${path} is Dolby Vision (profile 5) video, whose colours cannot be converted.`, {
    hint: 'Convert it to SDR first, for example with HandBrake or ffmpeg’s libplacebo filter.',
  });
}

/** Formats that the filter takes as they are, so that films which are never interlaced pass untouched. */
const taken = /^yuvj?4(20|22|44)p(1[02]le)?$/;

/**
 * Filters that make whole pictures of interlaced ones, wherever in a film they begin. The first brings all pictures to
 * one size: where that changed, ffmpeg would build the filters anew and forget the picture that the other keeps back.
 */
function deinterlaced(stream: ProbedStream, picture?: ProbedFrame): string[] {
  const { codec_name = '', field_order = '', pix_fmt = '', width, height } = stream;
  const fields = fieldsOf(codec_name, field_order);
  const whole = [`scale=${width}:${height}:interl=-1`, DEINTERLACE];
  if (fields === 'tff' || fields === 'bff') return [`setfield=${fields}`, ...whole];
  const told = picture?.interlaced_frame === 1 || /^[tb][tb]$/.test(field_order);
  return fields === 'as told' && (told || taken.test(pix_fmt)) ? whole : [];
}

/** The first picture of a stream, if ffprobe saw any. */
function pictureOf(
  path: string,
  stream: ProbedStream,
  { frames, errors }: Awaited<ReturnType<typeof probe>>,
) {
  if (errors.has(/exceeds specified max pixel count/))
    throw new Unsupported(`${path} has pictures larger than 7680x4320.`);
  const picture = frames.find(({ stream_index }) => stream_index === stream.index);
  if (!picture && (errors.has(/not on whitelist|Unsupported codec/) || !stream.pix_fmt))
    throw new Unsupported(`${path} holds ${nameOf(stream)}, which cannot be decoded here.`);
  return picture;
}

/** A picture that is shown until the next one, which is not known yet. */
interface Shot {
  readonly data: Uint8Array;
  /** Microseconds. */
  readonly timestamp: number;
}

interface Opened {
  readonly plan: DecodingPlan;
  readonly probed: Probed;
  readonly stream: ProbedStream;
  readonly options: FfmpegSourceOptions;
}

class FfmpegSource implements MediaSource {
  readonly live = false;
  readonly info: MediaInfo;
  damage: string | undefined;
  readonly #opened: Opened;
  /** Time span to yield, in microseconds of the file's clock. */
  readonly #from: number;
  readonly #to: number;
  /** Ticks added to all times for their way through the pipe, which carries none below 0. */
  readonly #lift: bigint;
  readonly #closed = new AbortController();
  #decoding: Decoding | undefined;
  #started = false;
  #last = Number.NEGATIVE_INFINITY;
  /** Pictures in a row that come a tick after the one before, at most. */
  #crushed = 0;

  constructor(info: MediaInfo, opened: Opened) {
    const { plan, stream, options } = opened;
    this.info = info;
    this.#lift = BigInt(Math.max(0, -(stream.start_pts ?? 0)));
    const lift = this.#lift > 0n ? [`setpts=PTS+${this.#lift}`] : [];
    // First, while times count in ticks of the stream.
    this.#opened = { ...opened, plan: { ...plan, filters: [...lift, ...plan.filters] } };
    const start = info.startTimestamp;
    this.#from = options.fromMs === undefined ? Number.NEGATIVE_INFINITY : start + options.fromMs * 1000;
    this.#to = options.toMs === undefined ? Number.POSITIVE_INFINITY : start + options.toMs * 1000;
  }

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    const { plan, options } = this.#opened;
    if (this.#started) throw new Error(`${plan.path} can be read only once.`);
    this.#started = true;
    const halts = [signal, this.#closed.signal, options.signal].filter((halt) => halt !== undefined);
    const halt = AbortSignal.any(halts);
    try {
      let held: Shot | undefined;
      for (let next = await this.#first(halt); next && !halt.aborted; next = await this.#decoding?.next()) {
        const timestamp = this.#timeOf(next);
        if (held) yield this.#shown(held, Math.min(timestamp, this.#to));
        if (timestamp >= this.#to) return;
        this.#last = timestamp;
        held = timestamp >= this.#from ? { data: next.data, timestamp } : undefined;
      }
      if (halt.aborted || !this.#decoding) return;
      const ended = await this.#decoding.ended;
      if (held) yield this.#shown(held, this.#end(ended));
      if (!halt.aborted) this.#conclude(ended);
    } catch (error) {
      if (!halt.aborted) throw error;
    } finally {
      await this.#decoding?.[Symbol.asyncDispose]();
    }
  }

  /** A frame that is shown until a time of the file's clock, in microseconds, where it is known. */
  #shown({ data, timestamp }: Shot, until: number | undefined): Frame {
    const { width, height } = this.info;
    const duration = until !== undefined && until > timestamp ? until - timestamp : undefined;
    return frame({ data, width, height }, { timestamp, duration });
  }

  /** Where the last picture ends: only the file tells, if it has been read to its end. */
  #end(ended: Ended): number | undefined {
    const { probed, stream } = this.#opened;
    const reading = { ended, probed, stream, info: this.info, last: this.#last };
    const end = missing(reading) ? undefined : endOf(probed, stream);
    return end === undefined ? undefined : Math.min(end, this.#to);
  }

  /** Starts ffmpeg; the first frame at or, to be on the safe side, before the wanted start. */
  async #first(halt: AbortSignal): Promise<NutFrame | undefined> {
    for (const back of SEEK_BACK) {
      const skip = this.#from - this.info.startTimestamp - back * 1e6;
      if (!(skip > 0) || halt.aborted) break;
      const first = await this.#begin(skip, halt);
      if (first && this.#timeOf(first) <= this.#from) return first;
    }
    return this.#begin(0, halt);
  }

  async #begin(skip: number, halt: AbortSignal): Promise<NutFrame | undefined> {
    await this.#decoding?.[Symbol.asyncDispose]();
    this.#decoding = await Decoding.start(this.#opened.plan, skip, halt);
    return this.#decoding.next();
  }

  /** When a frame is shown, in microseconds; later than the one before it. @throws BadInput where the clock begins anew */
  #timeOf({ ticks, timeBase }: NutFrame): number {
    const own = this.info.timeBase;
    const lifted = microsToTicks(ticksToMicros(BigInt(ticks), timeBase), own);
    const timestamp = ticksToMicros(lifted - this.#lift, own);
    const tick = (1e6 * own.num) / own.den;
    this.#crushed = timestamp - this.#last < 2 * tick ? this.#crushed + 1 : 0;
    if (jumps.test(this.info.container) && this.#crushed >= CRUSHED) throw this.#joined();
    if (timestamp > this.#last) return timestamp;
    // Broken files repeat times or step back; a tick forward keeps their order and every encoder content.
    return ticksToMicros(microsToTicks(this.#last, own) + 1n, own);
  }

  /** Sound is read by another process, which would not come to the same times. */
  #joined(): Error {
    const seconds = ((this.#last - this.info.startTimestamp) / 1e6).toFixed(1);
    return new BadInput(
      `${this.#opened.plan.path} begins its clock anew after ${seconds} seconds, which --media ffmpeg cannot follow.`,
      { hint: 'Leave out --media ffmpeg, or join the recordings with ffmpeg’s concat demuxer.' },
    );
  }

  /** @throws what kept ffmpeg from reading the file, if no part of it could be read. */
  #conclude(ended: Ended): void {
    const fault = machineFault(ended);
    if (fault) throw fault;
    const { plan, probed, stream } = this.#opened;
    this.damage = judge(plan.path, { ended, probed, stream, info: this.info, last: this.#last });
    if (ended.code !== 0 && !Number.isFinite(this.#last))
      throw new BadInput(this.damage ?? `${plan.path} cannot be read as a video.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#decoding?.[Symbol.asyncDispose]();
  }
}
