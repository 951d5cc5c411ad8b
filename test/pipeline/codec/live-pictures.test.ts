import type { FormatContext } from 'node-av/lib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Pixels } from '../../../src/models/pixels.js';
import { type Av, loadAv } from '../../../src/pipeline/codec/av.js';
import { uprightOf } from '../../../src/pipeline/codec/info.js';
import { LivePictures } from '../../../src/pipeline/codec/live-pictures.js';
import { openFormat, videoStream } from '../../../src/pipeline/codec/open.js';
import { PacketDecoder } from '../../../src/pipeline/codec/packet-decoder.js';
import { PacketQueue } from '../../../src/pipeline/codec/packet-queue.js';
import { framesAlive } from '../../../src/pipeline/frame.js';
import { type Clip, clip } from '../../fixtures/clips.js';
import { closeness, comb, twoFields } from '../../fixtures/pictures.js';

interface Shown {
  readonly times: number[];
  readonly pixels: Pixels[];
}

/** What a clip of the stream is like; `again`: it begins anew where it starts. */
type Part = Partial<Clip> | 'again';

/** Puts the packets of a clip into a queue, never so many that its reader counts as behind. */
async function put(av: Av, format: FormatContext, queue: PacketQueue): Promise<void> {
  for (;;) {
    const packet = new av.Packet();
    packet.alloc();
    if ((await format.readFrame(packet)) < 0) return packet.free();
    while (queue.length > 4) await new Promise((resolve) => setImmediate(resolve));
    queue.put(packet);
  }
}

/** The frames of clips one after the other in one stream, which is decoded as the first of them is. */
async function show(...parts: readonly Part[]): Promise<Shown> {
  const av = await loadAv();
  const paths = await Promise.all(parts.map((part) => (part === 'again' ? part : clip(part))));
  const formats = await Promise.all(paths.map((path) => (path === 'again' ? path : openFormat(av, path))));
  const first = formats[0] as FormatContext;
  const picture = videoStream(av, first)!;
  const decoder = (await PacketDecoder.open(av, picture))!;
  const queue = new PacketQueue();
  const clock = { at: (media: number) => media, arrived() {}, showing() {} };
  const upright = uprightOf(av, picture);
  const pictures = new LivePictures({ av, queue, decoder, picture, clock, upright, paced: false });
  const feeding = (async () => {
    for (const format of formats)
      if (format === 'again') queue.put(format);
      else await put(av, format, queue);
    queue.end();
  })();
  const shown: Shown = { times: [], pixels: [] };
  for await (const frame of pictures.frames(new AbortController().signal)) {
    using held = frame;
    shown.times.push(held.timestamp);
    shown.pixels.push({ data: held.data.slice(), width: held.width, height: held.height });
  }
  await feeding;
  await pictures[Symbol.asyncDispose]();
  for (const format of formats) if (format !== 'again') await format.closeInput();
  return shown;
}

const size = { width: 160, height: 96 };
/** Eight pictures of 40 ms from an index on, all on one clock. */
const from = (start: number, made: Partial<Clip> = {}): Partial<Clip> => ({
  ...size,
  extension: 'ts',
  timeBase: { num: 1, den: 90_000 },
  muxerOptions: { mpegts_copyts: '1' },
  pts: Array.from({ length: 8 }, (_, i) => 90_000 + 3600 * (start + i)),
  paint: (i) => twoFields({ width: made.width ?? 160, height: made.height ?? 96 }, i, 'tff'),
  ...made,
});
const told = { encoderOptions: { preset: 'ultrafast', crf: '6', 'x264-params': 'tff=1' } };
const times = (count: number) => Array.from({ length: count }, (_, i) => 1_000_000 + 40_000 * i);

describe('pictures of two fields in a live stream', () => {
  afterEach(() => {
    expect(framesAlive()).toBe(0);
  });

  it('become whole ones, each at its time, from the first of them on', async () => {
    const { times: shown, pixels } = await show(from(0), from(8, told));
    expect(shown).toEqual(times(16));
    const untold = await show(from(0));
    for (const [i, picture] of pixels.entries())
      if (i < 8) expect(closeness(picture, untold.pixels[i]!), `${i}`).toBe(0);
      else expect(comb(picture), `${i}`).toBeLessThan(comb(untold.pixels[i - 8]!) / 4);
  });

  it('and those that are whole after them pass as they are, the last of each size too', async () => {
    const small = { width: 128, height: 64 };
    const { times: shown, pixels } = await show(
      from(0, told),
      from(8),
      from(16, small),
      from(24, { ...small, ...told }),
    );
    expect(shown).toEqual(times(32));
    expect(pixels.map(({ width }) => width)).toEqual([...Array(16).fill(160), ...Array(16).fill(128)]);
    const untold = await show(from(0), from(8, small));
    for (let i = 8; i < 24; i++) expect(closeness(pixels[i]!, untold.pixels[i - 8]!), `${i}`).toBe(0);
    for (let i = 24; i < 32; i++)
      expect(comb(pixels[i]!), `${i}`).toBeLessThan(comb(untold.pixels[i - 16]!) / 4);
  });

  it('lose none where the stream begins anew', async () => {
    const { times: shown, pixels } = await show(from(0, told), 'again', from(8, told), 'again');
    expect(shown).toEqual(times(16));
    const once = await show(from(0, told));
    // The first after the mark does not follow the last before it.
    for (let i = 0; i < 8; i++) expect(closeness(pixels[i + 8]!, once.pixels[i]!), `${i}`).toBe(0);
  });

  it('come in the order in which they are shown', async () => {
    const b = { encoderOptions: { ...told.encoderOptions, 'x264-params': 'tff=1:b-adapt=0' }, bFrames: 2 };
    const { times: shown } = await show(from(0, b), 'again');
    expect(shown).toEqual(times(8));
  });
});
