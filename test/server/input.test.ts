import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { NotFound } from '../../src/errors.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { type Base, Input } from '../../src/server/input.js';
import { FakeCard, FakeSource, until } from './doubles.js';

/** A base whose sources take a while to end, as those of the network do. */
class SlowBase implements Base {
  readonly kind = 'demo';
  static open = 0;
  released = 0;

  async open() {
    SlowBase.open++;
    const source = new FakeCard();
    const close = source[Symbol.asyncDispose].bind(source);
    source[Symbol.asyncDispose] = async () => {
      await sleep(30);
      await close();
      SlowBase.open--;
    };
    return source;
  }

  release() {
    this.released++;
  }
}

const open = (onChange?: (problem?: string) => void) =>
  new Input({ card: () => new FakeSource(), ...(onChange ? { onChange } : {}) });

afterEach(() => expect(framesAlive()).toBe(0));

describe('what feeds a stream', () => {
  it('is one source alone, however many are asked for at once', async () => {
    await using input = open();
    await input.setBase(new SlowBase());
    await until(() => SlowBase.open === 1, 'the first');
    const bases = [1, 2, 3].map(() => new SlowBase());
    await Promise.all(bases.map((base) => input.setBase(base)));
    await until(() => SlowBase.open === 1, 'the last');
    await sleep(100);
    expect(SlowBase.open).toBe(1);
    expect(bases.map(({ released }) => released)).toEqual([1, 1, 0]);
    await input.setBase(undefined);
    expect(SlowBase.open).toBe(0);
    expect(bases.map(({ released }) => released)).toEqual([1, 1, 1]);
    expect(input.fed).toBe(false);
  });

  it('is let go of when the stream is closed, also what came too late', async () => {
    const input = open();
    const [one, two] = [new SlowBase(), new SlowBase()];
    await input.setBase(one);
    const late = input.setBase(two);
    await input[Symbol.asyncDispose]();
    await late;
    expect([one.released, two.released]).toEqual([1, 1]);
    expect(SlowBase.open).toBe(0);
  });

  it('tells why it does not come until it does, and nothing of what only the log is for', async () => {
    const told: (string | undefined)[] = [];
    await using input = open((problem) => told.push(problem));
    let broken: Error | undefined = new NotFound('Nobody answers.');
    const base: Base = {
      kind: 'rtmp',
      open: async () => {
        if (broken) throw broken;
        return new FakeCard();
      },
    };
    await input.setBase(base);
    await until(() => input.info.problem === 'Nobody answers.', 'the problem');
    expect(told).toContain('Nobody answers.');
    broken = new TypeError('secret is undefined');
    await until(() => input.info.problem?.includes('the log of the server'), 'another problem');
    broken = undefined;
    await until(() => input.info.problem === undefined, 'pictures');
    expect(told.some((problem) => problem?.includes('secret'))).toBe(false);
  });
});
