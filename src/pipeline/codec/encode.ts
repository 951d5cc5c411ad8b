import { availableParallelism } from 'node:os';
import type { AVPixelFormat, FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Frame, Packet } from 'node-av/lib';
import type { Size } from '../../models/pixels.js';
import type { Ratio, VideoCodec } from '../media.js';
import { type Av, AvFailure, check, isDry } from './av.js';
import type { HardwareEncoder } from './hardware/kinds.js';
import { pixelFormat, Uploads } from './hardware/surfaces.js';

/** How a codec is encoded: good looks at a pace that leaves the processor to the painter. */
interface Settings {
  readonly encoder: FFEncoderCodec;
  readonly options: Readonly<Record<string, string>>;
  /** Instead of `options`, for an output that is watched while it is written: no picture waits for later ones. */
  readonly live: Readonly<Record<string, string>>;
  /** Whether both sides must be even, as 4:2:0 asks of H.264 and H.265. */
  readonly even: boolean;
}

const settings: Record<VideoCodec, Settings> = {
  h264: {
    encoder: 'libx264' as FFEncoderCodec,
    options: { preset: 'veryfast', crf: '18' },
    live: { preset: 'veryfast', tune: 'zerolatency', 'forced-idr': '1' },
    even: true,
  },
  h265: {
    encoder: 'libx265' as FFEncoderCodec,
    options: { preset: 'veryfast', crf: '22', 'x265-params': 'log-level=none' },
    live: { preset: 'ultrafast', tune: 'zerolatency', 'forced-idr': '1', 'x265-params': 'log-level=none' },
    even: true,
  },
  vp9: {
    encoder: 'libvpx-vp9' as FFEncoderCodec,
    options: { crf: '30', b: '0', deadline: 'realtime', 'cpu-used': '6', 'row-mt': '1', 'tile-columns': '2' },
    live: { deadline: 'realtime', 'cpu-used': '8', 'row-mt': '1', 'tile-columns': '2', 'lag-in-frames': '0' },
    even: false,
  },
  av1: {
    encoder: 'libsvtav1' as FFEncoderCodec,
    options: { preset: '9', crf: '30' },
    live: { preset: '12' },
    even: false,
  },
};

/** What an encoder is opened for. */
export interface EncoderOptions extends Size {
  readonly codec: VideoCodec;
  readonly timeBase: Ratio;
  readonly frameRate: Ratio | undefined;
  readonly pixelAspect: Ratio;
  /** Whether the container wants the stream's headers apart from its packets. */
  readonly globalHeader: boolean;
  /** Whether pictures may be stored out of order. */
  readonly reorder: boolean;
  /** Bits a second of a live output, whose key pictures the caller asks for; left out: a file of even quality. */
  readonly bitrate?: number;
  /** Who encodes instead of the software. */
  readonly hardware?: HardwareEncoder | undefined;
}

/** The size that a codec stores a picture in: 4:2:0 of H.264 and H.265 knows only even sides. */
export function codedSize(codec: VideoCodec, { width, height }: Size): Size {
  if (!settings[codec].even) return { width, height };
  return { width: width + (width % 2), height: height + (height % 2) };
}

/** Seconds between key pictures, at most: how far a player seeks. */
const KEY_SECONDS = 5;
/** Encoders gain nothing from more threads at the sizes that are painted. */
const MAX_THREADS = 16;

/** Compresses 4:2:0 BT.709 pictures. Packets carry times in the given time base. */
export class PictureEncoder implements Disposable {
  readonly context: CodecContext;
  /** FFmpeg's name of who encodes: `libx264`. */
  readonly name: string;
  /** The pixels that it takes. */
  readonly pixels: AVPixelFormat;
  readonly #av: Av;
  readonly #uploads: Uploads | undefined;
  readonly #packet: Packet;

