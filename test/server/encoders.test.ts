import { afterEach, describe, expect, it } from 'vitest';
import { Fanout } from '../../src/pipeline/fanout.js';
import { type Frame, frame, framesAlive } from '../../src/pipeline/frame.js';
import type { LiveSink } from '../../src/pipeline/live.js';
import { Encoders } from '../../src/server/encoders.js';
import { gate, grey, tick } from '../pipeline/doubles.js';

afterEach(() => expect(framesAlive()).toBe(0));

/** Takes a frame whenever the test lets it, and notes its first byte. */
function slow() {
  let free = gate();
  const seen: number[] = [];
  const sink: LiveSink = {
    write: async (given: Frame) => {
      using one = given;
      seen.push(one.data[0]!);
      await free.passed;
    },
    sound: () => {},
    finish: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
  const hold = () => {
    free = gate();
  };
  return { sink, seen, hold, open: () => free.open() };
}

async function settle() {
  for (let i = 0; i < 5; i++) await tick();
}

describe('encoders of a look', () => {
  it('get each of the frames that were painted side by side, and count those that they had no time for', async () => {
    const painted = new Fanout();
    const encoders = new Encoders(painted, {});
    const { sink, seen, hold, open } = slow();
    using _viewer = encoders.share('h264', () => sink);
    const write = async (from: number, to: number) => {
      for (let i = from; i <= to; i++) await painted.write(frame(grey(i), i));
    };
    await write(1, 4);
    await settle();
    expect(seen).toEqual([1]);
    expect(encoders.unsent).toBe(0);
    open();
    await settle();
    expect(seen).toEqual([1, 2, 3, 4]);
    hold();
    await write(5, 5);
    await settle();
    await write(6, 12);
    await settle();
    expect(seen.at(-1)).toBe(5);
    expect(encoders.unsent).toBe(4);
    open();
    await settle();
    expect(seen.slice(4)).toEqual([5, 10, 11, 12]);
    await painted.finish();
    await encoders[Symbol.asyncDispose]();
    expect(encoders.unsent).toBe(4);
  });
});
