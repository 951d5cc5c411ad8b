import type { Ratio } from '../media.js';
import { counted, crc32, FILE_ID, FLAG, LONG_PACKET, START, signed, varint } from './nut.js';

/** Raw 8-bit planar RGB: FFmpeg's `gbrp`. */
const GBRP = Uint8Array.of(0x47, 0x33, 0, 8);
/** The one frame code in use: a key frame with its time, size and checksum written out. */
const FRAME_CODE = 1;
/** Frames farther apart than this, in bytes, need a syncpoint and a checksum: every frame has both. */
const MAX_DISTANCE = 65_536;

function checksum(bytes: Uint8Array): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(bytes));
  return crc;
}

function packet(start: bigint, parts: readonly Uint8Array[]): Buffer {
  const payload = Buffer.concat(parts);
  const code = Buffer.alloc(8);
  code.writeBigUInt64BE(start);
  const head = Buffer.concat([code, varint(payload.length + 4)]);
  const guard = payload.length + 4 > LONG_PACKET ? [checksum(head)] : [];
  return Buffer.concat([head, ...guard, payload, checksum(payload)]);
}

/** A run of `count` frame codes with the same flags, of stream 0, whose size is written out in full. */
const codes = (flags: number, count: number): Uint8Array =>
  Buffer.concat([
    varint(flags),
    varint(6),
    signed(0),
    varint(1),
    varint(0),
    varint(0),
    varint(0),
    varint(count),
  ]);

function mainHeader({ num, den }: Ratio): Buffer {
  const valid = FLAG.key | FLAG.codedPts | FLAG.sizeMsb | FLAG.checksum;
  return packet(START.main, [
    ...[3, 1, MAX_DISTANCE, 1, num, den].map(varint),
    codes(FLAG.invalid, FRAME_CODE),
    codes(valid, 1),
    codes(FLAG.invalid, 253),
    varint(0),
  ]);
}

/** What the header of a raw video stream says. */
export interface NutVideo {
  readonly width: number;
  readonly height: number;
  readonly pixelAspect: Ratio;
  readonly timeBase: Ratio;
  readonly frameRate: Ratio | undefined;
}

/** Everything before the first frame of a stream of `gbrp` frames. */
export function nutHeader({ width, height, pixelAspect, timeBase, frameRate }: NutVideo): Buffer {
  const stream = packet(START.stream, [
    ...[0, 0].map(varint),
    counted(GBRP),
    // Time base, bits of short times (none), largest step without checksum, delay, flags, codec's own data.
    ...[0, 0, 1, 0, 0, 0].map(varint),
    ...[width, height, pixelAspect.num, pixelAspect.den, 0].map(varint),
  ]);
  const rate = frameRate && [
    packet(START.info, [
      ...[1, 0, 0, 0, 1].map(varint),
      counted('r_frame_rate'),
      signed(-1),
      counted(`${frameRate.num}/${frameRate.den}`),
    ]),
  ];
  return Buffer.concat([FILE_ID, mainHeader(timeBase), stream, ...(rate ?? [])]);
}

/** What stands before the bytes of each frame. `ticks` counts the time base from 0. */
export function nutFrameHeader(ticks: number, size: number): Buffer {
  const head = Buffer.concat([Uint8Array.of(FRAME_CODE), varint(ticks + 1), varint(size)]);
  return Buffer.concat([packet(START.syncpoint, [varint(ticks), varint(0)]), head, checksum(head)]);
}
