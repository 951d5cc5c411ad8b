import { describe, expect, it } from 'vitest';
import {
  type Contender,
  interleave,
  type Outcome,
  orderOf,
  timesAsLong,
} from '../../../src/commands/bench/interleave.js';

/** A clock that only work moves, and who worked when. */
class FakeTime {
  at = 0;
  readonly log: string[] = [];

  now = () => this.at;

  works(name: string, ms: number | ((run: number) => number)): Contender & { runs: number } {
    const contender = {
      name,
      runs: 0,
      run: async () => {
        this.at += typeof ms === 'number' ? ms : ms(contender.runs);
        contender.runs++;
        this.log.push(name);
        return undefined;
      },
    };
    return contender;
  }

  course(budgetMs: number, more: object = {}) {
    return { budgetMs, turnMs: 100, now: this.now, ...more };
  }
}

const measured = (outcome: Outcome | undefined) => {
  if (outcome?.kind !== 'measured') throw new Error(`it was ${outcome?.kind}`);
  return outcome;
};

describe('interleaved measuring', () => {
  it('gives every contender its turns, with the time of each by the clock', async () => {
    const time = new FakeTime();
    const outcomes = await interleave([time.works('a', 50), time.works('b', 200)], time.course(10_000));
    expect(outcomes.map((outcome) => measured(outcome).ms.median)).toEqual([50, 200]);
    for (const outcome of outcomes) expect(measured(outcome).ms.count).toBeGreaterThan(10);
  });

  it('lets contenders take turns instead of measuring one after the other', async () => {
    const time = new FakeTime();
    const rounds: number[] = [];
    const both = [time.works('a', 200), time.works('b', 200)];
    await interleave(both, time.course(2000, { onRound: () => rounds.push(time.log.length) }));
    const turns = time.log.slice(rounds[0]).join('');
    expect(rounds).toHaveLength(5);
    expect(turns).toBe('ababababab');
  });

  it('rotates who begins, and goes backwards in every second round', () => {
    const orders = [0, 1, 2, 3].map((round) => orderOf(['a', 'b', 'c'], round).join(''));
    expect(orders).toEqual(['abc', 'acb', 'cab', 'cba']);
    for (const order of orders) expect([...order].sort()).toEqual(['a', 'b', 'c']);
    expect(orderOf([], 3)).toEqual([]);
  });

  it('takes the time that a contender tells by its own clock', async () => {
    const time = new FakeTime();
    const own: Contender = { name: 'own', run: async () => 7 };
    expect(measured((await interleave([own], time.course(1000)))[0]).ms).toMatchObject({ median: 7, q1: 7 });
  });

  it('does not count the first run of a turn, which finds cold caches, of those that run often', async () => {
    const time = new FakeTime();
    let last = '';
    const cold = (name: string): Contender => ({
      name,
      run: async () => {
        time.at += last === name ? 10 : 90;
        last = name;
        return undefined;
      },
    });
    for (const outcome of await interleave([cold('a'), cold('b')], time.course(5000)))
      expect(measured(outcome).ms).toMatchObject({ q1: 10, median: 10, q3: 10 });
  });

  it('is not moved by a round in which the machine was busy', async () => {
    const time = new FakeTime();
    const disturbed = time.works('a', (run) => (run === 7 ? 5000 : 100));
    const [outcome] = await interleave([disturbed], time.course(4000));
    expect(measured(outcome).ms).toMatchObject({ q1: 100, median: 100, q3: 100 });
  });

  it('keeps about to its budget, and spreads the turns of slow contenders over all rounds', async () => {
    const time = new FakeTime();
    const slow = time.works('slow', 1000);
    const [, outcome] = await interleave([time.works('fast', 10), slow], time.course(20_000));
    const rounds = [...measured(outcome).rounds.keys()];
    expect(rounds.length).toBe(10);
    expect(Math.max(...rounds) - Math.min(...rounds)).toBeGreaterThan(30);
    expect(time.at).toBeLessThan(25_000);
  });

  it('measures three times at least, and skips who would need more than the whole budget for that', async () => {
    const time = new FakeTime();
    const outcomes = await interleave(
      [time.works('slow', 900), time.works('slower', 4200), time.works('fast', 10)],
      time.course(3000),
    );
    expect(measured(outcomes[0]).ms.count).toBe(3);
    expect(outcomes[1]).toEqual({ kind: 'skipped', estimateMs: 4200, why: 'would take 4.2 s each time' });
    expect(measured(outcomes[2]).ms.count).toBeGreaterThan(3);
  });

  it('measures with the smallest budget whoever is not slow', async () => {
    const time = new FakeTime();
    const outcomes = await interleave([time.works('a', 20), time.works('b', 1500)], time.course(1));
    expect(outcomes.map((outcome) => measured(outcome).ms.count)).toEqual([3, 3]);
  });

  it('goes on without a contender that fails, at first or later', async () => {
    const time = new FakeTime();
    const fails = (after: number) => {
      const good = time.works('bad', 10);
      return { ...good, run: () => (after-- > 0 ? good.run() : Promise.reject(new Error('no memory'))) };
    };
    const outcomes = await interleave([fails(0), time.works('good', 10), fails(40)], time.course(1000));
    expect(outcomes[0]).toEqual({ kind: 'failed', why: 'no memory' });
    expect(outcomes[2]).toEqual({ kind: 'failed', why: 'no memory' });
    expect(measured(outcomes[1]).ms.median).toBe(10);
  });

  it('ends at once when it is interrupted', async () => {
    const time = new FakeTime();
    const stop = new AbortController();
    const stops: Contender = {
      name: 'stops',
      run: async () => {
        if (time.log.length > 5) stop.abort(new Error('enough'));
        throw new Error('whatever');
      },
    };
    const work = time.works('a', 300);
    const going = interleave(
      [work, { ...stops, run: () => (time.log.length > 5 ? stops.run() : work.run()) }],
      {
        ...time.course(60_000),
        signal: stop.signal,
      },
    );
    await expect(going).rejects.toThrow('enough');
    expect(work.runs).toBeLessThan(10);
  });

  it('has nothing to tell of nobody', async () => {
    expect(await interleave([], { budgetMs: 10 })).toEqual([]);
  });
});

describe('how many times as long', () => {
  const outcome = (...times: (number | undefined)[]): Outcome => {
    const rounds = new Map(times.flatMap((ms, round) => (ms === undefined ? [] : [[round, ms] as const])));
    const sorted = [...rounds.values()].sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1]!;
    return {
      kind: 'measured',
      rounds,
      ms: { median, q1: median, q3: median, least: sorted[0]!, count: sorted.length },
    };
  };

  it('compares within each round, since what disturbs a round disturbs both', () => {
    expect(timesAsLong(outcome(10, 50, 10, 90, 10), outcome(30, 150, 30, 270, 30))).toBe(3);
    expect(timesAsLong(outcome(10, 50, 10, 90), outcome(undefined, 150, 30, 270))).toBe(3);
  });

  it('compares medians where they met too seldom, and nothing where one was not measured', () => {
    const few = outcome(undefined, undefined, 10, 10, 10);
    expect(timesAsLong(few, outcome(40, 40, 20, undefined, undefined))).toBe(4);
    expect(timesAsLong(few, { kind: 'failed', why: 'x' })).toBeUndefined();
    expect(timesAsLong({ kind: 'skipped', estimateMs: 1, why: 'x' }, few)).toBeUndefined();
  });
});
