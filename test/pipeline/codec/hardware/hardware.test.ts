import { describe, expect, it } from 'vitest';
import { Interrupted } from '../../../../src/errors.js';
import { loadAv } from '../../../../src/pipeline/codec/av.js';
import { PictureEncoder } from '../../../../src/pipeline/codec/encode.js';
import { Hardware, hardwareOf } from '../../../../src/pipeline/codec/hardware/hardware.js';
import {
  type HardwareKind,
  hardwareKinds,
  hardwareNames,
} from '../../../../src/pipeline/codec/hardware/kinds.js';
import { LiveDecoder } from '../../../../src/pipeline/codec/live-decode.js';
import { LiveEncoder } from '../../../../src/pipeline/codec/live-encode.js';
import { frame } from '../../../../src/pipeline/frame.js';
import { openMediaSink } from '../../../../src/pipeline/sinks/media.js';
import { openMediaSource } from '../../../../src/pipeline/sources/media.js';
import { patternAt, patternNumber } from '../../../../src/pipeline/sources/pattern.js';
import { scratch } from '../../../fixtures/clips.js';
import { absent, believer, disguised, hesitant, kind, program } from './doubles.js';

const SIZE = { width: 320, height: 180 };

/** Hardware of these kinds, and what it says of itself. */
function hardwareOfKinds(kinds: readonly HardwareKind[], trial = program) {
  const notes: string[] = [];
  const hardware = new Hardware('auto', { kinds, program: trial, onNote: (note) => notes.push(note) });
  return { hardware, notes };
}

describe('a choice of hardware', () => {
  it('takes the first that proves itself, and tries each once', async () => {
    const kinds = [kind('cuda', absent), kind('qsv', hesitant), kind('vaapi', disguised)];
    const { hardware, notes } = hardwareOfKinds(kinds);
    const [one, two] = await Promise.all([hardware.live(), hardware.live()]);
    expect(one).toBe(disguised);
    expect(two).toBe(one);
    expect(notes).toEqual([]);
  });

  it('says of each why software has to do it', async () => {
    const { hardware, notes } = hardwareOfKinds([kind('cuda', absent), kind('qsv', hesitant)]);
    expect(await hardware.live()).toBeUndefined();
    expect(notes.join()).toMatch(
      /^No hardware encodes h264 without delay here, so software does \(h264_nowhere: .*; libx264: it keeps pictures back\)\.$/,
    );
  });

  it('asks one alone where one is named', async () => {
    const kinds = [kind('cuda', disguised), kind('qsv', absent)];
    expect(await new Hardware('qsv', { kinds, program }).live()).toBeUndefined();
    expect(await new Hardware('cuda', { kinds, program }).live()).toBe(disguised);
  });

  it('outlives a driver that crashes', async () => {
    const crash = new URL(
      'data:text/javascript,export const tryHardware = () => process.kill(process.pid, "SIGSEGV");',
    );
    const { hardware, notes } = hardwareOfKinds([kind('cuda', disguised)], crash);
    expect(await hardware.live()).toBeUndefined();
    expect(notes.join()).toMatch(/its process died/);
  });

  it('stops trying when it is told to', async () => {
    const hang = new URL(
      'data:text/javascript,export const tryHardware = () => new Promise((r) => setTimeout(r, 6e4))',
    );
    const stop = new AbortController();
    const kinds = [kind('cuda', disguised)];
    const finding = new Hardware('auto', { kinds, program: hang, signal: stop.signal }).live();
    setTimeout(() => stop.abort(), 300);
    await expect(finding).rejects.toThrow(Interrupted);
  });

  it('is none when it is off', () => {
    expect(hardwareOf('off')).toBeUndefined();
    expect(hardwareOf(undefined)).toBeUndefined();
  });
});

it('every family names encoders and decoders as FFmpeg does', () => {
  const all = ['linux', 'darwin', 'win32'].flatMap((os) => hardwareKinds(os as NodeJS.Platform));
  expect(new Set(all.map(({ name }) => name))).toEqual(new Set(hardwareNames));
  for (const one of all) {
    expect(one.live()?.encoder).toMatch(/^h264_/);
    expect(one.file('h265')?.encoder).toMatch(/^hevc_/);
    expect(one.file('vp9')).toBeUndefined();
  }
});

