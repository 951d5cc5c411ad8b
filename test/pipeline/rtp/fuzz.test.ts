import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { depacketizer, packetizer, parseColorSpace } from '../../../src/pipeline/rtp/index.js';
import { MAX_PAYLOAD } from '../../../src/pipeline/rtp/types.js';

/** Payloads that look like something: a header byte of a kind that exists, then anything. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc
    .tuple(
      fc.constantFrom(0x65, 0x67, 0x68, 0x41, 0x78, 0x7c, 0x10, 0x90, 0x00),
      fc.uint8Array({ maxLength: 60 }),
    )
    .map(([header, rest]) => Uint8Array.of(header, ...rest)),
);
const packet = fc.record({ payload, timestamp: fc.nat(3), marker: fc.boolean(), lossBefore: fc.boolean() });

describe.each(['h264', 'vp8'] as const)('any bytes as %s', (codec) => {
  it('never throw, and give pictures only from a key picture on', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 40 }), (packets) => {
        const reader = depacketizer(codec);
        for (const { lossBefore, ...one } of packets) {
          if (lossBefore) reader.lost();
          const before = reader.needsKey;
          const units = reader.push(one);
          if (before && units.length) expect(units[0]!.key).toBe(true);
          for (const { data } of units) expect(data.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('can be cut into packets', () => {
    const writer = packetizer(codec);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4000, size: 'max' }), (data) => {
        const payloads = writer.packetize(data);
        for (const [i, { payload, marker }] of payloads.entries()) {
          expect(payload.length).toBeGreaterThan(0);
          expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD);
          expect(marker).toBe(i === payloads.length - 1);
        }
      }),
    );
  });
});

describe('the colour extension', () => {
  it('says matrix and range, as far as they are known', () => {
    expect(parseColorSpace(Uint8Array.of(1, 13, 1, 0x20))).toEqual({ matrix: 1, full: true });
    expect(parseColorSpace(Uint8Array.of(6, 6, 6, 0x15))).toEqual({ matrix: 6, full: false });
    expect(parseColorSpace(Uint8Array.of(1, 1, 0, 0x00))).toEqual({ matrix: undefined, full: undefined });
    expect(parseColorSpace(Uint8Array.of(1, 1, 200, 0x30))).toEqual({ matrix: undefined, full: undefined });
    expect(parseColorSpace(Uint8Array.of(1, 1, 1))).toBeUndefined();
  });
});
