import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { histogramOf } from './histogram.js';

/** The part of TensorFlow's Event and Summary messages that is written here (tensorflow/core/{util/event,framework/summary}.proto). */
const Event = protobuf.Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
      },
    },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Value: {
      fields: {
        tag: { type: 'string', id: 1 },
        simpleValue: { type: 'float', id: 2 },
        image: { type: 'Image', id: 4 },
        histo: { type: 'Histogram', id: 5 },
      },
    },
    Histogram: {
      fields: {
        min: { type: 'double', id: 1 },
        max: { type: 'double', id: 2 },
        num: { type: 'double', id: 3 },
        sum: { type: 'double', id: 4 },
        sumSquares: { type: 'double', id: 5 },
        bucketLimit: { rule: 'repeated', type: 'double', id: 6, options: { packed: true } },
        bucket: { rule: 'repeated', type: 'double', id: 7, options: { packed: true } },
      },
    },
    Image: {
      fields: {
        height: { type: 'int32', id: 1 },
        width: { type: 'int32', id: 2 },
        colorspace: { type: 'int32', id: 3 },
        encodedImageString: { type: 'bytes', id: 4 },
      },
    },
  },
}).lookupType('Event');

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});

/** CRC-32C (Castagnoli), RFC 3720 appendix B.4. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const masked = (data: Uint8Array): number => {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

/** One record of a TFRecord file: length, its checksum, the data, its checksum. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(16 + data.length);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(out.subarray(0, 8)), true);
  out.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return out;
}

/** A picture for TensorBoard's image page. */
export interface EventImage {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Writes a TensorBoard event file. */
export class EventWriter implements AsyncDisposable {
  private constructor(readonly file: FileHandle) {}

  static async open(folder: string): Promise<EventWriter> {
    await mkdir(folder, { recursive: true });
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`;
    const writer = new EventWriter(await open(join(folder, name), 'a'));
    await writer.#write({ fileVersion: 'brain.Event:2' });
    return writer;
  }

  async scalars(step: number, values: Readonly<Record<string, number>>): Promise<void> {
    const value = Object.entries(values).map(([tag, simpleValue]) => ({ tag, simpleValue }));
    await this.#write({ step, summary: { value } });
  }

  async image(step: number, tag: string, { png, width, height }: EventImage): Promise<void> {
    const image = { width, height, colorspace: 3, encodedImageString: png };
    await this.#write({ step, summary: { value: [{ tag, image }] } });
  }

  /**
   * Writes the distribution of some values, by TensorFlow's buckets. Values that are not finite are left out; where no
   * other is, nothing is written.
   * @returns how many were left out.
   */
  async histogram(step: number, tag: string, values: ArrayLike<number>): Promise<number> {
    const histo = histogramOf(values);
    if (histo) await this.#write({ step, summary: { value: [{ tag, histo }] } });
    return values.length - (histo?.num ?? 0);
  }

  async #write(event: object): Promise<void> {
    const message = Event.create({ wallTime: Date.now() / 1000, ...event });
    await this.file.appendFile(frameRecord(Event.encode(message).finish()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file.close();
  }
}
