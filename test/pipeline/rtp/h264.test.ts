import { describe, expect, it } from 'vitest';
import { H264Depacketizer, H264Packetizer } from '../../../src/pipeline/rtp/h264.js';
import { splitAnnexB } from '../../../src/pipeline/rtp/nal.js';
import { MAX_PAYLOAD, MAX_UNIT } from '../../../src/pipeline/rtp/types.js';

const bytes = (...values: number[]) => Uint8Array.from(values);
const annexB = (...nals: Uint8Array[]) => bytes(...nals.flatMap((nal) => [0, 0, 0, 1, ...nal]));

/** Parameter sets with ids 0 (Exp-Golomb: a set bit) and 1 (010). */
const SPS = bytes(0x67, 0x42, 0xc0, 0x1f, 0x80 | 0x2a);
const SPS1 = bytes(0x67, 0x42, 0xc0, 0x1f, 0x40 | 0x0a);
const PPS = bytes(0x68, 0xce, 0x3c, 0x80);
const PPS1 = bytes(0x68, 0x4e, 0x3c, 0x80);
const SEI = bytes(0x06, 5, 1, 7, 0x80);
const AUD = bytes(0x09, 0xf0);

/** A slice of so many bytes: IDR or not, the picture's first or a later one. */
function slice(length: number, { idr = false, first = true } = {}): Uint8Array {
  const nal = Uint8Array.from({ length }, (_, i) => (i % 250) + 3);
  nal.set([idr ? 0x65 : 0x41, first ? 0x88 : 0x48]);
  return nal;
}

function feed(depacketizer: H264Depacketizer, data: Uint8Array, timestamp: number, without?: number) {
  return new H264Packetizer().packetize(data).flatMap(({ payload, marker }, i) => {
    if (i !== without) return depacketizer.push({ payload, timestamp, marker });
    depacketizer.lost();
    return [];
  });
}

/** Puts single payloads in; the last has the marker. */
const put = (depacketizer: H264Depacketizer, timestamp: number, ...payloads: Uint8Array[]) =>
  payloads.flatMap((payload, i) =>
    depacketizer.push({ payload, timestamp, marker: i === payloads.length - 1 }),
  );

describe('Annex B', () => {
  it('falls into its NAL units, whatever start codes it has', () => {
    const [a, b] = [bytes(0x65, 1, 0, 0, 3, 1, 2), bytes(0x41, 9)];
    expect(splitAnnexB(annexB(a, b))).toEqual([a, b]);
    expect(splitAnnexB(bytes(0, 0, 1, ...a, 0, 0, 1, ...b))).toEqual([a, b]);
    expect(splitAnnexB(bytes(0, 0, 0, 0, 0, 1, ...a, 0, 0, 0, 0, 1, ...b, 0, 0))).toEqual([a, b]);
    for (const none of [bytes(), bytes(1, 2, 3), bytes(0, 0, 1), bytes(0, 0, 0, 0), bytes(0, 0, 1, 0, 0, 1)])
      expect(splitAnnexB(none)).toEqual([]);
  });
});

