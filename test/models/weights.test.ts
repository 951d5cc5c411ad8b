import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../src/errors.js';
import { floatToHalf, halfToFloat } from '../../src/models/half.js';
import type { Param } from '../../src/models/net.js';
import { transformNet } from '../../src/models/nets/transform.js';
import {
  blendWeights,
  mismatch,
  paramsFrom,
  prefixed,
  readMetadata,
  readWeights,
  type Tensor,
  type Weights,
  withPrefix,
  writeWeights,
} from '../../src/models/weights.js';
import { randomWeights } from './tiny-model.js';

const tensor = (shape: number[], data: ArrayLike<number>): Tensor => ({
  shape,
  data: Float32Array.from(data),
});

/** A file of any header and any numbers behind it; `claim` lies about the header's length. */
function file(header: unknown, numbers: Uint8Array | number = 0, claim?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const tail = typeof numbers === 'number' ? new Uint8Array(numbers) : numbers;
  const out = new Uint8Array(8 + json.length + tail.length);
  new DataView(out.buffer).setBigUint64(0, claim ?? BigInt(json.length), true);
  out.set(json, 8);
  out.set(tail, 8 + json.length);
  return out;
}

/** Reads, and returns the message of the refusal; undefined when it was read. */
function refusal(bytes: Uint8Array): string | undefined {
  try {
    readWeights(bytes, 'It');
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput);
    return (error as BadInput).message;
  }
}

describe('halves', () => {
  /** Nearest half by search through all of them, ties to the even one. */
  const halves = Array.from({ length: 0x7c00 }, (_, bits) => ({ bits, value: halfToFloat(bits) }));
  function nearest(value: number): number {
    const size = Math.abs(value);
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    if (Number.isNaN(value)) return Number.NaN;
    // The largest half is 65504; half a step above it rounds to infinity.
    if (size >= 65520) return sign | 0x7c00;
    let low = 0;
    let high = halves.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (halves[middle]!.value <= size) low = middle;
      else high = middle - 1;
    }
    const below = halves[low]!;
    const above = halves[low + 1] ?? { bits: 0x7c00, value: 65536 };
    const step = size - below.value - (above.value - size);
    const up = step > 0 || (step === 0 && below.bits % 2 === 1);
    return sign | (up ? above.bits : below.bits);
  }

  it('stand for what IEEE 754 says', () => {
    const known: [number, number][] = [
      [0x0000, 0],
      [0x0001, 2 ** -24],
      [0x03ff, 1023 * 2 ** -24],
      [0x0400, 2 ** -14],
      [0x3555, 0.333251953125],
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x7c00, Number.POSITIVE_INFINITY],
      [0xfc00, Number.NEGATIVE_INFINITY],
      [0x7e00, Number.NaN],
      [0x8000, -0],
    ];
    for (const [bits, value] of known) expect(halfToFloat(bits)).toBe(value);
  });

  it('come back as they were, every one of them', () => {
    const wrong = [];
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfToFloat(bits);
      const back = floatToHalf(value);
      if (Number.isNaN(value) ? !Number.isNaN(halfToFloat(back)) : back !== bits) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  it('are the nearest to any float, ties to even', () => {
    const anyBits = fc.integer({ min: 0, max: 0xffffffff }).map((bits) => {
      const view = new DataView(new ArrayBuffer(4));
      view.setUint32(0, bits);
      return view.getFloat32(0);
    });
    const tie = fc
      .integer({ min: 0, max: 0x7bfe })
      .map((bits) => (halfToFloat(bits) + halfToFloat(bits + 1)) / 2);
    fc.assert(
      fc.property(fc.oneof(anyBits, tie, fc.float({ min: -70000, max: 70000 })), (value) => {
        for (const signed of [value, -value]) {
          const half = floatToHalf(signed);
          if (Number.isNaN(signed)) expect(halfToFloat(half)).toBeNaN();
          else expect(half).toBe(nearest(signed));
        }
      }),
      { numRuns: 3000 },
    );
  });

  it.skipIf(!('Float16Array' in globalThis))('agree with Float16Array (where the runtime has it)', () => {
    const Float16 = (globalThis as unknown as { Float16Array: new (n: number) => Float32Array }).Float16Array;
    const reference = new Float16(1);
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        reference[0] = value;
        expect(halfToFloat(floatToHalf(value))).toBe(reference[0]);
      }),
    );
  });
});

