import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { crc32c, EventWriter, frameRecord } from '../../../src/models/train/tensorboard.js';
import { histogramsIn, records } from './events.js';

const text = (value: string) => new TextEncoder().encode(value);

it('computes the CRC-32C of the published test vectors', () => {
  expect(crc32c(text('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
});

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

async function histogramsOf(...written: (readonly number[])[]) {
  const folder = await mkdtemp(join(tmpdir(), 'events-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const writer = await EventWriter.open(folder);
  const leftOut: number[] = [];
  for (const values of written) leftOut.push(await writer.histogram(7, 'weights', Float32Array.from(values)));
  await writer[Symbol.asyncDispose]();
  const found = await histogramsIn(folder);
  for (const { step, tag } of found) expect([step, tag]).toEqual([7, 'weights']);
  const histos = found.map(({ histo }) => histo);
  return { leftOut, histos };
}

describe('a histogram in an event file', () => {
  it('has extremes, count, sums, and every value in the bucket whose ends lie around it', async () => {
    const values = [-2, -0.5, 0, 0, 0.25, 0.26, 3, 4096];
    const { leftOut, histos } = await histogramsOf(values);
    const [histo] = histos;
    expect(leftOut).toEqual([0]);
    const exact = Array.from(Float32Array.from(values));
    expect(histo).toMatchObject({ min: -2, max: 4096, num: 8 });
    expect(histo!.sum).toBeCloseTo(
      exact.reduce((sum, value) => sum + value, 0),
      6,
    );
    expect(histo!.sumSquares).toBeCloseTo(
      exact.reduce((sum, value) => sum + value * value, 0),
      6,
    );
    const { bucketLimit, bucket } = histo!;
    expect(bucket.length).toBe(bucketLimit.length);
    expect(bucketLimit).toEqual([...new Set(bucketLimit)].sort((a, b) => a - b));
    bucket.forEach((count, i) => {
      const from = i === 0 ? Number.NEGATIVE_INFINITY : bucketLimit[i - 1]!;
      expect(count).toBe(exact.filter((value) => value >= from && value < bucketLimit[i]!).length);
    });
    // The two zeros lie in a bucket of their own, from zero to the least positive end.
    expect(bucket[bucketLimit.findIndex((limit) => limit > 0)]).toBe(2);
    // A bucket with something in it is at most a tenth wide.
    bucket.forEach((count, i) => {
      if (count > 0 && i > 0 && bucketLimit[i - 1]! > 1e-12)
        expect(bucketLimit[i]! / bucketLimit[i - 1]!).toBeCloseTo(1.1, 6);
    });
    expect(bucketLimit.length).toBeLessThan(2 * values.length + 2);
  });

  it('leaves out what is not finite, and is not written where nothing else is', async () => {
    const { NaN: none, POSITIVE_INFINITY: more } = Number;
    const { leftOut, histos } = await histogramsOf([none, 1, more, -more, 2], [none, none], []);
    expect(leftOut).toEqual([3, 2, 0]);
    expect(histos.length).toBe(1);
    expect(histos[0]).toMatchObject({ min: 1, max: 2, num: 2, sum: 3, sumSquares: 5 });
    expect(histos[0]!.bucket.reduce((sum, count) => sum + count, 0)).toBe(2);
  });

  it('holds the greatest and the least numbers there are', async () => {
    const { histos } = await histogramsOf([3.4e38, -3.4e38, 1e-40]);
    expect(histos[0]!.bucket.reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(histos[0]!.bucketLimit.at(-1)).toBe(Number.MAX_VALUE);
  });
});
