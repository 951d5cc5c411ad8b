import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openMediaSink } from '../../../src/pipeline/sinks/media.js';
import { openMediaSource } from '../../../src/pipeline/sources/media.js';
import { clip, probe, scratch } from '../../fixtures/clips.js';
import { describeSink } from '../../suites/sink.js';

describeSink('node-av', openMediaSink);

describe('transport streams', () => {
  const pts = Array.from({ length: 50 }, (_, i) => i * 3600);
  const timeBase = { num: 1, den: 90_000 };
  const stream = async () => readFile(await clip({ pts, timeBase, extension: 'ts', audio: ['aac'] }));

  /** Copies a file through; what its sound became, in seconds, and the times of its pictures. */
  async function through(from: string, to: string) {
    await using source = await openMediaSource(from);
    const { width, height, frameRate, pixelAspect } = source.info;
    const options = { width, height, frameRate, pixelAspect, timeBase, copyFrom: from, overwrite: true };
    await using sink = await openMediaSink(to, options);
    const times: number[] = [];
    for await (const frame of source.frames(new AbortController().signal)) {
      times.push(frame.timestamp / 1e6);
      await sink.write(frame);
    }
    await sink.finish();
    const { streams } = await probe(to);
    const { packets, timeBase: base } = streams.find(({ kind }) => kind === 'audio')!;
    const sound = packets.map((packet) => (packet.pts * base.num) / base.den);
    return { times, sound, notes: sink.notes };
  }

  it('lose one packet of sound to a broken header, with a note', async () => {
    const bytes = Buffer.from(await stream());
    bytes[bytes.indexOf(Buffer.of(0xff, 0xf1, 0x4c), bytes.length / 2) + 1] = 0;
    const path = join(scratch(), 'header.ts');
    await writeFile(path, bytes);
    const { sound, notes } = await through(path, join(scratch(), 'header.mp4'));
    expect(notes.join()).toMatch(/is damaged: \d of its packets had to be left out\.$/);
    expect(sound.length).toBeGreaterThan(70);
  });

  it('keep their clock where one packet tells a wild time', async () => {
    const path = join(scratch(), 'wild.ts');
    const bytes = Buffer.from(
      await readFile(await clip({ pts, timeBase, extension: 'ts', bFrames: 2, audio: ['aac'] })),
    );
    // A picture that is stored before it is due: its header holds a time to decode after that to present.
    const stored = Buffer.of(0, 0, 1, 0xe0);
    let at = bytes.indexOf(stored, bytes.length / 2);
    while ((bytes[at + 7]! & 0xc0) !== 0xc0) at = bytes.indexOf(stored, at + 1);
    bytes[at + 15]! |= 0x80;
    await writeFile(path, bytes);
    const { times } = await through(path, join(scratch(), 'wild.mp4'));
    expect(times).toHaveLength(50);
    expect(times.at(-1)! - times[0]!).toBeCloseTo(49 / 25, 3);
  });

  it('go on where the first ended when two were joined', async () => {
    const bytes = await stream();
    const path = join(scratch(), 'joined.ts');
    await writeFile(path, Buffer.concat([bytes, bytes]));
    const { times, sound } = await through(path, join(scratch(), 'joined.mp4'));
    const steps = times.slice(1).map((time, i) => time - times[i]!);
    expect(times.length).toBeGreaterThan(97);
    // The seam: what lasts longer, sound or picture, comes to its end, and a reader may miss the last picture.
    expect(Math.max(...steps)).toBeLessThan(0.2);
    expect(Math.min(...steps)).toBeGreaterThan(0.03);
    expect(times.at(-1)! - times[0]!).toBeCloseTo(4, 0);
    expect(sound.at(-1)! - sound[0]!).toBeCloseTo(4, 0);
  });
});