  private constructor(av: Av, { context, name, pixels, uploads }: Opened) {
    this.#av = av;
    this.context = context;
    this.name = name;
    this.pixels = pixels;
    this.#uploads = uploads;
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /**
   * @returns undefined when this build lacks the encoder.
   * @throws AvFailure when the encoder refuses the settings.
   */
  static async open(av: Av, options: EncoderOptions): Promise<PictureEncoder | undefined> {
    const { encoder, live, options: even } = settings[options.codec];
    const { hardware } = options;
    const own = hardware?.options ?? (options.bitrate === undefined ? even : live);
    const name = hardware?.encoder ?? encoder;
    const codec = av.Codec.findEncoderByName(name as FFEncoderCodec);
    if (!codec) return undefined;
    const context = new av.CodecContext();
    context.allocContext3(codec);
    let uploads: Uploads | undefined;
    try {
      const pixels = pixelFormat(av, hardware?.pixels ?? 'yuv420p');
      describeStream(av, context, options);
      context.pixelFormat = pixels;
      uploads = uploadsTo(av, context, hardware);
      check(av, await context.open2(codec, av.Dictionary.fromObject(own)), `Cannot start ${name}`);
      return new PictureEncoder(av, { context, name, pixels, uploads });
    } catch (error) {
      context.freeContext();
      uploads?.[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * The same by hardware where `options` name it and it takes this size, else by software, of which `note` is told.
   * @returns undefined when this build lacks the software's encoder.
   * @throws AvFailure when that refuses the settings.
   */
  static async openAny(
    av: Av,
    options: EncoderOptions,
    note: (sentence: string) => void = () => {},
  ): Promise<PictureEncoder | undefined> {
    if (options.hardware)
      try {
        const encoder = await PictureEncoder.open(av, options);
        if (encoder) return encoder;
      } catch (error) {
        if (!(error instanceof AvFailure)) throw error;
        note(`Hardware does not encode this size, so software does (${error.message}).`);
      }
    return PictureEncoder.open(av, { ...options, hardware: undefined });
  }

  /** Encodes a picture (null: no more come) and hands every packet that is ready to `take`, which may keep its data. */
  async encode(picture: Frame | null, take: (packet: Packet) => Promise<void>): Promise<void> {
    const surface = picture && (await this.#uploads?.upload(picture));
    try {
      check(this.#av, await this.context.sendFrame(surface ?? picture), 'Cannot encode');
    } finally {
      surface?.free();
    }
    for (;;) {
      const result = await this.context.receivePacket(this.#packet);
      if (isDry(result)) return;
      check(this.#av, result, 'Cannot encode');
      try {
        await take(this.#packet);
      } finally {
        this.#packet.unref();
      }
    }
  }

  [Symbol.dispose](): void {
    this.#packet.free();
    this.context.freeContext();
    this.#uploads?.[Symbol.dispose]();
  }
}

interface Opened {
  readonly context: CodecContext;
  readonly name: string;
  readonly pixels: AVPixelFormat;
  readonly uploads: Uploads | undefined;
}

/** Makes an encoder that is not open yet take pictures from the device's memory, where it can only so. */
export function uploadsTo(
  av: Av,
  context: CodecContext,
  hardware: HardwareEncoder | undefined,
): Uploads | undefined {
  if (!hardware?.surfaces) return undefined;
  const uploads = new Uploads(av, { ...hardware, surfaces: hardware.surfaces }, context);
  context.pixelFormat = uploads.format;
  context.hwFramesCtx = uploads.frames;
  return uploads;
}

function describeStream(av: Av, context: CodecContext, options: EncoderOptions): void {
  const { C, Rational } = av;
  const { num, den } = options.frameRate ?? { num: 25, den: 1 };
  Object.assign(context, codedSize(options.codec, options));
  context.timeBase = new Rational(options.timeBase.num, options.timeBase.den);
  context.framerate = new Rational(num, den);
  context.sampleAspectRatio = new Rational(options.pixelAspect.num, options.pixelAspect.den);
  context.colorSpace = C.AVCOL_SPC_BT709;
  context.colorRange = C.AVCOL_RANGE_MPEG;
  context.colorPrimaries = C.AVCOL_PRI_BT709;
  context.colorTrc = C.AVCOL_TRC_BT709;
  context.chromaLocation = C.AVCHROMA_LOC_LEFT;
  // 0 leaves the rate to the quality that the options ask for.
  const bits = options.hardware?.bits ?? 0;
  context.bitRate = BigInt(Math.round((bits * context.width * context.height * num) / den));
  context.gopSize = Math.max(1, Math.min(600, Math.round((KEY_SECONDS * num) / den)));
  context.threadCount = Math.min(MAX_THREADS, availableParallelism());
  // Without it the last frame would last no time, and players (and edit lists) would leave it out.
  context.setFlags(C.AV_CODEC_FLAG_FRAME_DURATION);
  if (options.bitrate !== undefined) aimAt(context, options.bitrate);
  if (!options.reorder) context.maxBFrames = 0;
  if (options.globalHeader) context.setFlags(C.AV_CODEC_FLAG_GLOBAL_HEADER);
}

/** Pictures between keys that nobody asked for, at most. */
const LIVE_KEYS = 600;

/** Holds the rate within every second. */
function aimAt(context: CodecContext, bitrate: number): void {
  context.bitRate = BigInt(bitrate);
  context.rcMaxRate = BigInt(bitrate);
  context.rcBufferSize = bitrate;
  context.gopSize = LIVE_KEYS;
}