const anyTensor = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }).chain((shape) => {
  const size = shape.reduce((product, side) => product * side, 1);
  return fc
    .array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: size, maxLength: size })
    .map((data) => tensor(shape, data));
});
const anyName = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor', 'toString', 'a.weight'))
  .filter((name) => name !== '__metadata__' && name.isWellFormed());
const anyWeights: fc.Arbitrary<Weights> = fc
  .uniqueArray(fc.tuple(anyName, anyTensor), { selector: ([name]) => name, maxLength: 6 })
  .map((entries) => new Map(entries));
const anyMetadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 4, noNullPrototype: true });

describe('a safetensors file', () => {
  it('gives back what was written, whatever the names, shapes and numbers', () => {
    fc.assert(
      fc.property(anyWeights, anyMetadata, (weights, metadata) => {
        const back = readWeights(writeWeights(weights, metadata, 'F32'));
        expect([...back.weights].sort()).toEqual([...weights].sort());
        expect(back.metadata).toEqual(metadata);
      }),
    );
  });

  it('holds halves unless told otherwise, each the nearest to its number', () => {
    fc.assert(
      fc.property(anyWeights, (weights) => {
        const { weights: back } = readWeights(writeWeights(weights));
        for (const [name, { data }] of weights)
          expect(back.get(name)!.data).toEqual(data.map((value) => halfToFloat(floatToHalf(value))));
      }),
    );
  });

  it('reads BF16 as the upper half of a float', () => {
    const bytes = file(
      { a: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } },
      Uint8Array.of(0x80, 0x3f, 0, 0xc0),
    );
    expect([...readWeights(bytes).weights.get('a')!.data]).toEqual([1, -2]);
  });

  it('starts its numbers at a multiple of 8 and has no holes, as the format asks', () => {
    const bytes = writeWeights(new Map([['a', tensor([3], [1, 2, 3])]]), { what: 'é' });
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
    expect(bytes.length).toBe(8 + new DataView(bytes.buffer).getUint32(0, true) + 6);
  });

  it('is read from the middle of a larger buffer', () => {
    const whole = writeWeights(new Map([['a', tensor([1], [5])]]));
    const buffer = new Uint8Array(whole.length + 3);
    buffer.set(whole, 3);
    expect(readWeights(buffer.subarray(3)).weights.get('a')!.data[0]).toBe(5);
  });

  it('tells about itself from its start alone', () => {
    const bytes = writeWeights(new Map([['a', tensor([1000], new Float32Array(1000))]]), { livebrush: 'x' });
    expect(readMetadata(bytes.subarray(0, 300))).toEqual({ livebrush: 'x' });
    expect(() => readMetadata(bytes.subarray(0, 20))).toThrow(BadInput);
  });
});

