import { randomInt } from 'node:crypto';
import { PictureParts } from './parts.js';
import {
  type Depacketizer,
  MAX_PAYLOAD,
  type Packetizer,
  type Payload,
  type RtpPayload,
  type Unit,
} from './types.js';

/** A VP8 payload descriptor, as far as it matters here. */
interface Descriptor {
  /** Bytes before the VP8 data. */
  readonly length: number;
  /** Whether the picture begins here: S is set and the partition is the first. */
  readonly start: boolean;
}

/** Reads a payload descriptor (RFC 7741, 4.2); undefined when the payload ends within it. */
export function readDescriptor(payload: Uint8Array): Descriptor | undefined {
  const [first, extensions = 0] = payload;
  if (first === undefined) return undefined;
  let length = 1;
  if (first & 0x80) {
    length = 2;
    // I: picture id, of two bytes where M is set. L: TL0PICIDX. T and K share a byte.
    if (extensions & 0x80) length += (payload[2] ?? 0) & 0x80 ? 2 : 1;
    if (extensions & 0x40) length += 1;
    if (extensions & 0x30) length += 1;
  }
  if (length >= payload.length) return undefined;
  return { length, start: (first & 0x17) === 0x10 };
}

/** Whether a VP8 frame is a key frame: the frame tag's first bit is clear and the start code follows. */
function isKey(data: Uint8Array): boolean {
  return (
    data.length >= 10 && (data[0]! & 1) === 0 && data[3] === 0x9d && data[4] === 0x01 && data[5] === 0x2a
  );
}

/** Puts VP8 frames together (RFC 7741). */
export class Vp8Depacketizer extends PictureParts implements Depacketizer {
  protected add({ payload }: RtpPayload): boolean {
    const descriptor = readDescriptor(payload);
    if (!descriptor) return false;
    // Several partitions make one picture, which begins once.
    if (descriptor.start !== this.empty) return false;
    return this.keep(payload.subarray(descriptor.length));
  }

  protected finish(timestamp: number): Unit | undefined {
    const data = this.joined();
    return { data, timestamp, key: isKey(data) };
  }
}

/** Cuts VP8 frames into pieces of nearly equal size, each behind a descriptor with a 15-bit picture id. */
export class Vp8Packetizer implements Packetizer {
  #picture = randomInt(0x8000);

  packetize(data: Uint8Array): Payload[] {
    if (data.length === 0) return [];
    this.#picture = (this.#picture + 1) & 0x7fff;
    const count = Math.ceil(data.length / (MAX_PAYLOAD - DESCRIPTOR));
    return Array.from({ length: count }, (_, i) => {
      const from = Math.floor((i * data.length) / count);
      const to = Math.floor(((i + 1) * data.length) / count);
      const payload = new Uint8Array(DESCRIPTOR + to - from);
      payload[0] = 0x80 | (i === 0 ? 0x10 : 0);
      payload[1] = 0x80;
      payload[2] = 0x80 | (this.#picture >> 8);
      payload[3] = this.#picture & 0xff;
      payload.set(data.subarray(from, to), DESCRIPTOR);
      return { payload, marker: i === count - 1 };
    });
  }
}

/** Bytes of the descriptor that we write: X and I set, M with two bytes of picture id. */
const DESCRIPTOR = 4;
