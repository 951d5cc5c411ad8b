import type { Packet, Stream } from 'node-av/lib';
import type { SoundPacket } from '../live.js';
import type { Ratio } from '../media.js';
import { type Av, check } from './av.js';
import type { Muxer } from './mux.js';
import { OPUS_RATE, opusHead } from './opus.js';
import { SoundGrid } from './sound-grid.js';
import { microsToTicks } from './ticks.js';
import { ToAac } from './to-aac.js';

const SAMPLES: Ratio = { num: 1, den: OPUS_RATE };

/** What the track holds. */
export interface TrackOptions {
  readonly codec: 'aac' | 'opus';
  readonly globalHeader: boolean;
}

/** A live output's track of sound: without gaps from the first frame on, Opus as it came or as AAC. */
export class LiveSoundTrack implements Disposable {
  readonly #grid = new SoundGrid();
  readonly #muxer: Muxer;
  readonly #stream: Stream;
  readonly #toAac: ToAac | undefined;
  readonly #packet: Packet;

  private constructor(av: Av, muxer: Muxer, stream: Stream, toAac: ToAac | undefined) {
    this.#muxer = muxer;
    this.#stream = stream;
    this.#toAac = toAac;
    this.#packet = new av.Packet();
    this.#packet.alloc();
  }

  /** Adds a stream to a file that has not begun. @throws Unsupported, AvFailure */
  static async open(av: Av, muxer: Muxer, { codec, globalHeader }: TrackOptions): Promise<LiveSoundTrack> {
    const stream = muxer.addStream();
    stream.timeBase = new av.Rational(SAMPLES.num, SAMPLES.den);
    const toAac = codec === 'aac' ? await ToAac.open(av, globalHeader) : undefined;
    if (toAac) check(av, stream.codecpar.fromContext(toAac.encoder), 'Cannot describe the sound');
    else {
      const { codecpar } = stream;
      codecpar.codecType = av.C.AVMEDIA_TYPE_AUDIO;
      codecpar.codecId = av.C.AV_CODEC_ID_OPUS;
      codecpar.sampleRate = OPUS_RATE;
      codecpar.channelLayout = av.avChannelLayoutDefault(2);
      codecpar.extradata = opusHead();
      codecpar.frameSize = 960;
    }
    return new LiveSoundTrack(av, muxer, stream, toAac);
  }

  /** Packets that were dropped since they waited for too long. */
  get dropped(): number {
    return this.#grid.dropped;
  }

  put(packet: SoundPacket): void {
    this.#grid.put(packet);
  }

  /** Writes what belongs before a frame's time; times are counted from `origin`. */
  async writeUpTo(
    time: number,
    origin: number,
    count: (bytes: number) => void,
    patience?: number,
  ): Promise<void> {
    for (const packet of this.#grid.upTo(time, patience)) {
      if (this.#toAac) await this.#toAac.put(packet.data, packet.duration, (aac) => this.#write(aac, count));
      else await this.#copy(packet, origin, count);
    }
  }

  /** Writes all that is left, up to the last frame's time. */
  async finish(time: number, origin: number, count: (bytes: number) => void): Promise<void> {
    await this.writeUpTo(time, origin, count, 0);
    await this.#toAac?.end((aac) => this.#write(aac, count));
  }

  async #copy({ data, timestamp, duration }: SoundPacket, origin: number, count: (bytes: number) => void) {
    this.#packet.data = Buffer.from(data);
    this.#packet.pts = microsToTicks(timestamp - origin, SAMPLES);
    this.#packet.dts = this.#packet.pts;
    this.#packet.duration = microsToTicks(duration, SAMPLES);
    this.#packet.isKeyframe = true;
    await this.#write(this.#packet, count);
    this.#packet.unref();
  }

  async #write(packet: Packet, count: (bytes: number) => void): Promise<void> {
    count(packet.size);
    await this.#muxer.write(packet, this.#stream, SAMPLES);
  }

  [Symbol.dispose](): void {
    this.#packet.free();
    this.#toAac?.[Symbol.dispose]();
  }
}
