import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { crc32c, EventWriter, frameRecord } from '../../../src/models/train/tensorboard.js';

const text = (value: string) => new TextEncoder().encode(value);

it('computes the CRC-32C of the published test vectors', () => {
  expect(crc32c(text('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
});

/** Takes records apart and checks both of their checksums. */
function records(file: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const data = file.subarray(at + 12, at + 12 + length);
    const again = frameRecord(data);
    expect(Buffer.from(file.subarray(at, at + 16 + length)).equals(again)).toBe(true);
    out.push(data);
    at += 16 + length;
  }
  return out;
}

it('frames a record with length and masked checksums', () => {
  const framed = frameRecord(text('hello'));
  const view = new DataView(framed.buffer);
  const unmask = (masked: number) => {
    const turned = (masked - 0xa282ead8) >>> 0;
    return ((turned << 15) | (turned >>> 17)) >>> 0;
  };
  expect(view.getBigUint64(0, true)).toBe(5n);
  expect(unmask(view.getUint32(8, true))).toBe(crc32c(framed.subarray(0, 8)));
  expect(unmask(view.getUint32(17, true))).toBe(crc32c(text('hello')));
});

it('writes the version, scalars and pictures as protobuf events', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'events-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const writer = await EventWriter.open(folder);
  await writer.scalars(300, { loss: 1.5 });
  await writer.image(301, 'sheet', { png: text('png'), width: 7, height: 9 });
  await writer[Symbol.asyncDispose]();
  const [name] = await readdir(folder);
  expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\./);
  const [version, scalars, image, ...more] = records(await readFile(join(folder, name!)));
  expect(more).toEqual([]);
  // Field 3, text: "brain.Event:2".
  expect(Buffer.from(version!).includes(Buffer.from([0x1a, 13, ...text('brain.Event:2')]))).toBe(true);
  // Field 2, step 300; field 5, summary of one value: tag "loss", simple_value 1.5.
  const value = [0x0a, 4, ...text('loss'), 0x15, 0, 0, 0xc0, 0x3f];
  expect(Buffer.from(scalars!).includes(Buffer.from([0x10, 0xac, 0x02]))).toBe(true);
  expect(Buffer.from(scalars!).includes(Buffer.from([0x0a, value.length, ...value]))).toBe(true);
  expect(
    Buffer.from(image!).includes(Buffer.from([0x08, 9, 0x10, 7, 0x18, 3, 0x22, 3, ...text('png')])),
  ).toBe(true);
});