describe('live encoding by hardware', () => {
  const paint = (index: number) => frame(patternAt(SIZE, index), index * 40_000);

  it('sends a picture for each frame', async () => {
    const hardware = new Hardware('auto', { kinds: [kind('cuda', disguised)], program });
    await using encoder = await LiveEncoder.open('h264', { hardware });
    await using decoder = await LiveDecoder.open('h264');
    for (let i = 0; i < 8; i++) {
      using one = paint(i);
      const packet = await encoder.encode(one, { key: i === 5 });
      expect(packet?.key).toBe(i % 5 === 0);
      using shown = await decoder.decode(packet!);
      expect(patternNumber(shown!)).toBe(i);
    }
  });

  it('goes on by software where hardware does not open', async () => {
    const { hardware, notes } = hardwareOfKinds([kind('cuda', absent)], believer);
    await using encoder = await LiveEncoder.open('h264', { hardware });
    using one = paint(0);
    expect((await encoder.encode(one))?.key).toBe(true);
    expect(notes.join()).toMatch(/does not encode this stream, so software does/);
  });

  it('goes on by software, with a key picture, where hardware fails in the midst', async () => {
    const { hardware, notes } = hardwareOfKinds([kind('cuda', disguised)], believer);
    await using encoder = await LiveEncoder.open('h264', { hardware });
    const av = await loadAv();
    using first = paint(0);
    await encoder.encode(first);
    const send = av.CodecContext.prototype.sendFrame;
    let failures = 1;
    av.CodecContext.prototype.sendFrame = function (picture) {
      return failures-- > 0 ? Promise.resolve(-5) : send.call(this, picture);
    };
    try {
      using second = paint(1);
      expect((await encoder.encode(second))?.key).toBe(true);
      expect(notes.join()).toMatch(/does not encode this stream.*Cannot encode/);
    } finally {
      av.CodecContext.prototype.sendFrame = send;
    }
  });
});

describe('files by hardware', () => {
  const options = {
    ...SIZE,
    timeBase: { num: 1, den: 25 },
    frameRate: { num: 25, den: 1 },
    pixelAspect: { num: 1, den: 1 },
    overwrite: true,
  };

  async function write(path: string, hardware: Hardware) {
    await using sink = await openMediaSink(path, { ...options, hardware });
    for (let i = 0; i < 10; i++) await sink.write(frame(patternAt(SIZE, i), i * 40_000));
    await sink.finish();
    return sink.encoder;
  }

  it('holds what was written, and reads it again', async () => {
    const kinds = [kind('cuda', { ...disguised, options: { preset: 'veryfast' } }, { decoder: 'h264' })];
    const { hardware, notes } = hardwareOfKinds(kinds);
    const path = `${scratch()}/hardware.mp4`;
    expect(await write(path, hardware)).toBe('libx264');
    await using source = await openMediaSource(path, { hardware });
    const numbers: (number | undefined)[] = [];
    for await (using one of source.frames(new AbortController().signal)) numbers.push(patternNumber(one));
    expect(numbers).toEqual(Array.from({ length: 10 }, (_, i) => i));
    expect(notes).toEqual([]);
  });

  it('is written and read by software where hardware refuses', async () => {
    const nowhere = { device: 'nowhere', format: 'vaapi' };
    const kinds = [kind('vaapi', { ...disguised, surfaces: nowhere }, { surfaces: nowhere })];
    const { hardware, notes } = hardwareOfKinds(kinds, believer);
    const path = `${scratch()}/software.mp4`;
    expect(await write(path, hardware)).toBe('libx264');
    await using source = await openMediaSource(path, { hardware });
    let count = 0;
    for await (using _ of source.frames(new AbortController().signal)) count++;
    expect(count).toBe(10);
    expect(notes).toEqual([
      expect.stringMatching(/does not encode this size/),
      expect.stringMatching(/does not decode this h264/),
    ]);
  });

  it('gives no encoder where the build lacks it', async () => {
    const av = await loadAv();
    const wanted = { ...options, codec: 'h264', globalHeader: true, reorder: true } as const;
    expect(await PictureEncoder.open(av, { ...wanted, hardware: absent })).toBeUndefined();
    using encoder = await PictureEncoder.openAny(av, { ...wanted, hardware: absent });
    expect(encoder?.name).toBe('libx264');
  });
});