describe('H.264 packets', () => {
  it('keep within the limit, bundle parameter sets, leave delimiters out, and mark the last', () => {
    const payloads = new H264Packetizer().packetize(
      annexB(AUD, SPS, PPS, SEI, slice(1188, { idr: true }), slice(1189, { first: false })),
    );
    expect(payloads.map(({ payload }) => payload[0]! & 31)).toEqual([24, 6, 5, 28, 28]);
    expect(payloads.map(({ marker }) => marker)).toEqual([false, false, false, false, true]);
    expect(payloads[0]!.payload).toEqual(bytes(0x78, 0, SPS.length, ...SPS, 0, PPS.length, ...PPS));
    for (const { payload } of payloads) expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD);
    const sizes = new H264Packetizer().packetize(annexB(slice(50_001))).map(({ payload }) => payload.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_PAYLOAD);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    expect(new H264Packetizer().packetize(bytes())).toEqual([]);
  });

  it('give the access unit back', () => {
    const depacketizer = new H264Depacketizer();
    const key = annexB(SPS, PPS, SEI, slice(5000, { idr: true }), slice(700, { idr: true, first: false }));
    expect(feed(depacketizer, key, 1)).toEqual([{ data: key, timestamp: 1, key: true }]);
    for (const length of [2, 1188, 1189, 2373, 2374, 60_000]) {
      const data = annexB(slice(length));
      expect(feed(depacketizer, data, length)).toEqual([{ data, timestamp: length, key: false }]);
    }
    expect(depacketizer).toMatchObject({ dropped: 0, needsKey: false });
  });

  it('that miss one give nothing until an IDR picture', () => {
    const key = annexB(SPS, PPS, slice(3000, { idr: true }));
    const depacketizer = new H264Depacketizer();
    expect(depacketizer.needsKey).toBe(true);
    expect(feed(depacketizer, annexB(slice(10)), 1)).toEqual([]);
    expect(feed(depacketizer, key, 2)).toHaveLength(1);
    for (const [i, without] of [0, 1, 2].entries()) {
      expect(feed(depacketizer, annexB(slice(3000)), 10 + i, without)).toEqual([]);
      expect(depacketizer.needsKey).toBe(true);
      expect(feed(depacketizer, annexB(slice(3000)), 20 + i)).toEqual([]);
      expect(feed(depacketizer, key, 30 + i)).toHaveLength(1);
    }
  });

  it('whose first slice went missing are no picture', () => {
    const depacketizer = new H264Depacketizer();
    expect(put(depacketizer, 1, SPS, PPS, slice(50, { idr: true, first: false }))).toEqual([]);
    expect(depacketizer.needsKey).toBe(true);
  });

  it('with parameter sets apart from their picture are put together', () => {
    const depacketizer = new H264Depacketizer();
    const idr = slice(40, { idr: true });
    expect(put(depacketizer, 1, SPS, PPS)).toEqual([]);
    expect(depacketizer).toMatchObject({ needsKey: true, dropped: 0 });
    expect(put(depacketizer, 2, idr)).toEqual([{ data: annexB(SPS, PPS, idr), timestamp: 2, key: true }]);
    expect(put(depacketizer, 3, idr)).toHaveLength(1);
    // More sets, by their ids; a new one of the same id takes the old one's place.
    const newer = bytes(...SPS, 7);
    put(depacketizer, 4, SPS1, PPS1, newer);
    expect(put(depacketizer, 5, idr)[0]!.data).toEqual(annexB(newer, SPS1, PPS, PPS1, idr));
    // What brings its own is left as it is.
    expect(put(depacketizer, 6, SPS, PPS, idr)[0]!.data).toEqual(annexB(SPS, PPS, idr));
  });

  it('with parameter sets alone are no key picture', () => {
    const depacketizer = new H264Depacketizer();
    expect(put(depacketizer, 1, SPS, PPS, slice(40))).toEqual([]);
    put(depacketizer, 2, SPS, PPS, slice(40, { idr: true }));
    expect(put(depacketizer, 3, SPS, PPS, slice(40))).toMatchObject([{ key: false }]);
  });

  it('end a picture where the timestamp changes', () => {
    const depacketizer = new H264Depacketizer();
    const idr = slice(40, { idr: true });
    for (const payload of [SPS, PPS, idr])
      expect(depacketizer.push({ payload, timestamp: 1, marker: false })).toEqual([]);
    expect(put(depacketizer, 2, slice(30))).toMatchObject([
      { timestamp: 1, key: true },
      { timestamp: 2, key: false },
    ]);
  });

  it('that make no sense spoil their picture only', () => {
    const fu = (header: number, ...rest: number[]) => bytes(0x7c, header, ...rest);
    const nonsense: Uint8Array[][] = [
      [bytes(0x78, 0, 9, 0x67)],
      [bytes(0x78, 0, 0)],
      [bytes(0x78, 0)],
      [bytes(0x7c)],
      [fu(0x85)],
      // A middle without a beginning, a beginning without an end, another NAL unit in between, another type.
      [fu(0x05, 1, 2)],
      [fu(0x85, 0x88, 2)],
      [fu(0x85, 0x88, 2), slice(20)],
      [fu(0x85, 0x88, 2), fu(0x41, 1)],
      [fu(0x85, 0x88, 2), fu(0x85, 0x88, 2)],
      // STAP-B, MTAP, FU-B: not of packetization-mode 1.
      ...[25, 26, 27, 29].map((type) => [bytes(type, 0, 0, 0, 0, 0)]),
    ];
    for (const payloads of nonsense) {
      const depacketizer = new H264Depacketizer();
      const key = [SPS, PPS, slice(40, { idr: true })];
      put(depacketizer, 1, ...key);
      expect(put(depacketizer, 2, slice(20), ...payloads), payloads.join('; ')).toEqual([]);
      expect(depacketizer).toMatchObject({ needsKey: true, dropped: 1 });
      expect(put(depacketizer, 3, ...key)).toHaveLength(1);
    }
  });

  it('without end are given up', () => {
    const depacketizer = new H264Depacketizer();
    put(depacketizer, 1, SPS, PPS, slice(40, { idr: true }));
    const piece = slice(60_000, { first: false });
    depacketizer.push({ payload: slice(10), timestamp: 2, marker: false });
    for (let sent = 0; sent <= MAX_UNIT; sent += piece.length)
      depacketizer.push({ payload: piece, timestamp: 2, marker: false });
    expect(put(depacketizer, 2, piece)).toEqual([]);
    expect(depacketizer).toMatchObject({ needsKey: true, dropped: 1 });
  });
});
