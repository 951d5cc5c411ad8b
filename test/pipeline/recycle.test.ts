import { describe, expect, it } from 'vitest';
import { borrowedFrame, frame } from '../../src/pipeline/frame.js';
import { borrow, giveBack } from '../../src/pipeline/recycle.js';

const size = { width: 5, height: 7 };

describe('memory of pictures', () => {
  it('is lent again once it was given back, to pictures of as many pixels', () => {
    const first = borrow(size);
    expect(first).toMatchObject({ ...size, data: new Uint8Array(105) });
    expect(borrow(size).data).not.toBe(first.data);
    giveBack(first);
    const second = borrow({ width: 7, height: 5 });
    expect(second.data).toBe(first.data);
    expect(second).toMatchObject({ width: 7, height: 5 });
    expect(borrow(size).data).not.toBe(first.data);
  });

  it('is kept for a few pictures of a size only', () => {
    const many = Array.from({ length: 20 }, () => borrow({ width: 3, height: 11 }));
    for (const pixels of many) giveBack(pixels);
    const again = Array.from({ length: 20 }, () => borrow({ width: 3, height: 11 }).data);
    expect(again.filter((data) => many.some((pixels) => pixels.data === data))).toHaveLength(6);
  });

  it('is not kept beyond its bound: sizes that nobody uses any more make room', () => {
    const old = borrow({ width: 2000, height: 2000 });
    giveBack(old);
    const next = Array.from({ length: 5 }, () => borrow({ width: 2000, height: 1500 }));
    for (const pixels of next) giveBack(pixels);
    expect(borrow({ width: 2000, height: 2000 }).data === old.data).toBe(false);
  });
});

describe('a frame', () => {
  it('gives its memory back when the last who holds it lets go, and not twice', () => {
    const pixels = borrow({ width: 13, height: 3 });
    const one = borrowedFrame(pixels, 1);
    const two = one.clone();
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    expect(borrow(pixels).data).not.toBe(pixels.data);
    const three = two.clone();
    two[Symbol.dispose]();
    three[Symbol.dispose]();
    expect(borrow(pixels).data).toBe(pixels.data);
    expect(borrow(pixels).data).not.toBe(pixels.data);
  });

  it('leaves to a frame made of it pixels of its own', () => {
    const released: string[] = [];
    const source = frame({ ...size, data: new Uint8Array(105) }, 5, () => released.push('source'));
    const painted = source.with({ ...size, data: new Uint8Array(105) }, () => released.push('painted'));
    source[Symbol.dispose]();
    expect(released).toEqual(['source']);
    painted[Symbol.dispose]();
    expect(released).toEqual(['source', 'painted']);
  });
});
