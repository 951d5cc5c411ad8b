import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TwccFeedback } from '../../../src/pipeline/rtp/twcc.js';

/** Reads feedback as draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1, describes it. */
function parse(packet: Uint8Array) {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  expect(view.getUint8(0) & 0xdf).toBe(0x8f);
  expect(view.getUint8(1)).toBe(205);
  expect(view.getUint16(2)).toBe(packet.length / 4 - 1);
  const padding = view.getUint8(0) & 0x20 ? view.getUint8(packet.length - 1) : 0;
  const [base, count] = [view.getUint16(12), view.getUint16(14)];
  const reference = view.getUint32(16) >>> 8;
  const symbols: number[] = [];
  let at = 20;
  while (symbols.length < count) {
    const chunk = view.getUint16(at);
    at += 2;
    if (!(chunk & 0x8000)) symbols.push(...new Array(chunk & 0x1fff).fill((chunk >> 13) & 3));
    else if (chunk & 0x4000) for (let i = 12; i >= 0; i -= 2) symbols.push((chunk >> i) & 3);
    else for (let i = 13; i >= 0; i--) symbols.push((chunk >> i) & 1);
  }
  expect(symbols.slice(count).every((symbol) => symbol === 0)).toBe(true);
  let time = reference * 64_000;
  const arrivals = symbols.slice(0, count).map((symbol, i) => {
    expect(symbol).toBeLessThan(3);
    if (symbol === 0) return undefined;
    time += 250 * (symbol === 1 ? view.getUint8(at) : view.getInt16(at));
    at += symbol;
    return { sequence: (base + i) & 0xffff, time };
  });
  expect(at + padding).toBe(packet.length);
  return {
    sender: view.getUint32(4),
    media: view.getUint32(8),
    base,
    reference,
    feedback: view.getUint8(19),
    arrivals,
    received: arrivals.filter((arrival) => arrival !== undefined),
  };
}

describe('transport-wide feedback', () => {
  it('names the stream that is known by the time it is told, not by the first packet', () => {
    const feedback = new TwccFeedback(1, 0);
    feedback.received(7, 1_000_000);
    feedback.media = 0x1234_5678;
    expect(parse(feedback.build()[0]!).media).toBe(0x1234_5678);
  });

  it('tells who came when, and who did not', () => {
    const feedback = new TwccFeedback(0xdead_beef, 0x1234_5678);
    for (const [sequence, arrival] of [
      [1000, 1_000_000],
      [1001, 1_001_000],
      [1004, 1_030_000],
      [1005, 1_500_000],
    ] as const)
      feedback.received(sequence, arrival);
    const [packet, ...more] = feedback.build();
    expect(more).toEqual([]);
    expect(parse(packet!)).toMatchObject({
      sender: 0xdead_beef,
      media: 0x1234_5678,
      base: 1000,
      reference: 15,
      feedback: 0,
      arrivals: [
        { sequence: 1000, time: 1_000_000 },
        { sequence: 1001, time: 1_001_000 },
        undefined,
        undefined,
        { sequence: 1004, time: 1_030_000 },
        { sequence: 1005, time: 1_500_000 },
      ],
    });
    expect(feedback.build()).toEqual([]);
  });

  it('goes on where it stopped: what was lost in between is told', () => {
    const feedback = new TwccFeedback(1, 2);
    expect(feedback.build()).toEqual([]);
    feedback.received(65_535, 0);
    expect(parse(feedback.build()[0]!)).toMatchObject({ base: 65_535, feedback: 0 });
    feedback.received(3, 20_000);
    const next = parse(feedback.build()[0]!);
    expect(next).toMatchObject({ base: 0, feedback: 1 });
    expect(next.arrivals).toEqual([undefined, undefined, undefined, { sequence: 3, time: 20_000 }]);
  });

  it('tells of a late packet that it had told to be missing', () => {
    const feedback = new TwccFeedback(1, 2);
    feedback.received(10, 0);
    feedback.received(12, 1000);
    feedback.build();
    feedback.received(11, 5000);
    expect(parse(feedback.build()[0]!).received).toEqual([
      { sequence: 11, time: 5000 },
      { sequence: 12, time: 1000 },
    ]);
  });

  it('wraps its reference time at 24 bits and its count at 8', () => {
    const feedback = new TwccFeedback(1, 2);
    for (let i = 0; i < 257; i++) {
      feedback.received(i, 2 ** 24 * 64_000 + i * 64_000);
      expect(parse(feedback.build()[0]!)).toMatchObject({ reference: i, feedback: i & 0xff });
    }
  });

  it('begins another packet after a long silence, and when one is full', () => {
    const feedback = new TwccFeedback(1, 2);
    feedback.received(1, 0);
    feedback.received(2, 60_000_000);
    for (let i = 3; i < 900; i++) feedback.received(i, 60_000_000 + i * 300_000 * (i % 2));
    const packets = feedback.build();
    expect(Math.max(...packets.map(({ length }) => length))).toBeLessThan(1200);
    const all = packets.flatMap((packet) => parse(packet).received.map(({ sequence }) => sequence));
    expect(all).toEqual(Array.from({ length: 899 }, (_, i) => i + 1));
  });

  it('stays small when numbers jump about', () => {
    const feedback = new TwccFeedback(1, 2);
    for (let i = 0; i < 20_000; i++) feedback.received((i * 7919) & 0xffff, i * 100);
    const packets = feedback.build();
    expect(packets.length).toBeLessThan(20);
    expect(packets.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(20_000);
  });

  it('says of any arrivals what they were, to a quarter of a millisecond, each lost one once', () => {
    const batch = fc.array(
      fc.record({
        gap: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 30 })),
        wait: fc.oneof(fc.nat(2000), fc.nat(400_000)),
      }),
      { minLength: 1, maxLength: 300 },
    );
    fc.assert(
      fc.property(fc.nat(0xffff), fc.array(batch, { minLength: 1, maxLength: 4 }), (start, batches) => {
        const feedback = new TwccFeedback(1, 2);
        let [sequence, arrival] = [start, 0];
        let next = start;
        for (const steps of batches) {
          const sent: { sequence: number; time: number }[] = [];
          for (const { gap, wait } of steps) {
            sequence += gap;
            arrival += wait;
            sent.push({ sequence: sequence & 0xffff, time: arrival });
            feedback.received(sequence & 0xffff, arrival);
          }
          const read = feedback.build().map(parse);
          // From the second batch on nothing between them is left out.
          if (next !== start) expect(read[0]!.base).toBe(next & 0xffff);
          next = sequence + 1;
          const received = read.flatMap((packet) => packet.received);
          // More than the window at once may forget the oldest.
          const told = sent.slice(-received.length);
          if (sequence - start < 1024) expect(received.length).toBe(sent.length);
          received.forEach((packet, i) => {
            expect(packet.sequence).toBe(told[i]!.sequence);
            expect(Math.abs(packet.time - told[i]!.time)).toBeLessThanOrEqual(125);
          });
        }
      }),
      { numRuns: 50 },
    );
  });
});
