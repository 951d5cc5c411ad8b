import type { AVSampleFormat, FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Frame, Packet, Stream } from 'node-av/lib';
import type { Container } from '../containers.js';
import { type Av, check, isDry } from './av.js';
import { FilterChain } from './filter.js';

/** Re-encodes sound for a container that cannot hold it as it is: Opus for WebM, AAC for the rest. */
export class SoundTranscoder implements Disposable {
  readonly encoder: CodecContext;
  readonly #av: Av;
  readonly #decoder: CodecContext;
  readonly #from: Stream;
  readonly #frame: Frame;
  readonly #packet: Packet;
  #chain: FilterChain | undefined;

  private constructor(av: Av, from: Stream, decoder: CodecContext, encoder: CodecContext) {
    this.#av = av;
    this.#from = from;
    this.#decoder = decoder;
    this.encoder = encoder;
    this.#frame = new av.Frame();
    this.#frame.alloc();
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /** @returns undefined when the sound can be neither decoded nor encoded. */
  static async open(
    av: Av,
    from: Stream,
    container: Container,
    globalHeader: boolean,
  ): Promise<SoundTranscoder | undefined> {
    const decoder = await openDecoder(av, from);
    if (!decoder) return undefined;
    const encoder = await openEncoder(av, decoder, container, globalHeader);
    if (encoder) return new SoundTranscoder(av, from, decoder, encoder);
    decoder.freeContext();
    return undefined;
  }

  /** Hands every packet that is ready to `take`. */
  async put(packet: Packet | null, take: (packet: Packet) => Promise<void>): Promise<void> {
    // A damaged packet leaves a gap; the sound goes on after it.
    if ((await this.#decoder.sendPacket(packet)) < 0 && packet) return;
    while ((await this.#decoder.receiveFrame(this.#frame)) >= 0) {
      this.#frame.pts = this.#frame.bestEffortTimestamp;
      this.#chain ??= await this.#openChain(this.#frame);
      await this.#chain.send(this.#frame);
      this.#frame.unref();
      await this.#drain(take);
    }
  }

  async end(take: (packet: Packet) => Promise<void>): Promise<void> {
    await this.put(null, take);
    await this.#chain?.send(null);
    if (this.#chain) await this.#drain(take);
    await this.#encode(null, take);
  }

  async #drain(take: (packet: Packet) => Promise<void>): Promise<void> {
    while (await this.#chain?.receive(this.#frame)) {
      // The chain counts in samples, as the encoder does.
      await this.#encode(this.#frame, take);
      this.#frame.unref();
    }
  }

  async #encode(frame: Frame | null, take: (packet: Packet) => Promise<void>): Promise<void> {
    check(this.#av, await this.encoder.sendFrame(frame), 'Cannot encode sound');
    for (;;) {
      const result = await this.encoder.receivePacket(this.#packet);
      if (isDry(result)) return;
      check(this.#av, result, 'Cannot encode sound');
      await take(this.#packet);
      this.#packet.unref();
    }
  }

  /** Sound as it is decoded in, in the encoder's format and portions out. */
  async #openChain(first: Frame): Promise<FilterChain> {
    const av = this.#av;
    const { num, den } = this.#from.timeBase;
    const layout = av.avChannelLayoutDescribe(first.channelLayout);
    const source = [
      `abuffer@in=time_base=${num}/${den}`,
      `sample_rate=${first.sampleRate}`,
      `sample_fmt=${av.avGetSampleFmtName(first.format as AVSampleFormat)}`,
      `channel_layout=${layout}`,
    ].join(':');
    const { sampleRate, sampleFormat, channelLayout, frameSize } = this.encoder;
    const filters = [
      // Gaps become silence, so that sound stays with the picture.
      `aresample=${sampleRate}:async=1`,
      `aformat=sample_fmts=${av.avGetSampleFmtName(sampleFormat)}:channel_layouts=${av.avChannelLayoutDescribe(channelLayout)}`,
      `asettb=1/${sampleRate}`,
      ...(frameSize > 0 ? [`asetnsamples=n=${frameSize}:p=0`] : []),
    ];
    return FilterChain.open(av, source, filters.join(','), 'audio');
  }

  [Symbol.dispose](): void {
    this.#chain?.[Symbol.dispose]();
    this.#frame.free();
    this.#packet.free();
    this.encoder.freeContext();
    this.#decoder.freeContext();
  }
}

async function openDecoder(av: Av, from: Stream): Promise<CodecContext | undefined> {
  const codec = av.Codec.findDecoder(from.codecpar.codecId);
  if (!codec) return undefined;
  const decoder = new av.CodecContext();
  decoder.allocContext3(codec);
  decoder.pktTimebase = from.timeBase;
  if (decoder.parametersToContext(from.codecpar) >= 0 && (await decoder.open2(codec, null)) >= 0)
    return decoder;
  decoder.freeContext();
  return undefined;
}

/** Bits a second for each channel. */
const BIT_RATE = { opus: 64_000, aac: 96_000 };

async function openEncoder(
  av: Av,
  decoder: CodecContext,
  container: Container,
  globalHeader: boolean,
): Promise<CodecContext | undefined> {
  const opus = container.format === 'webm';
  const codec = av.Codec.findEncoderByName((opus ? 'libopus' : 'aac') as FFEncoderCodec);
  if (!codec) return undefined;
  // Both encoders take up to eight channels in the usual layouts; odd ones are mixed to stereo.
  const channels = decoder.channelLayout.nbChannels > 2 ? 6 : decoder.channelLayout.nbChannels || 2;
  const encoder = new av.CodecContext();
  encoder.allocContext3(codec);
  encoder.sampleRate = opus ? 48_000 : Math.min(decoder.sampleRate || 48_000, 96_000);
  encoder.sampleFormat = codec.sampleFormats?.[0] ?? av.C.AV_SAMPLE_FMT_FLTP;
  encoder.channelLayout = av.avChannelLayoutDefault(channels);
  encoder.bitRate = BigInt((opus ? BIT_RATE.opus : BIT_RATE.aac) * channels);
  encoder.timeBase = new av.Rational(1, encoder.sampleRate);
  if (globalHeader) encoder.setFlags(av.C.AV_CODEC_FLAG_GLOBAL_HEADER);
  if ((await encoder.open2(codec, null)) >= 0) return encoder;
  encoder.freeContext();
  return undefined;
}
