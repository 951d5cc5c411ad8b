import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { expect } from 'vitest';
import { frameRecord } from '../../../src/models/train/tensorboard.js';

/** Takes records apart and checks both of their checksums. */
export function records(file: Uint8Array): Uint8Array[] {
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

/** HistogramProto as TensorFlow publishes it, read apart from the writer's own schema. */
const { Event } = protobuf.parse(`
  syntax = "proto3";
  message HistogramProto {
    double min = 1; double max = 2; double num = 3; double sum = 4; double sum_squares = 5;
    repeated double bucket_limit = 6 [packed = true];
    repeated double bucket = 7 [packed = true];
  }
  message Value { string tag = 1; HistogramProto histo = 5; }
  message Summary { repeated Value value = 1; }
  message Event { double wall_time = 1; int64 step = 2; Summary summary = 5; }
`).root as unknown as { Event: protobuf.Type };

/** A histogram as TensorBoard reads it. */
export interface Histo {
  min: number;
  max: number;
  num: number;
  sum: number;
  sumSquares: number;
  bucketLimit: number[];
  bucket: number[];
}

/** Every histogram of a folder's only event file. */
export async function histogramsIn(folder: string): Promise<{ step: number; tag: string; histo: Histo }[]> {
  const names = await readdir(folder);
  expect(names).toHaveLength(1);
  return records(await readFile(join(folder, names[0]!))).flatMap((data) => {
    const event = Event.toObject(Event.decode(data), { longs: Number }) as {
      step: number;
      summary?: { value?: { tag: string; histo?: Histo }[] };
    };
    return (event.summary?.value ?? []).flatMap(({ tag, histo }) =>
      histo ? [{ step: event.step, tag, histo }] : [],
    );
  });
}
