import type { FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Packet, Frame as Picture } from 'node-av/lib';
import { Unsupported } from '../../errors.js';
import type { Size } from '../../models/pixels.js';
import type { Frame } from '../frame.js';
import type { LiveCodec, PicturePacket } from '../live.js';
import { type Av, check, isDry, loadAv } from './av.js';
import { FromPixels } from './color.js';
import { codedSize } from './encode.js';
import { Turns } from './turns.js';

export interface LiveEncoderOptions {
  /** Bits a second. */
  readonly bitrate?: number;
  /** Frames a second that are expected; frames carry their own times whatever this says. */
  readonly fps?: number;
}

const defaults = { bitrate: 2_000_000, fps: 30 };

/** Bits a second that make sense. */
const MIN_BITRATE = 50_000;
const MAX_BITRATE = 50_000_000;
/** How long, in seconds, the line takes to carry the largest picture: the encoder's buffer. */
const BUFFER_SECONDS = 0.4;
/** libvpx takes another rate only when it starts anew, with a large key picture: small changes are not worth it. */
const WORTH_RESTART = 0.1;

interface Settings {
  readonly encoder: FFEncoderCodec;
  readonly colors: 'bt709' | 'bt601';
  /** Whether the rate can change while it runs. */
  readonly steerable: boolean;
  readonly options: Readonly<Record<string, string>>;
}

const settings: Record<LiveCodec, Settings> = {
  h264: {
    encoder: 'libx264' as FFEncoderCodec,
    colors: 'bt709',
    steerable: true,
    options: {
      preset: 'ultrafast',
      tune: 'zerolatency',
      profile: 'baseline',
      'forced-idr': '1',
      // force-cfr=0: the rate is kept by the frames' own times, whatever their pace.
      'x264-params': 'repeat-headers=1:annexb=1:scenecut=0:force-cfr=0',
    },
  },
  vp8: {
    encoder: 'libvpx' as FFEncoderCodec,
    // What browsers take unmarked VP8 for.
    colors: 'bt601',
    steerable: false,
    options: {
      deadline: 'realtime',
      'cpu-used': '8',
      'lag-in-frames': '0',
      'auto-alt-ref': '0',
      'static-thresh': '1',
      'max-intra-rate': '300',
      'undershoot-pct': '100',
      'overshoot-pct': '15',
      qmin: '2',
      qmax: '56',
    },
  },
};

/** An encoder that is open for one size, and what it needs. */
interface Running {
  readonly size: Size;
  readonly bitrate: number;
  readonly context: CodecContext;
  readonly fromPixels: FromPixels;
}

/**
 * Compresses frames for viewers without delay: a packet for each frame, key pictures on demand only. Frames may change
 * their size, the rate may change; sides are made even by repeating the edge.
 */
export class LiveEncoder implements AsyncDisposable {
  readonly codec: LiveCodec;
  readonly #av: Av;
  readonly #fps: number;
  readonly #packet: Packet;
  readonly #turns = new Turns(() => this.#free());
  #bitrate: number;
  #running: Running | undefined;
  /** The encoder's own clock, which never stands still: microseconds, mostly those of the frames. */
  #last = Number.NEGATIVE_INFINITY;

