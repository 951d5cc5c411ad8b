import type { FormatContext, Packet, Stream } from 'node-av/lib';
import { type Av, check } from './av.js';

/** A media file being written: streams first, then `start`, then packets in about the order of time, then `finish`. */
export class Muxer implements AsyncDisposable {
  readonly format: FormatContext;
  readonly #av: Av;
  #state: 'new' | 'open' | 'started' | 'closed' = 'new';
  /** Whether the format opens and closes what it writes to by itself. */
  #opensItself = false;

  private constructor(av: Av, format: FormatContext) {
    this.#av = av;
    this.format = format;
  }

  /** Opens `path` for writing as a format of FFmpeg's. @throws AvFailure */
  static async open(av: Av, path: string, formatName: string): Promise<Muxer> {
    const format = new av.FormatContext();
    const muxer = new Muxer(av, format);
    check(av, format.allocOutputContext2(null, formatName, `file:${path}`), 'Cannot set up the file');
    try {
      check(av, await format.openOutput(), 'Cannot open the file');
      muxer.#state = 'open';
      return muxer;
    } catch (error) {
      await muxer[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sets up a format that opens by itself what `url` names, at `start`: `hls`, `tee`. @throws AvFailure */
  static openFor(av: Av, url: string, formatName: string): Muxer {
    const format = new av.FormatContext();
    check(av, format.allocOutputContext2(null, formatName, url), 'Cannot set up the output');
    const muxer = new Muxer(av, format);
    muxer.#opensItself = true;
    return muxer;
  }

  get wantsGlobalHeader(): boolean {
    return this.format.oformat?.hasFlags(this.#av.C.AVFMT_GLOBALHEADER) ?? false;
  }

  addStream(): Stream {
    return this.format.newStream(null);
  }

  /** Writes the header. @throws AvFailure */
  async start(options: Record<string, string>): Promise<void> {
    const given = this.#av.Dictionary.fromObject(options);
    check(this.#av, await this.format.writeHeader(given), 'Cannot write the header');
    this.#state = 'started';
  }

  /** Writes a packet whose times are in `timeBase`. The muxer takes its data: the packet comes back empty. */
  async write(packet: Packet, stream: Stream, timeBase: { num: number; den: number }): Promise<void> {
    packet.streamIndex = stream.index;
    packet.rescaleTs(timeBase, stream.timeBase);
    check(this.#av, await this.format.interleavedWriteFrame(packet), 'Cannot write');
  }

  /** Writes the index and closes the file. @throws AvFailure */
  async finish(): Promise<void> {
    const finished = await this.format.writeTrailer();
    this.#state = 'open';
    check(this.#av, finished, 'Cannot finish the file');
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'closed') return;
    const before = this.#state;
    this.#state = 'closed';
    // Only its end makes such a format close its files and connections.
    if (this.#opensItself && before === 'started') await this.format.writeTrailer();
    if (!this.#opensItself && before !== 'new') await this.format.closeOutput();
    this.format.freeContext();
  }
}
