import type { Frame, Packet, SoftwareResampleContext, Stream } from 'node-av/lib';
import type { SoundPacket } from '../live.js';
import { type Av, code } from './av.js';
import { OPUS_DELAY_MICROS, OPUS_FRAME, OPUS_MICROS, OPUS_RATE, OpusEncoder, opusMicros } from './opus.js';
import { PacketDecoder } from './packet-decoder.js';
import { ticksToMicros } from './ticks.js';

/** Sound of one stream as Opus. Times are the stream's own, in microseconds. */
export interface ToOpus extends Disposable {
  /** Hands what a packet (null: the stream begins anew) yields to `take`. Calls must not overlap. */
  put(packet: Packet | null, take: (packet: SoundPacket) => void): Promise<void>;
}

/**
 * @returns undefined when this build cannot decode the stream.
 * @throws AvFailure, Unsupported
 */
export async function openToOpus(av: Av, stream: Stream): Promise<ToOpus | undefined> {
  const { codecId, channelLayout } = stream.codecpar;
  if (codecId === av.C.AV_CODEC_ID_OPUS && channelLayout.nbChannels <= 2) return new Untouched(stream);
  const decoder = await PacketDecoder.open(av, stream);
  if (!decoder) return undefined;
  try {
    return new Transcoded(av, stream, decoder, await OpusEncoder.open());
  } catch (error) {
    decoder[Symbol.dispose]();
    throw error;
  }
}

/** Opus stays as it is. */
class Untouched implements ToOpus {
  #next: number | undefined;

  constructor(readonly stream: Stream) {}

  async put(packet: Packet | null, take: (packet: SoundPacket) => void): Promise<void> {
    const data = packet?.data;
    if (!packet || !data) return;
    const duration = opusMicros(data);
    if (!duration) return;
    const timestamp =
      packet.pts === code.noPts ? (this.#next ?? 0) : ticksToMicros(packet.pts, this.stream.timeBase);
    this.#next = timestamp + duration;
    take({ data: Uint8Array.from(data), timestamp, duration });
  }

  [Symbol.dispose](): void {}
}

/** A step in time larger than this is a gap, and what comes after it begins anew, in microseconds. */
const GAP = 60_000;

/** Decoded, resampled, cut into packets of 20 ms and encoded. */
class Transcoded implements ToOpus {
  readonly #av: Av;
  readonly #stream: Stream;
  readonly #decoder: PacketDecoder;
  readonly #encoder: OpusEncoder;
  readonly #out: Frame;
  #resampler: { readonly shape: string; readonly context: SoftwareResampleContext } | undefined;
  /** Sample pairs that wait for their packet to be full. */
  #waiting = new Float32Array(0);
  /** Time of the first of them. */
  #front: number | undefined;

  constructor(av: Av, stream: Stream, decoder: PacketDecoder, encoder: OpusEncoder) {
    this.#av = av;
    this.#stream = stream;
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#out = new av.Frame();
    this.#out.alloc();
  }

  async put(packet: Packet | null, take: (packet: SoundPacket) => void): Promise<void> {
    for await (const sound of this.#decoder.decode(packet)) {
      this.#collect(sound);
      await this.#encode(take);
    }
  }

  #collect(sound: Frame): void {
    const pairs = this.#resample(sound);
    if (!pairs) return;
    const queued = (this.#waiting.length / 2) * (1e6 / OPUS_RATE);
    if (sound.bestEffortTimestamp !== code.noPts) {
      const time = ticksToMicros(sound.bestEffortTimestamp, this.#stream.timeBase);
      const expected = (this.#front ?? time) + queued;
      if (Math.abs(time - expected) > GAP) {
        this.#waiting = new Float32Array(0);
        this.#front = time;
      } else this.#front = time - queued;
    }
    this.#front ??= 0;
    const joined = new Float32Array(this.#waiting.length + pairs.length);
    joined.set(this.#waiting);
    joined.set(pairs, this.#waiting.length);
    this.#waiting = joined;
  }

  /** Sample pairs at 48 kHz; undefined for sound that cannot be converted. */
  #resample(sound: Frame): Float32Array | undefined {
    const av = this.#av;
    const shape = `${sound.format} ${sound.sampleRate} ${av.avChannelLayoutDescribe(sound.channelLayout)}`;
    if (this.#resampler?.shape !== shape) {
      this.#resampler?.context.free();
      const context = new av.SoftwareResampleContext();
      context.alloc();
      this.#resampler = { shape, context };
    }
    this.#out.unref();
    this.#out.format = av.C.AV_SAMPLE_FMT_FLT;
    this.#out.sampleRate = OPUS_RATE;
    this.#out.channelLayout = av.avChannelLayoutDefault(2);
    if (this.#resampler.context.convertFrame(this.#out, sound) < 0) return undefined;
    const plane = this.#out.data?.[0];
    const bytes = this.#out.nbSamples * 8;
    // A copy: the plane goes with its frame.
    return plane && new Float32Array(Uint8Array.from(plane.subarray(0, bytes)).buffer);
  }

  async #encode(take: (packet: SoundPacket) => void): Promise<void> {
    const size = OPUS_FRAME * 2;
    while (this.#waiting.length >= size) {
      const data = await this.#encoder.encode(this.#waiting.subarray(0, size));
      this.#waiting = this.#waiting.slice(size);
      const front = this.#front ?? 0;
      take({ data, timestamp: Math.round(front - OPUS_DELAY_MICROS), duration: OPUS_MICROS });
      this.#front = front + OPUS_MICROS;
    }
  }

  [Symbol.dispose](): void {
    this.#resampler?.context.free();
    this.#out.free();
    this.#encoder[Symbol.dispose]();
    this.#decoder[Symbol.dispose]();
  }
}