  private constructor(av: Av, codec: LiveCodec, options: LiveEncoderOptions) {
    this.#av = av;
    this.codec = codec;
    this.#fps = options.fps ?? defaults.fps;
    this.#bitrate = bounded(options.bitrate ?? defaults.bitrate);
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /** @throws Unsupported where node-av is missing or cannot encode it. */
  static async open(codec: LiveCodec, options: LiveEncoderOptions = {}): Promise<LiveEncoder> {
    const av = await loadAv();
    const { encoder } = settings[codec];
    if (!av.Codec.findEncoderByName(encoder))
      throw new Unsupported(`This build of node-av has no encoder ${encoder}.`);
    return new LiveEncoder(av, codec, options);
  }

  /** Bits a second; it may be set at any time, also out of bounds, and holds from the next frame on. */
  get bitrate(): number {
    return this.#bitrate;
  }

  set bitrate(bitrate: number) {
    this.#bitrate = bounded(bitrate);
  }

  /**
   * Compresses a frame, which stays the caller's: keep it until the promise settles. Calls take turns.
   * @returns the packet at the frame's own time; undefined when the encoder left the frame out, or is closed.
   * @throws AvFailure when the encoder refuses.
   */
  encode(frame: Frame, options: { readonly key?: boolean } = {}): Promise<PicturePacket | undefined> {
    return this.#turns.take(() => this.#encode(frame, options.key ?? false));
  }

  async #encode(frame: Frame, key: boolean): Promise<PicturePacket | undefined> {
    const { context, fromPixels } = await this.#ready(frame);
    const { C } = this.#av;
    const picture = await fromPixels.convert(frame);
    try {
      // Encoders refuse times that stand still or go back.
      this.#last = Math.max(Math.round(frame.timestamp), this.#last + 1);
      picture.pts = BigInt(this.#last);
      picture.pictType = key ? C.AV_PICTURE_TYPE_I : C.AV_PICTURE_TYPE_NONE;
      return await this.#send(context, picture, frame.timestamp);
    } finally {
      picture.free();
    }
  }

  async #send(
    context: CodecContext,
    picture: Picture,
    timestamp: number,
  ): Promise<PicturePacket | undefined> {
    const av = this.#av;
    check(av, await context.sendFrame(picture), 'Cannot encode');
    let encoded: PicturePacket | undefined;
    for (;;) {
      const result = await context.receivePacket(this.#packet);
      if (isDry(result)) return encoded;
      check(av, result, 'Cannot encode');
      const { data } = this.#packet;
      // A copy: the packet's own memory goes with `unref`.
      if (data?.length)
        encoded = {
          data: Uint8Array.from(data),
          timestamp,
          key: this.#packet.hasFlags(av.C.AV_PKT_FLAG_KEY),
        };
      this.#packet.unref();
    }
  }

  /** An encoder for frames of this size at the wanted rate. */
  async #ready({ width, height }: Size): Promise<Running> {
    const running = this.#running;
    if (running?.size.width === width && running.size.height === height) {
      if (settings[this.codec].steerable) {
        limit(running.context, this.#bitrate);
        return running;
      }
      if (Math.abs(this.#bitrate / running.bitrate - 1) < WORTH_RESTART) return running;
    }
    this.#stop();
    this.#running = await this.#start({ width, height });
    return this.#running;
  }

  async #start(size: Size): Promise<Running> {
    const av = this.#av;
    const { encoder, options, colors } = settings[this.codec];
    const codec = av.Codec.findEncoderByName(encoder)!;
    const coded = codedSize('h264', size);
    const context = new av.CodecContext();
    context.allocContext3(codec);
    try {
      describe(av, context, { ...coded, colors, fps: this.#fps });
      limit(context, this.#bitrate);
      check(av, await context.open2(codec, av.Dictionary.fromObject(options)), `Cannot start ${encoder}`);
      const fromPixels = new FromPixels(av, coded, av.C.AV_PIX_FMT_YUV420P, colors);
      return { size, bitrate: this.#bitrate, context, fromPixels };
    } catch (error) {
      context.freeContext();
      throw error;
    }
  }

  #stop(): void {
    this.#running?.fromPixels[Symbol.dispose]();
    this.#running?.context.freeContext();
    this.#running = undefined;
  }

  #free(): void {
    this.#stop();
    this.#packet.free();
  }

  /** Waits for the call under way; those that wait give undefined. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#turns[Symbol.asyncDispose]();
  }
}

const bounded = (bitrate: number): number =>
  Math.round(Math.min(MAX_BITRATE, Math.max(MIN_BITRATE, bitrate || 0)));

/** Sets the rate; x264 reads it before each frame. */
function limit(context: CodecContext, bitrate: number): void {
  context.bitRate = BigInt(bitrate);
  context.rcMaxRate = BigInt(bitrate);
  context.rcMinRate = BigInt(bitrate);
  context.rcBufferSize = Math.round(bitrate * BUFFER_SECONDS);
}

function describe(
  av: Av,
  context: CodecContext,
  { width, height, colors, fps }: Size & { colors: Settings['colors']; fps: number },
): void {
  const { C, Rational } = av;
  context.width = width;
  context.height = height;
  context.pixelFormat = C.AV_PIX_FMT_YUV420P;
  // Microseconds: the frames' times come back as they went in.
  context.timeBase = new Rational(1, 1_000_000);
  context.framerate = new Rational(Math.round(fps * 1000), 1000);
  const wide = colors === 'bt709';
  context.colorSpace = wide ? C.AVCOL_SPC_BT709 : C.AVCOL_SPC_SMPTE170M;
  context.colorRange = C.AVCOL_RANGE_MPEG;
  context.colorPrimaries = C.AVCOL_PRI_BT709;
  context.colorTrc = C.AVCOL_TRC_BT709;
  context.chromaLocation = C.AVCHROMA_LOC_LEFT;
  // Key pictures come when someone needs one.
  context.gopSize = 100_000;
  context.maxBFrames = 0;
  context.threadCount = 1;
}
