import type { FFDecoderCodec } from 'node-av/constants';
import type { CodecContext, Packet, Frame as Picture } from 'node-av/lib';
import { Unsupported } from '../../errors.js';
import { borrowedFrame, type Frame } from '../frame.js';
import type { LiveCodec, PicturePacket } from '../live.js';
import type { PictureColors } from '../rtp/color-space.js';
import { type Av, check, code, isDry, loadAv } from './av.js';
import { ToPixels } from './color.js';
import { Turns } from './turns.js';

/** An encoded picture as it came in: what a sender of live video tells of it. */
export interface LiveUnit extends PicturePacket {
  /** What the RTP packets said about its colours. A key picture's hold until the next key picture's. */
  readonly colors?: PictureColors | undefined;
}

/** Pixels of the largest picture that is decoded: 4096 by 2304, as H.264 level 5.1 allows. */
const MAX_PIXELS = 4096 * 2304;
/** Units that may wait to be decoded; more means that decoding cannot keep up at all. */
const MAX_WAITING = 120;

const always = (): boolean => true;

/**
 * Decodes a live stream into full-range RGB, one picture for each unit, and survives whatever the stream holds: damaged
 * pictures are left out, and so is all that follows up to the next key picture.
 */
export class LiveDecoder implements AsyncDisposable {
  readonly codec: LiveCodec;
  /** Units that were damaged, came too fast, or waited for a key picture. */
  dropped = 0;
  readonly #av: Av;
  readonly #context: CodecContext;
  readonly #packet: Packet;
  readonly #picture: Picture;
  readonly #turns = new Turns(() => this.#free());
  #toPixels: { readonly width: number; readonly height: number; readonly converter: ToPixels } | undefined;
  #needsKey = true;
  #colors: PictureColors | undefined;

  private constructor(av: Av, codec: LiveCodec, context: CodecContext) {
    this.#av = av;
    this.codec = codec;
    this.#context = context;
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#picture = new av.Frame();
    this.#picture.alloc();
  }

  /** @throws Unsupported where node-av is missing or cannot decode it. */
  static async open(codec: LiveCodec): Promise<LiveDecoder> {
    const av = await loadAv();
    const decoder = av.Codec.findDecoderByName(codec as FFDecoderCodec);
    if (!decoder) throw new Unsupported(`This build of node-av has no decoder for ${codec}.`);
    const context = new av.CodecContext();
    context.allocContext3(decoder);
    try {
      // More threads would hold pictures back.
      context.threadCount = 1;
      context.setFlags(av.C.AV_CODEC_FLAG_LOW_DELAY);
      context.pktTimebase = new av.Rational(1, 1_000_000);
      const limits = av.Dictionary.fromObject({ max_pixels: String(MAX_PIXELS) });
      check(av, await context.open2(decoder, limits), `Cannot open the decoder for ${codec}`);
      return new LiveDecoder(av, codec, context);
    } catch (error) {
      context.freeContext();
      throw error;
    }
  }

  /** Whether nothing can be shown before the next key picture: ask the sender for one. */
  get needsKey(): boolean {
    return this.#needsKey;
  }

  /** Units that wait behind the one at work. */
  get waiting(): number {
    return this.#turns.waiting;
  }

  /**
   * Decodes the next unit. Calls need not wait for each other: they take turns.
   * @param wanted asked when the picture is decoded: false leaves out its conversion to RGB, which costs as much again.
   * `() => decoder.waiting === 0` shows the newest only while the caller is behind.
   * @returns the picture at the unit's time; undefined where there is none to show. Never rejects because of the data.
   */
  decode(unit: LiveUnit, wanted: () => boolean = always): Promise<Frame | undefined> {
    if (this.waiting >= MAX_WAITING) {
      this.#spoil();
      return Promise.resolve(undefined);
    }
    return this.#turns.take(() => this.#decode(unit, wanted));
  }

  /** The caller lost units: nothing more is shown, also of those that wait, until a key picture. */
  lost(): void {
    this.#needsKey = true;
  }

  #spoil(): undefined {
    this.#needsKey = true;
    this.dropped++;
  }

  async #decode(unit: LiveUnit, wanted: () => boolean): Promise<Frame | undefined> {
    if ((this.#needsKey && !unit.key) || unit.data.length === 0) return this.#spoil();
    if (unit.key || unit.colors) this.#colors = unit.colors;
    if (!(await this.#feed(unit))) return this.#spoil();
    if (unit.key) this.#needsKey = false;
    let shown: Frame | undefined;
    for (;;) {
      this.#picture.unref();
      const got = await this.#context.receiveFrame(this.#picture);
      if (isDry(got)) return shown;
      if (got < 0 || this.#isDamaged()) {
        shown?.[Symbol.dispose]();
        return this.#spoil();
      }
      if (!wanted()) continue;
      shown?.[Symbol.dispose]();
      shown = await this.#show(unit.timestamp);
      if (!shown) return this.#spoil();
    }
  }

  async #feed({ data, timestamp, key }: LiveUnit): Promise<boolean> {
    try {
      this.#packet.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      this.#packet.pts = BigInt(Math.round(timestamp));
      this.#packet.dts = this.#packet.pts;
      if (key) this.#packet.setFlags(this.#av.C.AV_PKT_FLAG_KEY);
      return (await this.#context.sendPacket(this.#packet)) >= 0;
    } finally {
      this.#packet.unref();
    }
  }

  #isDamaged(): boolean {
    return (
      this.#picture.decodeErrorFlags !== 0 ||
      this.#picture.hasFlags(this.#av.C.AV_FRAME_FLAG_CORRUPT) ||
      this.#picture.width * this.#picture.height > MAX_PIXELS
    );
  }

  /** The decoded picture as a frame; undefined where its format cannot be converted. */
  async #show(fallback: number): Promise<Frame | undefined> {
    const picture = this.#picture;
    const { pts, width, height } = picture;
    const timestamp = pts === code.noPts ? fallback : Number(pts);
    this.#applyColors(picture);
    try {
      if (this.#toPixels?.width !== width || this.#toPixels.height !== height) {
        this.#toPixels?.converter[Symbol.dispose]();
        this.#toPixels = undefined;
        this.#toPixels = { width, height, converter: new ToPixels(this.#av, { width, height }) };
      }
      return borrowedFrame(await this.#toPixels.converter.convert(picture), timestamp);
    } catch {
      return undefined;
    }
  }

  /** H.264 says its colours itself, mostly; VP8 cannot, and FFmpeg takes it for BT.601, limited. */
  #applyColors(picture: Picture): void {
    const { C } = this.#av;
    const colors = this.#colors;
    const silent = (told: number, unspecified: number) => this.codec === 'vp8' || told === unspecified;
    if (colors?.matrix !== undefined && silent(picture.colorSpace, C.AVCOL_SPC_UNSPECIFIED))
      picture.colorSpace = colors.matrix as typeof picture.colorSpace;
    if (colors?.full !== undefined && silent(picture.colorRange, C.AVCOL_RANGE_UNSPECIFIED))
      picture.colorRange = colors.full ? C.AVCOL_RANGE_JPEG : C.AVCOL_RANGE_MPEG;
  }

  #free(): void {
    this.#toPixels?.converter[Symbol.dispose]();
    this.#packet.free();
    this.#picture.free();
    this.#context.freeContext();
  }

  /** Waits for the call under way; those that wait give undefined. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#turns[Symbol.asyncDispose]();
  }
}