describe('a file that is none is refused with the reason', () => {
  const entry = (from: number, to: number, more: object = {}) => ({
    dtype: 'F32',
    shape: [(to - from) / 4],
    data_offsets: [from, to],
    ...more,
  });
  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /shorter than its header/],
    ['seven bytes', new Uint8Array(7), /shorter than its header/],
    ['a web page', new TextEncoder().encode('<!DOCTYPE html><title>404</title>'), /claims \d+ bytes/],
    ['a claim of 2^64-1 bytes', file({}, 0, 2n ** 64n - 1n), /claims/],
    ['a claim of more than there is', file({}, 0, 3n), /claims/],
    ['a header above the cap', file(' '.repeat(2 * 1024 * 1024 + 1)), /are allowed/],
    ['an empty header', file(''), /not JSON/],
    ['no JSON', file('{"a":'), /not JSON/],
    ['no UTF-8', file('"\u00ff"').map((byte, i) => (i === 9 ? 0xff : byte)), /not JSON/],
    ['an array', file([]), /not a JSON object/],
    ['null', file('null'), /not a JSON object/],
    ['a million brackets', file('['.repeat(1e6)), /nested too deeply/],
    ['deep metadata', file({ __metadata__: { a: [[1]] } }), /nested too deeply/],
    ['brackets hidden behind quotes', file('{"\\"[[[[":{"a":[[[1]]]}}'), /nested too deeply/],
    ['metadata that is no text', file({ __metadata__: { a: 1 } }), /metadata is not text/],
    ['metadata that is a list', file({ __metadata__: ['a'] }), /metadata is not text/],
    ['an entry that is none', file({ a: 1 }), /not an object/],
    ['an entry named __proto__ that is none', file('{"__proto__":null}'), /not an object/],
    ['an unknown type', file({ a: entry(0, 4, { dtype: 'I64' }) }, 4), /of type "I64"/],
    ['a type out of the prototype', file({ a: entry(0, 4, { dtype: 'constructor' }) }, 4), /of type/],
    ['no type', file({ a: entry(0, 4, { dtype: undefined }) }, 4), /of type missing/],
    ['no shape', file({ a: entry(0, 4, { shape: 1 }) }, 4), /no valid shape/],
    ['a negative side', file({ a: entry(0, 4, { shape: [-1] }) }, 4), /no valid shape/],
    ['half a side', file({ a: entry(0, 4, { shape: [0.5] }) }, 4), /no valid shape/],
    ['nine sides', file({ a: entry(0, 4, { shape: Array(9).fill(1) }) }, 4), /no valid shape/],
    ['a huge shape', file({ a: entry(0, 4, { shape: [2 ** 40, 2 ** 40] }) }, 4), /as many bytes/],
    [
      'a shape beyond all numbers',
      file({ a: entry(0, 4, { shape: Array(8).fill(2 ** 52) }) }, 4),
      /as many bytes/,
    ],
    ['no offsets', file({ a: entry(0, 4, { data_offsets: [0] }) }, 4), /no valid offsets/],
    ['offsets backwards', file({ a: entry(4, 0, { shape: [1] }) }, 4), /as many bytes/],
    [
      'offsets behind the end',
      file({ a: entry(0, 400) }, 4),
      /4 bytes of numbers where its header names 400/,
    ],
    ['a hole at the start', file({ a: entry(4, 8) }, 8), /leaves a hole/],
    ['a hole between', file({ a: entry(0, 4), b: entry(8, 12) }, 12), /leaves a hole/],
    ['an overlap', file({ a: entry(0, 8), b: entry(4, 12) }, 12), /overlaps/],
    ['the same bytes twice', file({ a: entry(0, 4), b: entry(0, 4) }, 4), /overlaps/],
    ['bytes nobody names', file({ a: entry(0, 4) }, 5), /5 bytes of numbers/],
    [
      'a name twice, with other bytes',
      file(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        8,
      ),
      /leaves a hole/,
    ],
  ])('%s', (_, bytes, reason) => {
    expect(refusal(bytes)).toMatch(reason);
  });

  it('in a sentence that stays short, however long the names are', () => {
    const name = 'x'.repeat(100_000);
    expect(refusal(file({ [name]: { dtype: [name], shape: [], data_offsets: [] } }))!.length).toBeLessThan(
      400,
    );
  });

  it('whatever bytes it holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        refusal(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('whatever JSON its header holds', () => {
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.record({
        dtype: fc.constantFrom('F32', 'F16', 'BF16', 'I8', 7),
        shape: fc.array(fc.oneof(fc.nat(9), fc.integer(), fc.double()), { maxLength: 9 }),
        data_offsets: fc.array(fc.oneof(fc.nat(40), fc.integer(), fc.maxSafeNat()), { maxLength: 3 }),
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(anyName, value, { maxKeys: 4 }), fc.nat(64), (header, size) => {
        refusal(file(header, size));
      }),
      { numRuns: 2000 },
    );
  });

  it('when bytes of a good one are changed, dropped or doubled: it never reads more tensors or numbers than it holds', () => {
    const good = writeWeights(
      new Map([
        ['conv.weight', tensor([2, 3, 3, 3], new Float32Array(54).fill(0.5))],
        ['conv.bias', tensor([2], [1, -1])],
      ]),
      { livebrush: '{"kind":"style"}' },
    );
    const change = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: -40, max: 40 }),
        (changes, grow) => {
          const bytes = new Uint8Array(good.length + grow);
          bytes.set(good.subarray(0, bytes.length));
          for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to;
          if (refusal(bytes)) return;
          const { weights } = readWeights(bytes);
          const numbers = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
          expect(numbers * 2).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('mismatch', () => {
  const params: Record<string, Param> = {
    a: { shape: [2, 1], from: 'net' },
    b: { shape: [], from: 'style' },
  };
  const good: Weights = new Map([
    ['a', tensor([2, 1], [1, 2])],
    ['b', tensor([], [3])],
  ]);
  const but = (name: string, other?: Tensor): Weights => {
    const weights = new Map(good);
    if (other) weights.set(name, other);
    else weights.delete(name);
    return weights;
  };

  it('finds nothing wrong with exactly the named tensors', () => {
    expect(mismatch(good, params)).toBeUndefined();
  });

  it.each<[string, Weights, RegExp]>([
    ['missing', but('b'), /tensor b is missing/],
    [
      'of another shape',
      but('a', tensor([1, 2], [1, 2])),
      /tensor a is \[1, 2\] where the net wants \[2, 1\]/,
    ],
    ['of another length than its shape', but('a', tensor([2, 1], [1])), /has 1 numbers/],
    ['NaN', but('a', tensor([2, 1], [1, Number.NaN])), /not finite/],
    ['infinite', but('b', tensor([], [Number.NEGATIVE_INFINITY])), /not finite/],
    ['unknown', but('c', tensor([], [1])), /tensor c is not of this net/],
    ['named like a method of objects', but('toString', tensor([], [1])), /toString is not of this net/],
    ['named __proto__', but('__proto__', tensor([], [1])), /__proto__ is not of this net/],
  ])('finds a tensor that is %s', (_, weights, reason) => {
    expect(mismatch(weights, params)).toMatch(reason);
  });

  it('finds any tensor of a real net that is missing, of another shape or not finite', () => {
    const net = transformNet({ base: 2, residuals: 1 });
    const wanted = paramsFrom(net.params, 'style');
    const weights = randomWeights(net, 'style', 1);
    expect(mismatch(weights, wanted)).toBeUndefined();
    for (const [name, { shape, data }] of weights) {
      const others: (Tensor | undefined)[] = [
        undefined,
        { shape: [...shape, 1], data },
        { shape, data: data.with(data.length >> 1, Number.POSITIVE_INFINITY) },
      ];
      for (const other of others) {
        const bad = new Map(weights);
        if (other) bad.set(name, other);
        else bad.delete(name);
        expect(mismatch(bad, wanted)).toContain(`tensor ${name} `);
      }
    }
  });
});

describe('blendWeights', () => {
  const one = new Map([['a', tensor([2], [1, 2])]]);
  const two = new Map([['a', tensor([2], [3, -2])]]);

  it('adds the shares', () => {
    const sum = blendWeights([
      { weights: one, share: 0.25 },
      { weights: two, share: 0.75 },
    ]);
    expect([...sum.get('a')!.data]).toEqual([2.5, -1]);
  });

  it('refuses nothing, and weights of different nets', () => {
    expect(() => blendWeights([])).toThrow(BadInput);
    for (const other of [new Map([['b', tensor([2], [1, 2])]]), new Map([['a', tensor([3], [1, 2, 3])]])])
      expect(() =>
        blendWeights([
          { weights: one, share: 0.5 },
          { weights: other, share: 0.5 },
        ]),
      ).toThrow(/not of one net/);
  });
});

describe('prefixes', () => {
  it('go on and come off', () => {
    const weights = new Map([['a', tensor([], [1])]]);
    expect([...prefixed(weights, 'meta/').keys()]).toEqual(['meta/a']);
    expect(withPrefix(new Map([...prefixed(weights, 'meta/'), ['b', tensor([], [2])]]), 'meta/')).toEqual(
      weights,
    );
  });
});
