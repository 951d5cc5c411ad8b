import type { FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Packet, Frame as Picture } from 'node-av/lib';
import { Unsupported } from '../../errors.js';
import type { Size } from '../../models/pixels.js';
import type { Frame } from '../frame.js';
import type { LiveCodec, PicturePacket } from '../live.js';
import { type Av, check, isDry, loadAv } from './av.js';
import { FromPixels } from './color.js';
import { codedSize, uploadsTo } from './encode.js';
import type { Hardware } from './hardware/hardware.js';
import type { HardwareEncoder } from './hardware/kinds.js';
import { pixelFormat, type Uploads } from './hardware/surfaces.js';
import { describe, liveSettings, setRate } from './live-settings.js';
import { Pace } from './pace.js';
import { Turns } from './turns.js';

/** How a live encoder begins. */
export interface LiveEncoderOptions {
  /** Bits a second. */
  readonly bitrate?: number;
  /** Frames a second that are expected; frames carry their own times whatever this says. */
  readonly fps?: number;
  /** Where H.264 may be encoded by hardware; software takes over where that fails, also later. */
  readonly hardware?: Hardware | undefined;
  /** This one and no other: for trying it. */
  readonly fixed?: HardwareEncoder;
}

const defaults = { bitrate: 2_000_000, fps: 30 };

/** Bits a second that make sense. */
const MIN_BITRATE = 50_000;
const MAX_BITRATE = 50_000_000;
/** libvpx takes another rate only when it starts anew, with a large key picture: small changes are not worth it. */
const WORTH_RESTART = 0.1;

/** An encoder that is open for one size, and what it needs. */
interface Running {
  readonly size: Size;
  readonly bitrate: number;
  readonly context: CodecContext;
  readonly fromPixels: FromPixels;
  readonly hardware: HardwareEncoder | undefined;
  readonly uploads: Uploads | undefined;
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
  readonly #pace: Pace;
  readonly #fixed: HardwareEncoder | undefined;
  #hardware: Hardware | undefined;
  #bitrate: number;
  #running: Running | undefined;
  /** The encoder's own clock, which never stands still: microseconds, mostly those of the frames. */
  #last = Number.NEGATIVE_INFINITY;

  private constructor(av: Av, codec: LiveCodec, options: LiveEncoderOptions) {
    this.#av = av;
    this.codec = codec;
    this.#fps = options.fps ?? defaults.fps;
    this.#pace = new Pace(this.#fps);
    this.#bitrate = bounded(options.bitrate ?? defaults.bitrate);
    this.#fixed = options.fixed;
    this.#hardware = codec === 'h264' ? options.hardware : undefined;
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /** @throws Unsupported where node-av is missing or cannot encode it. */
  static async open(codec: LiveCodec, options: LiveEncoderOptions = {}): Promise<LiveEncoder> {
    const av = await loadAv();
    const { encoder } = liveSettings[codec];
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
    this.#pace.note(frame.timestamp);
    const running = await this.#ready(frame);
    try {
      return await this.#compress(running, frame, key);
    } catch (error) {
      if (!running.hardware || this.#fixed) throw error;
      this.#leaveHardware(error);
      return this.#compress(await this.#ready(frame), frame, true);
    }
  }

  async #compress(
    { context, fromPixels, uploads }: Running,
    frame: Frame,
    key: boolean,
  ): Promise<PicturePacket | undefined> {
    const { C } = this.#av;
    const picture = await fromPixels.convert(frame);
    let surface: Picture | undefined;
    try {
      // Encoders refuse times that stand still or go back.
      this.#last = Math.max(Math.round(frame.timestamp), this.#last + 1);
      picture.pts = BigInt(this.#last);
      picture.pictType = key ? C.AV_PICTURE_TYPE_I : C.AV_PICTURE_TYPE_NONE;
      surface = await uploads?.upload(picture);
      return await this.#send(context, surface ?? picture, frame.timestamp);
    } finally {
      surface?.free();
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
          data: new Uint8Array(data),
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
      if ((running.hardware ?? liveSettings[this.codec]).steerable) {
        setRate(running.context, this.#bitrate, this.#pace.stretch);
        return running;
      }
      if (Math.abs(this.#bitrate / running.bitrate - 1) < WORTH_RESTART) return running;
    }
    this.#stop();
    this.#running = await this.#start({ width, height });
    return this.#running;
  }

  async #start(size: Size): Promise<Running> {
    const hardware = this.#fixed ?? (await this.#hardware?.live());
    if (!hardware) return this.#open(size);
    try {
      return await this.#open(size, hardware);
    } catch (error) {
      if (this.#fixed) throw error;
      this.#leaveHardware(error);
      return this.#open(size);
    }
  }

  async #open(size: Size, hardware?: HardwareEncoder): Promise<Running> {
    const av = this.#av;
    const { colors, ...software } = liveSettings[this.codec];
    const { encoder, options } = hardware ?? software;
    const codec = av.Codec.findEncoderByName(encoder as FFEncoderCodec);
    if (!codec) throw new Unsupported(`This build of node-av has no encoder ${encoder}.`);
    const coded = codedSize('h264', size);
    const context = new av.CodecContext();
    context.allocContext3(codec);
    let uploads: Uploads | undefined;
    try {
      const pixels = pixelFormat(av, hardware?.pixels ?? 'yuv420p');
      describe(av, context, { ...coded, colors, fps: this.#fps });
      context.pixelFormat = pixels;
      setRate(context, this.#bitrate);
      uploads = uploadsTo(av, context, hardware);
      check(av, await context.open2(codec, av.Dictionary.fromObject(options)), `Cannot start ${encoder}`);
      const fromPixels = new FromPixels(av, coded, pixels, colors);
      return { size, bitrate: this.#bitrate, context, fromPixels, hardware, uploads };
    } catch (error) {
      context.freeContext();
      uploads?.[Symbol.dispose]();
      throw error;
    }
  }

  /** Encodes by software from now on. */
  #leaveHardware(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#hardware?.note(`Hardware does not encode this stream, so software does (${why}).`);
    this.#stop();
    this.#hardware = undefined;
  }

  #stop(): void {
    this.#running?.fromPixels[Symbol.dispose]();
    this.#running?.context.freeContext();
    this.#running?.uploads?.[Symbol.dispose]();
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
