import { describe, expect, it } from 'vitest';
import { Turns } from '../src/turns.js';

describe('turns', () => {
  it('run work one piece at a time, in the order asked for', async () => {
    const turns = new Turns();
    const seen: string[] = [];
    const work = (name: string, waits: number) =>
      turns.take(async () => {
        seen.push(`${name} begins`);
        for (let i = 0; i < waits; i++) await Promise.resolve();
        seen.push(`${name} ends`);
        return name;
      });
    expect(await Promise.all([work('a', 9), work('b', 0), work('c', 3)])).toEqual(['a', 'b', 'c']);
    expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('go on after a piece that failed, which tells whoever asked for it', async () => {
    const turns = new Turns();
    const failed = turns.take(async () => {
      throw new Error('no');
    });
    const next = turns.take(async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});
