import type { FFDecoderCodec, FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Frame, Packet } from 'node-av/lib';
import { Unsupported } from '../../errors.js';
import { type Av, check, isDry } from './av.js';
import { OPUS_RATE, opusHead } from './opus.js';

const BIT_RATE = 128_000n;
/** Samples of an AAC packet, for each channel. */
const AAC_FRAME = 1024;

/** Turns Opus packets that follow each other into AAC whose first packet stands at 0. Calls must not overlap. */
export class ToAac implements Disposable {
  readonly encoder: CodecContext;
  readonly #av: Av;
  readonly #decoder: CodecContext;
  readonly #decoded: Frame;
  readonly #input: Frame;
  readonly #packet: Packet;
  /** Samples of each channel that wait for a packet to be full, and how many. */
  readonly #waiting = [new Float32Array(16_384), new Float32Array(16_384)] as const;
  #count = 0;
  #samples = 0n;

  private constructor(av: Av, decoder: CodecContext, encoder: CodecContext) {
    this.#av = av;
    this.#decoder = decoder;
    this.encoder = encoder;
    this.#decoded = new av.Frame();
    this.#decoded.alloc();
    this.#input = inputFrame(av);
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /** @throws Unsupported where a codec is missing; AvFailure */
  static async open(av: Av, globalHeader: boolean): Promise<ToAac> {
    const opus = av.Codec.findDecoderByName('opus' as FFDecoderCodec);
    const aac = av.Codec.findEncoderByName('aac' as FFEncoderCodec);
    if (!opus || !aac) throw new Unsupported('This build of node-av cannot turn Opus into AAC.');
    const decoder = new av.CodecContext();
    decoder.allocContext3(opus);
    const encoder = new av.CodecContext();
    encoder.allocContext3(aac);
    try {
      for (const context of [decoder, encoder]) {
        context.sampleRate = OPUS_RATE;
        context.channelLayout = av.avChannelLayoutDefault(2);
      }
      decoder.extraData = opusHead();
      encoder.sampleFormat = av.C.AV_SAMPLE_FMT_FLTP;
      encoder.bitRate = BIT_RATE;
      encoder.timeBase = new av.Rational(1, OPUS_RATE);
      if (globalHeader) encoder.setFlags(av.C.AV_CODEC_FLAG_GLOBAL_HEADER);
      check(av, await decoder.open2(opus, null), 'Cannot decode Opus');
      check(av, await encoder.open2(aac, null), 'Cannot encode AAC');
      return new ToAac(av, decoder, encoder);
    } catch (error) {
      decoder.freeContext();
      encoder.freeContext();
      throw error;
    }
  }

  /** Hands the AAC packets that an Opus packet of `micros` completes to `take`. */
  async put(opus: Uint8Array, micros: number, take: (packet: Packet) => Promise<void>): Promise<void> {
    const samples = Math.min(5760, Math.round((micros * OPUS_RATE) / 1e6));
    await this.#decode(opus, samples);
    while (this.#count >= AAC_FRAME) {
      await this.#encode(this.#fill(), take);
      this.#count -= AAC_FRAME;
      for (const channel of this.#waiting) channel.copyWithin(0, AAC_FRAME, AAC_FRAME + this.#count);
    }
  }

  /** Hands over what the encoder still holds. */
  async end(take: (packet: Packet) => Promise<void>): Promise<void> {
    await this.#encode(null, take);
  }

  /** Appends exactly so many samples: those of the packet, silence for what it lacks. */
  async #decode(opus: Uint8Array, samples: number): Promise<void> {
    const end = this.#count + samples;
    for (const channel of this.#waiting) channel.fill(0, this.#count, end);
    this.#packet.data = Buffer.from(opus);
    const sent = await this.#decoder.sendPacket(this.#packet);
    this.#packet.unref();
    let at = this.#count;
    while (sent >= 0 && (await this.#decoder.receiveFrame(this.#decoded)) >= 0) {
      const planes = this.#decoded.extendedData ?? [];
      this.#waiting.forEach((channel, side) => {
        const plane = planes[side] ?? planes[0];
        if (!plane || at >= end) return;
        const bytes = Uint8Array.from(plane.subarray(0, Math.min(this.#decoded.nbSamples, end - at) * 4));
        channel.set(new Float32Array(bytes.buffer), at);
      });
      at += this.#decoded.nbSamples;
      this.#decoded.unref();
    }
    this.#count = end;
  }

  #fill(): Frame {
    check(this.#av, this.#input.makeWritable(), 'Cannot encode sound');
    this.#waiting.forEach((channel, side) => {
      this.#input.data![side]!.set(new Uint8Array(channel.buffer, 0, AAC_FRAME * 4));
    });
    this.#input.pts = this.#samples;
    this.#samples += BigInt(AAC_FRAME);
    return this.#input;
  }

  async #encode(frame: Frame | null, take: (packet: Packet) => Promise<void>): Promise<void> {
    check(this.#av, await this.encoder.sendFrame(frame), 'Cannot encode sound');
    for (;;) {
      const result = await this.encoder.receivePacket(this.#packet);
      if (isDry(result)) return;
      check(this.#av, result, 'Cannot encode sound');
      try {
        // The first packet only primes a decoder: without it the sound begins at 0 in every container.
        if (this.#packet.pts >= 0n) await take(this.#packet);
      } finally {
        this.#packet.unref();
      }
    }
  }

  [Symbol.dispose](): void {
    this.#decoded.free();
    this.#input.free();
    this.#packet.free();
    this.#decoder.freeContext();
    this.encoder.freeContext();
  }
}

function inputFrame(av: Av): Frame {
  const frame = new av.Frame();
  frame.alloc();
  frame.format = av.C.AV_SAMPLE_FMT_FLTP;
  frame.sampleRate = OPUS_RATE;
  frame.channelLayout = av.avChannelLayoutDefault(2);
  frame.nbSamples = AAC_FRAME;
  check(av, frame.getBuffer(0), 'Cannot allocate sound');
  return frame;
}
