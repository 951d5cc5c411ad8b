import type { CodecContext, Frame, Packet, Stream } from 'node-av/lib';
import { type Av, check, isDry } from './av.js';

/** Pixels of the largest picture: 8K. */
const MOST_PIXELS = '33177600';

/** Decodes the packets of one stream as they come. Close it when no call is in flight. */
export class PacketDecoder implements Disposable {
  /** Packets that could not be decoded. */
  damaged = 0;
  readonly #context: CodecContext;
  readonly #frame: Frame;

  private constructor(av: Av, context: CodecContext) {
    this.#context = context;
    this.#frame = new av.Frame();
    this.#frame.alloc();
  }

  /**
   * @returns undefined when this build has no decoder for the stream.
   * @throws AvFailure when the decoder refuses it.
   */
  static async open(av: Av, stream: Stream, threads = 1): Promise<PacketDecoder | undefined> {
    const codec = av.Codec.findDecoder(stream.codecpar.codecId);
    if (!codec) return undefined;
    const context = new av.CodecContext();
    context.allocContext3(codec);
    try {
      check(av, context.parametersToContext(stream.codecpar), 'Cannot set up the decoder');
      context.pktTimebase = stream.timeBase;
      context.threadCount = threads;
      // Whole pictures are shared out to threads only by slices: frame threads keep pictures back.
      context.threadType = av.C.FF_THREAD_SLICE;
      const options = av.Dictionary.fromObject({ max_pixels: MOST_PIXELS });
      check(av, await context.open2(codec, options), 'Cannot open the decoder');
      return new PacketDecoder(av, context);
    } catch (error) {
      context.freeContext();
      throw error;
    }
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
      if (got >= 0) yield this.#frame;
      else {
        this.damaged++;
        patience--;
      }
    }
    if (!packet) this.#context.flushBuffers();
  }

  [Symbol.dispose](): void {
    this.#frame.free();
    this.#context.freeContext();
  }
}
