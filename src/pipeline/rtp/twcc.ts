import { Unwrapper } from './unwrap.js';

/** Microseconds of a step of the reference time, and of a receive delta. */
const REFERENCE = 64_000;
const DELTA = 250;
/** How far back a packet may still be reported, and how many are remembered. */
const WINDOW = 1024;
/** Received packets that one feedback packet tells of: with all their symbols and deltas they stay under 1200 bytes. */
const MAX_RECEIVED = 256;
/** Longest run that a chunk holds. */
const MAX_RUN = 0x1fff;

/** Symbols of a packet's status: not received, received with a delta of one byte, or of two. */
const MISSING = 0;
const SMALL = 1;
const LARGE = 2;

/** Statuses from `base` on, as one feedback packet tells them. */
interface Report {
  readonly base: number;
  /** In steps of 64 ms. */
  readonly reference: number;
  readonly symbols: number[];
  readonly deltas: number[];
}

/**
 * Collects the arrivals of packets with a transport-wide sequence number and tells the sender of them
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01), so that it can estimate the line.
 */
export class TwccFeedback {
  readonly #sender: number;
  /** SSRC of a stream that we receive: senders leave feedback aside whose SSRC is none of theirs. */
  media: number;
  readonly #unwrap = new Unwrapper(16);
  readonly #arrivals = new Map<number, number>();
  #newest = Number.NEGATIVE_INFINITY;
  /** The first number that the next feedback tells of. */
  #from: number | undefined;
  #count = 0;

  /** `sender` is the SSRC that our RTCP carries. */
  constructor(sender: number, media: number) {
    this.#sender = sender;
    this.media = media;
  }

  /** A packet came in at `arrival`, in microseconds of any clock that does not go back. */
  received(sequence: number, arrival: number): void {
    const number = this.#unwrap.next(sequence & 0xffff);
    if (this.#arrivals.has(number) || number <= this.#newest - WINDOW) return;
    this.#arrivals.set(number, arrival);
    // One that comes late has been reported missing: tell again from there on.
    this.#from = Math.min(this.#from ?? number, number);
    if (number > this.#newest + WINDOW) this.#from = Math.max(this.#from, number - WINDOW);
    this.#newest = Math.max(this.#newest, number);
    if (this.#arrivals.size > 2 * WINDOW) this.#forget();
  }

  #forget(): void {
    for (const number of this.#arrivals.keys())
      if (number <= this.#newest - WINDOW) this.#arrivals.delete(number);
    this.#from = Math.max(this.#from ?? 0, this.#newest - WINDOW + 1);
  }

  /** RTCP packets for all that came since the last call: none when nothing came. */
  build(): Uint8Array[] {
    const packets: Uint8Array[] = [];
    if (this.#from === undefined) return packets;
    while (this.#from <= this.#newest) {
      const report = this.#report(this.#from);
      if (!report) break;
      packets.push(this.#serialize(report));
      this.#from = report.base + report.symbols.length;
    }
    this.#forget();
    this.#from = this.#newest + 1;
    return packets;
  }

  /** As much from `base` on as fits one packet; undefined when nothing was received from there on. */
  #report(base: number): Report | undefined {
    const symbols: number[] = [];
    const deltas: number[] = [];
    let reference: number | undefined;
    let told = 0;
    // Up to which symbol the packet goes: it ends with one that was received.
    let end = 0;
    for (let number = base; number <= this.#newest && deltas.length < MAX_RECEIVED; number++) {
      const arrival = this.#arrivals.get(number);
      if (arrival === undefined) {
        symbols.push(MISSING);
        continue;
      }
      if (reference === undefined) {
        reference = Math.floor(arrival / REFERENCE);
        told = reference * REFERENCE;
      }
      // From what was told so far, not from the last arrival: rounding does not add up.
      const delta = Math.round((arrival - told) / DELTA);
      if (delta < -0x8000 || delta > 0x7fff) break;
      told += delta * DELTA;
      symbols.push(delta >= 0 && delta <= 0xff ? SMALL : LARGE);
      deltas.push(delta);
      end = symbols.length;
    }
    return reference === undefined ? undefined : { base, reference, symbols: symbols.slice(0, end), deltas };
  }

  #serialize({ base, reference, symbols, deltas }: Report): Uint8Array {
    const chunks = chunksOf(symbols);
    const sizes = symbols.filter((symbol) => symbol !== MISSING);
    const length = 20 + 2 * chunks.length + sizes.reduce((sum, size) => sum + size, 0);
    const padding = (4 - (length % 4)) % 4;
    const packet = new Uint8Array(length + padding);
    const view = new DataView(packet.buffer);
    // Version 2, format 15 of transport layer feedback (205).
    view.setUint8(0, 0x8f | (padding ? 0x20 : 0));
    view.setUint8(1, 205);
    view.setUint16(2, packet.length / 4 - 1);
    view.setUint32(4, this.#sender);
    view.setUint32(8, this.media);
    view.setUint16(12, base & 0xffff);
    view.setUint16(14, symbols.length);
    // 24 bits of reference time, 8 of the count of feedback packets.
    view.setUint32(16, (reference % 2 ** 24) * 256 + this.#count);
    this.#count = (this.#count + 1) & 0xff;
    let at = 20;
    for (const chunk of chunks) {
      view.setUint16(at, chunk);
      at += 2;
    }
    deltas.forEach((delta, i) => {
      if (sizes[i] === SMALL) view.setUint8(at, delta);
      else view.setInt16(at, delta);
      at += sizes[i]!;
    });
    if (padding) view.setUint8(packet.length - 1, padding);
    return packet;
  }
}

/** Symbols as 16-bit chunks: runs, else vectors of 14 one-bit symbols, else of 7 two-bit ones. */
function chunksOf(symbols: readonly number[]): number[] {
  const chunks: number[] = [];
  for (let at = 0; at < symbols.length; ) {
    const run = runAt(symbols, at);
    const next = symbols.slice(at, at + 14);
    const narrow = next.every((symbol) => symbol !== LARGE);
    if (run >= (narrow ? 14 : 7) || run === symbols.length - at) {
      chunks.push((symbols[at]! << 13) | run);
      at += run;
    } else if (narrow) {
      chunks.push(next.reduce((bits, symbol, i) => bits | (symbol << (13 - i)), 0x8000));
      at += 14;
    } else {
      chunks.push(next.slice(0, 7).reduce((bits, symbol, i) => bits | (symbol << (12 - 2 * i)), 0xc000));
      at += 7;
    }
  }
  return chunks;
}

/** How many symbols from `at` on are the same. */
function runAt(symbols: readonly number[], at: number): number {
  let end = at;
  while (end < symbols.length && symbols[end] === symbols[at] && end - at < MAX_RUN) end++;
  return end - at;
}
