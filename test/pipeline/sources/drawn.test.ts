import { afterEach, describe, expect, it } from 'vitest';
import { Card } from '../../../src/pipeline/demo/card.js';
import { Scene } from '../../../src/pipeline/demo/scene.js';
import { Tune } from '../../../src/pipeline/demo/tune.js';
import { framesAlive } from '../../../src/pipeline/frame.js';
import { liveNow } from '../../../src/pipeline/live.js';
import { CardSource } from '../../../src/pipeline/sources/card.js';
import { DemoSource } from '../../../src/pipeline/sources/demo.js';
import { loudness, rises, watch } from '../../fixtures/live.js';

afterEach(() => {
  expect(framesAlive()).toBe(0);
});

describe('the demo', () => {
  it('comes at its pace with sound on the same clock', async () => {
    await using source = new DemoSource();
    const began = liveNow();
    const seen = await watch(source, ({ times, sound }) => times.length > 10 && sound.length > 100);
    expect(seen.times.length).toBeGreaterThan(10);
    expect(new Set(seen.sizes)).toEqual(new Set(['640x360']));
    expect(rises(seen.times)).toBe(true);
    expect(seen.times[0]!).toBeGreaterThanOrEqual(began);
    expect(seen.times.at(-1)!).toBeLessThanOrEqual(liveNow());
    expect(rises(seen.sound.map(({ timestamp }) => timestamp))).toBe(true);
    expect(Math.max(...(await loudness(seen.sound)))).toBeGreaterThan(1e-5);
  });

  it('moves and fills the range without being a flat colour', () => {
    const scene = new Scene();
    const first = scene.draw(0);
    const second = scene.draw(1);
    const changed = first.data.reduce((sum, value, i) => sum + (value !== second.data[i] ? 1 : 0), 0);
    expect(changed / first.data.length).toBeGreaterThan(0.2);
    const mean = first.data.reduce((sum, value) => sum + value, 0) / first.data.length;
    expect(mean).toBeGreaterThan(60);
    expect(mean).toBeLessThan(200);
    expect(new Set(first.data).size).toBeGreaterThan(200);
  });

  it('never steps by more than the waves: no flash at the borders of its bands', () => {
    const scene = new Scene({ width: 160, height: 90 });
    const sums = Array.from({ length: 50 }, (_, i) => {
      const { data } = scene.draw(100 + i / 25);
      return data.reduce((sum, value) => sum + value, 0) / data.length;
    });
    const steps = sums.slice(1).map((sum, i) => Math.abs(sum - sums[i]!));
    expect(Math.max(...steps)).toBeLessThan(3);
  });

  it('plays quietly and never too loud', () => {
    const tune = new Tune();
    let sum = 0;
    let peak = 0;
    for (let i = 0; i < 1500; i++)
      for (const value of tune.next(960)) {
        sum += value * value;
        peak = Math.max(peak, Math.abs(value));
      }
    const level = 10 * Math.log10(sum / (1500 * 1920));
    expect(level).toBeGreaterThan(-32);
    expect(level).toBeLessThan(-17);
    expect(peak).toBeLessThan(0.8);
  });
});

describe('the card', () => {
  it('comes in any size, ten times a second, without sound', async () => {
    await using source = new CardSource({ width: 90, height: 161, text: 'SOON' });
    const seen = await watch(source, ({ times }) => times.length > 5);
    expect(new Set(seen.sizes)).toEqual(new Set(['90x161']));
    const steps = seen.times.slice(1).map((time, i) => time - seen.times[i]!);
    // Where the machine is busy it leaves some out, and none comes sooner.
    for (const step of steps) expect(Math.round(step / 1000) % 100).toBe(0);
    expect(rises(seen.times)).toBe(true);
    expect(seen.sound).toEqual([]);
    expect(source.info).toMatchObject({ kind: 'card', fps: 10 });
  });

  it('shows its text, whatever the text', () => {
    const white = (text: string) =>
      new Card({ width: 320, height: 180 }, text).draw(0).data.filter((value) => value > 220).length;
    expect(white('BE RIGHT BACK')).toBeGreaterThan(500);
    for (const text of ['', '画', 'x'.repeat(500), 'constructor', '…'])
      expect(white(text)).toBeGreaterThanOrEqual(0);
  });

  it('ends when it is disposed', async () => {
    const source = new CardSource();
    const frames = source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    (await frames.next()).value![Symbol.dispose]();
    await source[Symbol.asyncDispose]();
    expect((await frames.next()).done).toBe(true);
  });
});
