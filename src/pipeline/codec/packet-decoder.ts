import type { CodecContext, Frame, Packet, Stream } from 'node-av/lib';
import { type Av, check, isDry } from './av.js';
import { fieldOrderOf } from './deinterlacer.js';
import { type Downloads, type OpenDecoder, openDecoder } from './hardware/decoding.js';
import type { Hardware } from './hardware/hardware.js';

/** Pixels of the largest picture: 8K. */
const MOST_PIXELS = '33177600';

/** Decodes the packets of one stream as they come. Close it when no call is in flight. */
export class PacketDecoder implements Disposable {
  /** Packets that could not be decoded. */
  damaged = 0;
  readonly #av: Av;
  readonly #context: CodecContext;
  readonly #downloads: Downloads | undefined;
  readonly #frame: Frame;

  private constructor(av: Av, { context, downloads }: OpenDecoder) {
    this.#av = av;
    this.#context = context;
    this.#downloads = downloads;
    this.#frame = new av.Frame();
    this.#frame.alloc();
  }

  /**
   * @returns undefined when this build has no decoder for the stream.
   * @throws AvFailure when the decoder refuses it.
   */
  static async open(
    av: Av,
    stream: Stream,
    threads = 1,
    hardware?: Hardware,
  ): Promise<PacketDecoder | undefined> {
    const opened = await openDecoder(av, stream.codecpar.codecId, hardware, async (context, codec) => {
      check(av, context.parametersToContext(stream.codecpar), 'Cannot set up the decoder');
      context.pktTimebase = stream.timeBase;
      context.threadCount = threads;
      // Whole pictures are shared out to threads only by slices: frame threads keep pictures back.
      context.threadType = av.C.FF_THREAD_SLICE;
      const options = av.Dictionary.fromObject({ max_pixels: MOST_PIXELS });
      check(av, await context.open2(codec, options), 'Cannot open the decoder');
    });
    return opened && new PacketDecoder(av, opened);
  }

  /** As `fieldOrderOf` has it. */
  get fieldOrder(): string | undefined {
    return fieldOrderOf(this.#av, this.#context);
  }

  /**
   * What a packet (null: the last has come) yields, in order of presentation. The frames are the decoder's own, each
   * valid until the next is asked for. Damage is counted, never thrown.
   */
  async *decode(packet: Packet | null): AsyncGenerator<Frame, void> {
    if ((await this.#context.sendPacket(packet)) < 0 && packet) {
      this.damaged++;
      return;
    }
    // A decoder may report several damaged pictures in a row; it may not do so for ever.
    for (let patience = 64; patience > 0; ) {
      this.#frame.unref();
      const got = await this.#context.receiveFrame(this.#frame);
      if (isDry(got)) break;
      const shown = got >= 0 ? await this.#here() : undefined;
      if (shown) yield shown;
      else {
        this.damaged++;
        patience--;
      }
    }
    if (!packet) this.#context.flushBuffers();
  }

  /** The picture in our memory; undefined when the device lost it. */
  async #here(): Promise<Frame | undefined> {
    return this.#downloads ? this.#downloads.fetch(this.#frame).catch(() => undefined) : this.#frame;
  }

  [Symbol.dispose](): void {
    this.#frame.free();
    this.#context.freeContext();
    this.#downloads?.[Symbol.dispose]();
  }
}
