import fc from 'fast-check';
import { Bundle, encode } from 'node-osc';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../src/errors.js';
import { readPacket } from '../../src/server/osc-packet.js';
import { bundled, double, float, int, long, packed, text } from './osc-doubles.js';

const nested = (depth: number): Buffer =>
  depth === 0 ? packed('/deep', 'i', int(depth)) : bundled(nested(depth - 1));

describe('OSC packets', () => {
  it('have numbers of every width, texts and what else there is', () => {
    const values = [int(-7), long(2 ** 40), float(0.25), double(0.1), text('wave'), text('kräftig')];
    expect(readPacket(packed('/a/b', 'ihfdsS', ...values))).toEqual([
      ['/a/b', -7, 2 ** 40, 0.25, 0.1, 'wave', 'kräftig'],
    ]);
    const blob = [int(3), Buffer.from([1, 2, 3, 0])];
    expect(readPacket(packed('/a', 'TbmFNi', ...blob, int(9), int(5)))).toEqual([
      ['/a', true, Buffer.from([1, 2, 3]), int(9), false, null, 5],
    ]);
    expect(readPacket(packed('/a', ''))).toEqual([['/a']]);
  });

  it('are bundles, too, and bundles in bundles, to a depth', () => {
    const one = packed('/one', 's', text('1'));
    const two = packed('/two', 'd', double(2));
    expect(readPacket(bundled())).toEqual([]);
    expect(readPacket(bundled(one, bundled(two, bundled(one)), two))).toEqual([
      ...[
        ['/one', '1'],
        ['/two', 2],
        ['/one', '1'],
        ['/two', 2],
      ],
    ]);
    expect(readPacket(nested(8))).toEqual([['/deep', 0]]);
    expect(() => readPacket(nested(9))).toThrow('OSC: bundles lie more than 8 deep in each other.');
    expect(() => readPacket(nested(3000))).toThrow(BadInput);
  });

  it('of another library are read as it wrote them', () => {
    const messages: [string, ...(string | number | boolean)[]][] = [
      ['/livebrush/live/style', 'wave', 500],
      ['/livebrush/live/mix', 'wave', 0.5, 'scream', 0.25],
      ['/x', true, false],
    ];
    expect(readPacket(encode(new Bundle(0, ...messages)))).toEqual(messages);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a word', Buffer.from('hello')],
    ['no types', text('/livebrush/a/strength')],
    ['types without a comma', Buffer.concat([text('/a'), text('f'), float(1)])],
    ['an unknown type', packed('/a', 'z')],
    ['a name that objects have', packed('/a', 'constructor')],
    ['too few arguments', packed('/a', 'ff', float(1))],
    ['half a number', packed('/a', 'd', float(1))],
    ['a text without its end', packed('/a', 's', Buffer.from('wave'))],
    ['a blob of less than nothing', packed('/a', 'b', int(-4))],
    ['a bundle without a time', text('#bundle')],
    ['a part that is too long', Buffer.concat([bundled(), int(400), packed('/a', '')])],
    ['a part of nothing', Buffer.concat([bundled(), int(0)])],
  ])('are refused where they are none: %s', (_name, bytes) => {
    expect(() => readPacket(bytes)).toThrow(BadInput);
  });

  it('may be anything: it is read, or refused in a sentence', () => {
    const whole = bundled(
      packed('/a', 'ifsdhb', int(1), float(1), text('x'), double(1), long(1), int(0)),
      nested(3),
    );
    const damaged = fc
      .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 12 })
      .map((changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        return bytes;
      });
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      damaged,
    );
    fc.assert(
      fc.property(any, (bytes) => {
        try {
          for (const message of readPacket(bytes)) expect(typeof message[0]).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(BadInput);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
