import { BadInput } from '../errors.js';

/** An address and its arguments. */
export type OscMessage = readonly [address: string, ...values: unknown[]];

/** Bundles within bundles; who sends them nests one or two. */
const DEEPEST = 8;
/** Bytes of a bundle's time, which is not waited for. */
const TIME = 8;

/** Reads a packet from its beginning to its end. */
class Reader {
  #at = 0;

  constructor(readonly bytes: Buffer) {}

  get done(): boolean {
    return this.#at >= this.bytes.length;
  }

  take(size: number): Buffer {
    const end = this.#at + size;
    if (size < 0 || end > this.bytes.length) throw new BadInput('OSC: a packet ends too early.');
    const part = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  int(): number {
    return this.take(4).readInt32BE();
  }

  /** Text up to a zero byte; more of them fill it up to a multiple of four bytes. */
  text(): string {
    const size = this.bytes.indexOf(0, this.#at) - this.#at;
    const text = this.take(size).toString('utf8');
    this.#at += 4 - (size % 4);
    return text;
  }

  blob(): Buffer {
    const size = this.int();
    const blob = this.take(size);
    this.#at += (4 - (size % 4)) % 4;
    return blob;
  }
}

/** Arguments by their type tags; numbers of every width are numbers. */
const types: Readonly<Record<string, (reader: Reader) => unknown>> = {
  i: (reader) => reader.int(),
  h: (reader) => Number(reader.take(8).readBigInt64BE()),
  f: (reader) => reader.take(4).readFloatBE(),
  d: (reader) => reader.take(8).readDoubleBE(),
  s: (reader) => reader.text(),
  S: (reader) => reader.text(),
  b: (reader) => reader.blob(),
  m: (reader) => reader.take(4),
  T: () => true,
  F: () => false,
  N: () => null,
};

function argumentsOf(reader: Reader): unknown[] {
  const tags = reader.text();
  if (!tags.startsWith(','))
    throw new BadInput('OSC: a message does not say of which types its arguments are.');
  return [...tags.slice(1)].map((tag) => {
    const read = Object.hasOwn(types, tag) ? types[tag] : undefined;
    if (!read) throw new BadInput(`OSC: arguments of the type ${JSON.stringify(tag)} are not understood.`);
    return read(reader);
  });
}

function messagesOf(bytes: Buffer, depth: number): OscMessage[] {
  const reader = new Reader(bytes);
  const address = reader.text();
  if (address !== '#bundle') return [[address, ...argumentsOf(reader)]];
  if (depth > DEEPEST) throw new BadInput(`OSC: bundles lie more than ${DEEPEST} deep in each other.`);
  reader.take(TIME);
  const messages: OscMessage[] = [];
  while (!reader.done) messages.push(...messagesOf(reader.take(reader.int()), depth + 1));
  return messages;
}

/**
 * The messages of a UDP packet (OSC 1.0) in their order, whatever bundles they lie in.
 * @throws BadInput where it is no packet of OSC, or has arguments of other types.
 */
export const readPacket = (bytes: Buffer): OscMessage[] => messagesOf(bytes, 1);
