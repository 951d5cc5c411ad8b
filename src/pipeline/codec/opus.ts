import type { FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Frame, Packet } from 'node-av/lib';
import { Unsupported } from '../../errors.js';
import { type Av, check, isDry, loadAv } from './av.js';

/** Samples a second of all Opus here, for each of two channels. */
export const OPUS_RATE = 48_000;
/** Samples of one packet, for each channel: 20 ms. */
export const OPUS_FRAME = 960;
/** How long one packet of ours sounds, in microseconds. */
export const OPUS_MICROS = 20_000;
/** How much later than it went in sound comes out of libopus, in microseconds: 312 samples. */
export const OPUS_DELAY_MICROS = 6500;
/** A packet of 20 ms stereo silence (CELT, full band), as encoders write it. */
export const OPUS_SILENCE: Uint8Array = Uint8Array.of(0xfc, 0xff, 0xfe);

/** Microseconds of one frame by configuration, the upper five bits of a packet's first byte (RFC 6716, table 2). */
const FRAME_MICROS = [10_000, 20_000, 40_000, 60_000] as const;
const frameMicros = (config: number): number => {
  if (config < 12) return FRAME_MICROS[config & 3]!;
  if (config < 16) return config & 1 ? 20_000 : 10_000;
  return 2500 << (config & 3);
};

/** How long an Opus packet sounds, in microseconds; 0 for what is none. RFC 6716, section 3.1. */
export function opusMicros(packet: Uint8Array): number {
  const [toc, count] = packet;
  if (toc === undefined) return 0;
  const frames = [1, 2, 2, (count ?? 0) & 63][toc & 3]!;
  const micros = frames * frameMicros(toc >> 3);
  return micros <= 120_000 ? micros : 0;
}

/** The header that containers want of a stereo stream (RFC 7845, section 5.1); it begins in mid-stream: nothing to skip. */
export function opusHead(): Buffer {
  const head = Buffer.alloc(19);
  head.write('OpusHead');
  head[8] = 1;
  head[9] = 2;
  head.writeUInt32LE(OPUS_RATE, 12);
  return head;
}

/** Bits a second: transparent for music. */
const BIT_RATE = 96_000n;

/** Encodes stereo sound at 48 kHz, 20 ms at a time. Calls must not overlap. */
export class OpusEncoder implements Disposable {
  readonly #av: Av;
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packet: Packet;
  #samples = 0n;

  private constructor(av: Av, context: CodecContext) {
    this.#av = av;
    this.#context = context;
    this.#frame = soundFrame(av, OPUS_FRAME);
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /** @throws Unsupported where node-av or its libopus is missing. */
  static async open(): Promise<OpusEncoder> {
    const av = await loadAv();
    const codec = av.Codec.findEncoderByName('libopus' as FFEncoderCodec);
    if (!codec) throw new Unsupported('This build of node-av cannot encode Opus.');
    const context = new av.CodecContext();
    context.allocContext3(codec);
    context.sampleRate = OPUS_RATE;
    context.sampleFormat = av.C.AV_SAMPLE_FMT_FLT;
    context.channelLayout = av.avChannelLayoutDefault(2);
    context.bitRate = BIT_RATE;
    context.timeBase = new av.Rational(1, OPUS_RATE);
    try {
      check(av, await context.open2(codec, av.Dictionary.fromObject({ frame_duration: '20' })), 'Opus');
      return new OpusEncoder(av, context);
    } catch (error) {
      context.freeContext();
      throw error;
    }
  }

  /** The packet of `OPUS_FRAME` sample pairs, left before right, in -1 to 1. */
  async encode(samples: Float32Array): Promise<Uint8Array> {
    check(this.#av, this.#frame.makeWritable(), 'Cannot encode sound');
    this.#frame.data![0]!.set(new Uint8Array(samples.buffer, samples.byteOffset, OPUS_FRAME * 8));
    this.#frame.pts = this.#samples;
    this.#samples += BigInt(OPUS_FRAME);
    check(this.#av, await this.#context.sendFrame(this.#frame), 'Cannot encode sound');
    const result = await this.#context.receivePacket(this.#packet);
    if (isDry(result)) return OPUS_SILENCE;
    check(this.#av, result, 'Cannot encode sound');
    const data = Uint8Array.from(this.#packet.data ?? OPUS_SILENCE);
    this.#packet.unref();
    return data;
  }

  [Symbol.dispose](): void {
    this.#frame.free();
    this.#packet.free();
    this.#context.freeContext();
  }
}

/** Memory for interleaved stereo sound at 48 kHz. The caller frees it. */
function soundFrame(av: Av, samples: number): Frame {
  const frame = new av.Frame();
  frame.alloc();
  frame.format = av.C.AV_SAMPLE_FMT_FLT;
  frame.sampleRate = OPUS_RATE;
  frame.channelLayout = av.avChannelLayoutDefault(2);
  frame.nbSamples = samples;
  check(av, frame.getBuffer(0), 'Cannot allocate sound');
  return frame;
}
