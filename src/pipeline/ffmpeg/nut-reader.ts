import type { Ratio } from '../media.js';
import { ByteQueue } from './byte-queue.js';
import { Cursor, FILE_ID, FLAG, LONG_PACKET, START, unreadable } from './nut.js';

interface FrameCode {
  readonly flags: number;
  readonly sizeMultiple: number;
  readonly sizeRest: number;
  readonly ptsStep: number;
  readonly reserved: number;
  readonly beginning: number;
}

/** One frame of raw video. */
export interface NutFrame {
  /** Time in ticks of `timeBase`. */
  readonly ticks: number;
  readonly timeBase: Ratio;
  readonly data: Uint8Array;
}

/** Packets open with this letter; no frame does. */
const N = 0x4e;
/** More than the header of any frame of raw video needs, in bytes. */
const FRAME_HEADER_BYTES = 256;
/** Longer packets than this are not headers of raw video. */
const MOST_PACKET_BYTES = 1 << 20;

/** The table of the 256 frame codes, written run by run. */
function readCodes(cursor: Cursor): FrameCode[] {
  const codes: FrameCode[] = [];
  let [ptsStep, sizeMultiple, beginning] = [0, 1, 0];
  while (codes.length < 256) {
    const flags = cursor.varint();
    const fields = cursor.varint();
    if (fields > 0) ptsStep = cursor.signed();
    if (fields > 1) sizeMultiple = cursor.varint();
    if (fields > 2) cursor.varint();
    const size = fields > 3 ? cursor.varint() : 0;
    const reserved = fields > 4 ? cursor.varint() : 0;
    const count = fields > 5 ? cursor.varint() : sizeMultiple - size;
    if (fields > 6) cursor.signed();
    if (fields > 7) beginning = cursor.varint();
    for (let extra = 8; extra < fields; extra++) cursor.varint();
    if (count < 1) throw unreadable();
    for (let j = 0; j < count && codes.length < 256; j++) {
      const code = { flags, sizeMultiple, sizeRest: size + j, ptsStep, reserved, beginning };
      if (codes.length === N) codes.push({ ...code, flags: FLAG.invalid });
      if (codes.length < 256) codes.push(code);
    }
  }
  return codes;
}

/** Reads the one stream of raw video that ffmpeg writes with `-f nut`. */
export class NutReader {
  readonly #bytes: ByteQueue;
  readonly #frameBytes: number;
  #timeBase: Ratio = { num: 1, den: 1 };
  #codes: readonly FrameCode[] = [];
  /** What frames may leave out at their beginning, by index; the first is nothing. */
  #beginnings: readonly Buffer[] = [];
  #ptsBits = 0;
  #lastTicks = 0;

  /** `frameBytes` is the size that every frame must have. */
  constructor(chunks: AsyncIterable<Buffer>, frameBytes: number) {
    this.#bytes = new ByteQueue(chunks);
    this.#frameBytes = frameBytes;
  }

  /**
   * Every whole frame in turn; what is left of one after the stream broke off is not a frame.
   * @throws BadInput when the stream is something else than NUT with frames of the size told.
   */
  async *frames(): AsyncGenerator<NutFrame> {
    const id = await this.#bytes.peek(FILE_ID.length);
    const shown = Math.min(id.length, FILE_ID.length);
    if (!id.subarray(0, shown).equals(FILE_ID.subarray(0, shown))) throw unreadable();
    this.#bytes.skip(FILE_ID.length);
    for (;;) {
      const head = await this.#bytes.peek(FRAME_HEADER_BYTES);
      if (head.length === 0) return;
      if (head[0] === N) {
        if (!(await this.#packet(head))) return;
      } else {
        const frame = await this.#frameOf(head);
        if (!frame) return;
        yield frame;
      }
    }
  }

  /** Reads what concerns frames and skips the rest; false if the stream ends within. */
  async #packet(head: Buffer): Promise<boolean> {
    if (head.length < 16) return false;
    const cursor = new Cursor(head);
    cursor.skip(8);
    const length = cursor.varint();
    if (length > LONG_PACKET) cursor.skip(4);
    if (length > MOST_PACKET_BYTES) throw unreadable();
    const end = cursor.at + length;
    const bytes = await this.#bytes.peek(end);
    if (bytes.length < end) return false;
    this.#read(bytes.readBigUInt64BE(), new Cursor(bytes.subarray(cursor.at, end)));
    this.#bytes.skip(end);
    return true;
  }

  #read(start: bigint, cursor: Cursor): void {
    if (start === START.main) this.#main(cursor);
    if (start === START.stream) this.#stream(cursor);
    if (start === START.syncpoint) this.#lastTicks = cursor.varint();
  }

  #main(cursor: Cursor): void {
    if (cursor.varint() > 3) cursor.varint();
    const streams = cursor.varint();
    cursor.varint();
    if (streams !== 1 || cursor.varint() !== 1) throw unreadable();
    this.#timeBase = { num: cursor.varint(), den: cursor.varint() };
    this.#codes = readCodes(cursor);
    const others = Array.from({ length: Math.min(cursor.varint(), 128) }, () => cursor.counted());
    this.#beginnings = [Buffer.alloc(0), ...others];
  }

  #stream(cursor: Cursor): void {
    cursor.varint();
    cursor.varint();
    cursor.counted();
    cursor.varint();
    this.#ptsBits = cursor.varint();
  }

  /** The time that a frame code or the field after it tells. */
  #ticks(coded: number | undefined, step: number): number {
    const wrap = 2 ** this.#ptsBits;
    if (coded === undefined) return this.#lastTicks + step;
    if (coded >= wrap) return coded - wrap;
    const floor = this.#lastTicks - Math.floor((wrap - 1) / 2);
    return floor + ((((coded - floor) % wrap) + wrap) % wrap);
  }

  /** The frame that begins with these bytes, or undefined if the stream breaks off within. */
  async #frameOf(head: Buffer): Promise<NutFrame | undefined> {
    const cursor = new Cursor(head);
    try {
      return await this.#frame(cursor);
    } catch (error) {
      if (cursor.at > head.length) return undefined;
      throw error;
    }
  }

  async #frame(cursor: Cursor): Promise<NutFrame | undefined> {
    const code = this.#codes[cursor.byte()];
    if (!code || code.flags & FLAG.invalid) throw unreadable();
    const flags = code.flags & FLAG.coded ? code.flags ^ cursor.varint() : code.flags;
    if (flags & FLAG.streamId) cursor.varint();
    this.#lastTicks = this.#ticks(flags & FLAG.codedPts ? cursor.varint() : undefined, code.ptsStep);
    const size = code.sizeRest + (flags & FLAG.sizeMsb ? code.sizeMultiple * cursor.varint() : 0);
    if (flags & FLAG.matchTime) cursor.signed();
    const beginning = this.#beginnings[flags & FLAG.headerIndex ? cursor.varint() : code.beginning];
    const reserved = flags & FLAG.reserved ? cursor.varint() : code.reserved;
    for (let i = 0; i < Math.min(reserved, 64); i++) cursor.varint();
    if (flags & FLAG.checksum) cursor.skip(4);
    if (size !== this.#frameBytes || flags & FLAG.sideData || !beginning) throw unreadable();
    this.#bytes.skip(cursor.at);
    const data = new Uint8Array(size);
    data.set(beginning);
    const whole = await this.#bytes.fill(data, beginning.length);
    return whole ? { ticks: this.#lastTicks, timeBase: this.#timeBase, data } : undefined;
  }
}
