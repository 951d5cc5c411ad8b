import { availableParallelism } from 'node:os';
import type { FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Frame, Packet } from 'node-av/lib';
import type { Size } from '../../models/pixels.js';
import type { Ratio, VideoCodec } from '../media.js';
import { type Av, check, isDry } from './av.js';

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
  readonly #av: Av;
  readonly context: CodecContext;
  readonly #packet: Packet;

  private constructor(av: Av, context: CodecContext) {
    this.#av = av;
    this.context = context;
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /**
   * @returns undefined when this build lacks the encoder.
   * @throws AvFailure when the encoder refuses the settings.
   */
  static async open(av: Av, options: EncoderOptions): Promise<PictureEncoder | undefined> {
    const { encoder, live, options: even } = settings[options.codec];
    const own = options.bitrate === undefined ? even : live;
    const codec = av.Codec.findEncoderByName(encoder);
    if (!codec) return undefined;
    const context = new av.CodecContext();
    context.allocContext3(codec);
    try {
      describeStream(av, context, options);
      check(av, await context.open2(codec, av.Dictionary.fromObject(own)), `Cannot start ${encoder}`);
      return new PictureEncoder(av, context);
    } catch (error) {
      context.freeContext();
      throw error;
    }
  }

  /** Encodes a picture (null: no more come) and hands every packet that is ready to `take`, which may keep its data. */
  async encode(picture: Frame | null, take: (packet: Packet) => Promise<void>): Promise<void> {
    check(this.#av, await this.context.sendFrame(picture), 'Cannot encode');
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
  }
}

function describeStream(av: Av, context: CodecContext, options: EncoderOptions): void {
  const { C, Rational } = av;
  const { num, den } = options.frameRate ?? { num: 25, den: 1 };
  Object.assign(context, codedSize(options.codec, options));
  context.pixelFormat = C.AV_PIX_FMT_YUV420P;
  context.timeBase = new Rational(options.timeBase.num, options.timeBase.den);
  context.framerate = new Rational(num, den);
  context.sampleAspectRatio = new Rational(options.pixelAspect.num, options.pixelAspect.den);
  context.colorSpace = C.AVCOL_SPC_BT709;
  context.colorRange = C.AVCOL_RANGE_MPEG;
  context.colorPrimaries = C.AVCOL_PRI_BT709;
  context.colorTrc = C.AVCOL_TRC_BT709;
  context.chromaLocation = C.AVCHROMA_LOC_LEFT;
  // 0 leaves the rate to the quality that `crf` asks for.
  context.bitRate = 0n;
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
