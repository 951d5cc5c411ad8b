import { BadInput } from '../../errors.js';

/**
 * NUT, the container in which raw frames travel between ffmpeg and us: unlike a raw pipe it carries a time with each
 * frame, and unlike Matroska in any time base. Only what one stream of raw video needs. Source of names and layouts:
 * the NUT Open Container Format specification, version 3.
 */
export const FILE_ID = Buffer.from('nut/multimedia container\0', 'latin1');

export const START = {
  main: 0x4e4d7a561f5f04adn,
  stream: 0x4e5311405bf2f9dbn,
  syncpoint: 0x4e4be4adeeca4569n,
  info: 0x4e49ab68b596ba78n,
} as const;

/** What a frame code says about the frame that it opens, and which fields follow it. */
export const FLAG = {
  key: 1,
  codedPts: 8,
  streamId: 16,
  sizeMsb: 32,
  checksum: 64,
  reserved: 128,
  sideData: 256,
  headerIndex: 1024,
  matchTime: 2048,
  coded: 4096,
  invalid: 8192,
} as const;

/** Packets longer than this have a checksum of their own header. */
export const LONG_PACKET = 4096;

export const unreadable = () => new BadInput('The frames that ffmpeg gave cannot be read.');

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  let crc = i << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc >>> 0;
});

/** CRC-32 of polynomial 04C11DB7, most significant bit first, from 0, not inverted. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ byte]!) >>> 0;
  return crc;
}

/** A number of 7 bits a byte, most significant first. `value` is a whole number from 0 to 2^53 - 1. */
export function varint(value: number): Uint8Array {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift((rest % 128) + 128);
  return Uint8Array.from(bytes);
}

/** A signed number, as NUT folds it into an unsigned one. */
export const signed = (value: number): Uint8Array => varint(value > 0 ? 2 * value - 1 : -2 * value);

/** Bytes or text with its length before it. */
export function counted(content: Uint8Array | string): Uint8Array {
  const bytes = Buffer.from(content);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Reads NUT's numbers one after the other from a few bytes in memory. */
export class Cursor {
  at = 0;

  constructor(readonly bytes: Buffer) {}

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw unreadable();
    return value;
  }

  /** @throws BadInput past the end, or beyond 2^53 - 1. */
  varint(): number {
    for (let value = 0; ; ) {
      const byte = this.byte();
      value = value * 128 + (byte & 127);
      if (value > Number.MAX_SAFE_INTEGER) throw unreadable();
      if (byte < 128) return value;
    }
  }

  signed(): number {
    const folded = this.varint() + 1;
    return folded % 2 ? (1 - folded) / 2 : folded / 2;
  }

  skip(count: number): void {
    this.at += count;
  }

  counted(): Buffer {
    const length = this.varint();
    const start = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw unreadable();
    return this.bytes.subarray(start, this.at);
  }
}
